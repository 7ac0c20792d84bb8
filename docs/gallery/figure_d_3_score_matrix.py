"""
Figure D.3: agreement of difficulty scores across methods
=========================================================

Do methods call the same examples hard, whatever the score?

**How to read it.** As :doc:`figure D.2 <figure_d_2_score_agreement>`, with the scores of all
methods: blocks on the diagonal are scores of one method, the others those of two.

**Here.** Dark blocks lie on the diagonal: but for random labels, scores of one method agree with
one another far more than with those of any other method. SimCLR and VICReg agree somewhat (.38 by
area), random labels with and without augmentation, too (.45), SimCLR and supervised training not at
all (.03).

**When not to trust it.** A score of one method only has a meaning for that method. SimCLR and
VICReg are asked about the same crops and agree on those, hardly on the examples: see
:doc:`figure O.1 <figure_o_1_order_agreement>`. Correlations
with random labels rest on reliabilities of .20 to .87; cells that could not be computed are empty.
Numbers and intervals are in ``scores.csv``.
"""

import dynamics
import figures
from analysis import scores

study = dynamics.open_study("published/runs/cifar-small")
result = scores.analyse(study)
figures.draw("score-matrix", result)

# %%
# The area of each method against that of each other one, with 95 % intervals.

pairs = result.table.query("method != other and score == 'area' and other_score == 'area'")
ends = ["rho_examples_like_these_low", "rho_examples_like_these_high"]
table = pairs.set_index(["method", "other"])[["rho", *ends]]
print(table.set_axis(["rho", "low", "high"], axis=1).round(2))
