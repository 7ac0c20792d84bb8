"""
Figure B.1: first against second views
======================================

Is an example as hard by its first view as by its second?

**How to read it.** A method that learns from two views is scored on how each of them finds the
other. The dashed line is r from the first views, which sets the order; each dot is r of the same
example from its second views. The legend has the epoch and the mean absolute error between both.
Where dots lie on the line, it does not matter which view is scored.

**Here.** Averaged over augmentations SimCLR's error is .040 to .064, and no more than .001 larger
than the chance of so few answers allows (``mae_if_equal``). Of one pair of views it is about .1 at
the later epochs, with .06 expected: which of two views is looked for then matters.

**When not to trust it.** Few seeds give r few values, on which dots gather; they are spread a
little so that all are seen.
"""

import dynamics
import figures
from analysis import views

study = dynamics.open_study("published/runs/cifar-small")
result = views.analyse(study)
figures.draw("view-agreement", result)

# %%
# The errors, beside those were both views equally hard and independent, and the rank correlations.

columns = ["method", "kind", "epoch", "mae", "mae_if_equal", "spearman"]
print(result.table[columns].round(3).to_string(index=False))
