"""
Figure 4.1: sorted learning probabilities after every epoch
===========================================================

How does the learning probability of all examples grow from epoch to epoch?

**How to read it.** Each curve holds the learning probabilities :math:`r_t(x)` of all examples after
one epoch, sorted from the hardest to the easiest; its colour is the epoch, and the area under it is
the mean. A curve that jumps from 0 to 1 divides the examples into those that no network gets right
and those that every network does.

**Here.** At means near 1/2 supervised training has the steepest curve: the standard deviation over
examples is .30, that of SimCLR .21. VICReg is at a mean of .75 after its first epoch. Random
labels, without augmentation, know only nine values of r, because eight seeds answer each example
once.

**When not to trust it.** With few seeds even equally hard examples give a curve that rises, by
chance: :doc:`figure 4.3 <figure_4_3_binomial_single>` shows by how much. Each curve is sorted on
its own, so that an example has another place in each; whether the same examples stay hard,
:doc:`figure O.1 <figure_o_1_order_agreement>` says.
"""

import dynamics
import figures
from analysis import learning

study = dynamics.open_study("published/runs/cifar-small")
result = learning.analyse(study)
figures.draw("sorted-curves", result)

# %%
# Each method at the first epoch whose mean reaches 1/2, with the standard deviation over examples.

table = result.table.query("mean_r >= 0.5").groupby("method").first()
print(table[["epoch", "seeds", "mean_r", "sd_r"]].round(3))
