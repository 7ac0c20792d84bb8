"""
Figure M.1: learning probability over the size of the batch
===========================================================

How much of the learning probability is the batch in which the partner is looked for?

**How to read it.** Each line is the mean learning probability of one epoch when the partner view is
looked for among the views of B examples, drawn at random from the panel; dashed, if mates of the
example's own class did not count; dotted is chance. A dot is the mean among the panel's fixed
mates, in batches of the panel's size.

**Here.** After the last epoch SimCLR finds the partner in .98 of cases among 2 examples, .79 among
64 and .56 among 1024. A number without its B means nothing. Mates of the same class take .026 of it
at B = 64.

**When not to trust it.** Each point is an exact average over all batches of the panel, not over
other images. Methods that learn from labels have no mates, and runs that recorded no rivals, as
VICReg's here, are not shown.
"""

import dynamics
import figures
from analysis import mates

study = dynamics.open_study("published/runs/cifar-small")
result = mates.analyse(study)
figures.draw("batch-sizes", result)

# %%
# The last epoch's curve.

for size, mean in zip(result.arrays["simclr.batch_sizes"], result.arrays["simclr.mean_r"][-1], strict=True):
    print(f"B = {size:4}: {mean:.3f}")
