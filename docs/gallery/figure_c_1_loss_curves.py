"""
Figure C.1: loss of every encoder, and its terms
================================================

How does the loss fall, and which of its terms?

**How to read it.** Each panel is the training loss of one method, black, mean over seeds, with its
terms before they are weighted; the band goes from the lowest to the highest seed. An axis is
logarithmic where values range over more than a factor of 30.

**Here.** Random labels stay near 2.3, the logarithm of ten classes, for some epochs without
augmentation and for about 25 with it before they fall. VICReg's loss halves, 37 to 18, with its
invariance and covariance; its variance term grows.

**When not to trust it.** Losses of different methods are in different units: compare curves of one
panel, not panels. A low loss is no evidence of good features: what networks have learnt is seen in
:doc:`figure G.1 <figure_g_1_generalization>` and by :doc:`probes <figure_c_3_probe_curves>`.
"""

import dynamics
import figures
from analysis import objectives

study = dynamics.open_study("published/runs/cifar-small")
result = objectives.analyse(study)
figures.draw("loss-curves", result)

# %%
# The terms of VICReg after the first and after the last epoch.

table = result.table.query(
    "method == 'vicreg' and scalar in ['loss', 'invariance', 'variance', 'covariance']"
)
print(table.groupby("scalar")["mean"].agg(["first", "last"]).round(3))
