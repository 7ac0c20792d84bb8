"""
Figure 5.4: images that maximise single units
=============================================

What does a channel of a network respond to?

**How to read it.** Each tile is an image that makes one channel, at the centre of a block's output,
as active as the search could. Rows are the blocks, columns the methods and a network before its
first step. A channel that could not be made active is an empty, crossed-out tile.

**Here.** A narrow network that was trained on digits for some seconds: its tiles are strokes of 8 x
8 pixels, and those of the untrained network are, too.

**When not to trust it.** What the column of untrained networks shows as well comes from the
architecture and from the search, not from what was learnt. An image that maximises a channel need
not look like those that activate it in the data: it goes beyond all of them, as the table says.
"""

import tempfile

import dynamics
import figures
from analysis import activations
from analysis.activation_maximisation.settings import AscentSettings

folder = tempfile.TemporaryDirectory()
small = {
    "preset": "quick",
    "epochs": 8,
    "width": 9,
    "panel_augmentations": 1,
    "lr": 1e-2,
    "runs": folder.name,
    "study": "digits",
}
study = dynamics.train("supervised", "digits", seeds=1, **small)

result = activations.analyse(study, settings=AscentSettings(tiles=9), device="cpu")
figures.draw("activation-grids", result)

# %%
# Fractions of channels that are dead, and medians over the tiles of the activation that the search
# reached, and of the largest that a real image gives.

columns = ["method", "block", "channels", "dead_share", "median_activation", "median_largest_real"]
print(result.table[columns].round(2).to_string(index=False))
