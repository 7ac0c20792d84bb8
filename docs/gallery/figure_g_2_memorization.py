"""
Figure G.2: memorisation of single examples
===========================================

What does a network remember of a single example?

**How to read it.** Memorisation m of an example is the learning probability of networks that were
trained on it less that of those that were not. Left, its mean over examples at every epoch, with
the 95 % interval, and the middle 50 % and 90 % of the examples. Right, a dot (larger: of several)
for each example at the last epoch, against its learning probability when it was trained on: on the
dashed line no network without the example is right about it; on the zero line as many are.

**Here.** Each seed left another 30 % of the panel out (``hold_out=0.3``). Random labels can only be
remembered: their mean rises towards 1, and most dots lie at the end of the dashed line. The mean of
supervised networks, which learn digits that they have not seen, too, is within its interval of 0.

**When not to trust it.** With four seeds one or two leave an example out: dots take few values and
spread widely by chance, below zero, too. Trust the mean and its interval; single examples need
dozens of seeds. What every seed, or none, left out is not shown.
"""

import tempfile

import dynamics
import figures
from analysis import memorization

folder = tempfile.TemporaryDirectory()
small = {"preset": "quick", "train_examples": 192, "width": 8, "panel_augmentations": 1, "hold_out": 0.3}
small |= {"runs": folder.name, "study": "digits", "seeds": 4}
dynamics.train("supervised", "digits", epochs=12, lr=3e-2, **small)
study = dynamics.train("random-labels", "digits", epochs=24, lr=3e-2, **small)

result = memorization.analyse(study)
figures.draw("memorization", result)

# %%
# Means after the last epoch, with the ends of their 95 % intervals.

table = result.table.groupby("method").last()
mean = "mean_m"
columns = [mean, f"{mean}_examples_like_these_low", f"{mean}_examples_like_these_high"]
print(table[columns].set_axis(["m", "low", "high"], axis=1).round(2))
