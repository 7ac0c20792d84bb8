"""
Figure 4.2: sorted learning probabilities at aligned epochs
===========================================================

Do methods that have learnt equally much spread it equally over the examples?

**How to read it.** Each panel compares the methods at those epochs, in brackets, at which their
mean of :math:`r_t(x)` is nearest to that of the reference at the epoch in the title. What differs
between the curves of a panel is the spread between examples.

**Here.** At SimCLR's epochs 5, 10 and 25 supervised training, after 4, 13 and 24 epochs, has more
examples near 0 and more near 1 than SimCLR has. Random labels with augmentation lie on
SimCLR's curve after 37 epochs and close to it after 42; after 49 theirs is flatter.

**When not to trust it.** Means agree only up to the step between two epochs. A star marks a method
that is more than .05 away: after their first epochs VICReg's mean is .75 and that of supervised
training .22, where SimCLR's is .16, and random labels go from .45 to .67 in one. SimCLR's curve
also depends on the number of augmentations that r is averaged over, see :doc:`figure 4.5
<figure_4_5_augmentation_spread>`.
"""

import dynamics
import figures
from analysis import alignment, learning

study = dynamics.open_study("published/runs/cifar-small")
result = alignment.analyse(study)
figures.draw("aligned-curves", learning.analyse(study), result)

# %%
# The difference between the means, at the nearest epochs.

table = result.table.query("reference_epoch > 1 and method != 'simclr'")
print(table.pivot(index="method", columns="reference_epoch", values=["epoch", "residual"]).round(3))
