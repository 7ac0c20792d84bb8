"""
Figure C.2: collapse: spread, rank, alignment and uniformity
============================================================

Does a network collapse, and when?

**How to read it.** A standard deviation near 0 means that all images have one vector (complete
collapse), a low rank that their vectors lie in few dimensions (dimensional collapse); the dotted
lines are the limits. In the last panel each line goes from the first epoch to the last, which has
the marker: low alignment, that both views of an image are near, is good only where uniformity is
low too.

**Here.** Nothing collapses. SimCLR's embeddings use 60 of 128 dimensions, VICReg's 140 of 256, with
limits of 6.4 and 12.8. Features of supervised networks, which need no more dimensions than there
are classes, have a limit of their own: 5, and they are at 53.

**When not to trust it.** The limits are conventions, far from what sound networks have. The
standard deviation is that of unit vectors, 1 where they are spread evenly over the sphere, so that
it does not see a space that shrinks; the rank can be no larger than the number of examples.
"""

import dynamics
import figures
from analysis import objectives

study = dynamics.open_study("published/runs/cifar-small")
result = objectives.analyse(study)
figures.draw("collapse-diagnostics", result)

# %%
# After the last epoch, with the limits.

for one in result.settings["collapse"]:
    rank = f"rank {one['rank']:.0f} (limit {one['rank_limit']:.1f})"
    print(f"{one['method']:18} {one['space']:10} std {one['std']:.2f}, {rank}: {one['verdict']}")
