"""
Figure E.1: easiest and hardest examples
========================================

Which examples are learnt first, and which last?

**How to read it.** Pictures of the examples with the largest and the smallest area, the mean over
epochs of being right, by each method. Below each stand its class and the area; behind an arrow the
label that was learnt, where it is another one.

**Here.** Digits, of which supervised training finds those easy that look as most of their class do.
Of random labels no picture says which is easy.

**When not to trust it.** With two seeds the ends of a ranking are partly chance: ask :doc:`figure
O.1 <figure_o_1_order_agreement>` for the reliability of the area first. Pictures of photographs
need the images that the networks were trained on (``extremes.analyse(study, data_root=...)``).
"""

import tempfile

import dynamics
import figures
from analysis import extremes

folder = tempfile.TemporaryDirectory()
small = {
    "preset": "quick",
    "epochs": 12,
    "train_examples": 192,
    "width": 8,
    "lr": 3e-2,
    "panel_augmentations": 1,
    "runs": folder.name,
    "study": "digits",
}
for method in ("supervised", "random-labels"):
    study = dynamics.train(method, "digits", seeds=2, **small)

result = extremes.analyse(study)
figures.draw("extremes", result)

# %%
# The hardest three of each method.

table = result.table.query("end == 'hardest' and rank <= 3")
print(table[["method", "example", "class", "trained_as", "area"]].round(2).to_string(index=False))
