"""
Figure D.1: data map
====================

Which examples are easy, which hard, and which does a network change its mind about?

**How to read it.** One dot for each example: its confidence, the mean over epochs of the
probability of its label, against its variability, the standard deviation of that over epochs
(Swayamdipta et al., 2020). Top left are the easy examples, bottom left the hard ones, right those
that are learnt on the way. The colour is the fraction of epochs with a right answer.

**Here.** Of 1024 photographs 110 have a confidence above .8 and 80 one below .2. Automobiles are
the easiest class, at a mean of .69, cats the hardest, at .39.

**When not to trust it.** Hard examples are not always mislabelled, and all depends on when training
stops: with more epochs all dots move up. Only methods that recorded probabilities of labels are
shown.
"""

import dynamics
import figures
from analysis import examples

study = dynamics.open_study("published/runs/cifar-small")
result = examples.analyse(study)
figures.draw("data-map", result)

# %%
# The five hardest examples by confidence.

table = result.table.nsmallest(5, "supervised.confidence")
print(
    table[["example", "class", "supervised.confidence", "supervised.variability"]]
    .round(3)
    .to_string(index=False)
)
