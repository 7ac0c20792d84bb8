"""
Figure O.1: agreement of methods on the order of examples
=========================================================

Do methods learn examples in the same order?

**How to read it.** Each cell is the rank correlation over examples of the area, the mean over
epochs of being right, between two methods, freed of the noise of few seeds: 1 means that both learn
examples in one order, 0 that their orders have nothing to do with each other. On the diagonal, in
italics, stands the reliability of one method's area.

**Here.** SimCLR's order is as good as fixed, with a reliability of .99, and so is that of
supervised training; but they have nothing in common (.03, -.04 to .09). SimCLR and VICReg share
something (.38), random labels with and without augmentation, too (.45).

**When not to trust it.** To SimCLR and VICReg augmentations are most of what makes an image hard,
and both are asked about the same crops. That is what they share: under any augmentations r_t of the
two correlates by .15 (-.07 to .37), where it is .45 under the same ones (the last lines below).
The correction divides by reliabilities: at .57, random labels, its interval is wide.
"""

import dynamics
import figures
from analysis import correlation, order

study = dynamics.open_study("published/runs/cifar-small")
result = order.analyse(study)
figures.draw("order-agreement", result)

# %%
# Correlations with 95 % intervals for examples like these.

table = result.table.query("score == 'area' and method != other").set_index(["method", "other"])
columns = ["rho", "rho_examples_like_these_low", "rho_examples_like_these_high", "observed"]
print(table[columns].set_axis(["rho", "low", "high", "observed"], axis=1).round(2))

# %%
# r_t of SimCLR and VICReg at a mean of .75, under the same augmentations and under any.

found = correlation.analyse(study, targets=[0.75]).table
pair = found.query("method == 'simclr' and other == 'vicreg' and not within_classes")
ends = ["example_rho_examples_like_these_low", "example_rho_examples_like_these_high"]
print(pair[["rho", "example_rho", *ends]].round(2).to_string(index=False))
