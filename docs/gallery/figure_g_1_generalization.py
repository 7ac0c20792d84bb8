"""
Figure G.1: learning probability on training and on held-out images
===================================================================

Who memorises, who learns?

**How to read it.** Solid is the mean learning probability of training images; dashed that of test
images which no network was trained on, under the same augmentations, with the 95 % interval of the
gap around it. Where both lines rise together a method learns; where only the solid one does it
memorises. Dotted is what training images get without learning.

**Here.** SimCLR ends at .789 on images that it was trained on and at .777 on others: a gap of .013
(.001 to .025). Supervised training learns and also remembers, a gap of .221. Random labels,
remembered in full, have nothing to say of other images.

**When not to trust it.** Held-out images are asked for the label that they have; of random labels
none is right but by chance. A small gap does not say that nothing of single examples is remembered:
that needs networks without each example, :doc:`figure G.2 <figure_g_2_memorization>`.
"""

import dynamics
import figures
from analysis import generalization

study = dynamics.open_study("published/runs/cifar-small")
result = generalization.analyse(study)
figures.draw("generalization", result)

# %%
# After the last epoch.

table = result.table.groupby("method").last()
print(table[["epoch", "mean_r", "mean_r_held_out", "gap", "verdict"]].round(3))
