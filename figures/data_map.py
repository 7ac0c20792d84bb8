# SPDX-License-Identifier: Apache-2.0
"""Which examples are easy, hard or ambiguous? Confidence against variability (figure D.1).

The data map of Swayamdipta et al. (2020, arXiv:2009.10795), averaged over seeds and augmentations.
"""

import numpy as np
from matplotlib.figure import Figure

from dynamics.names import ordered
from figures import Results
from figures._names import label
from figures._panels import draw_scale, free_panels
from figures._style import SCALE

NUMBER = "D.1"
TITLE = "data map"
NEEDS = ("examples",)
READING = (
    "One dot an example: upwards the mean over epochs of the probability of the right answer (confidence), rightwards "
    "its standard deviation over epochs (variability); the colour is the fraction of epochs with a right answer. Easy "
    "examples lie at the top, hard or mislabelled ones at the bottom, those that the network changes its mind about at "
    "the right. All are means over seeds and augmentations."
)


def applies(results: Results) -> str | None:
    """Say why there is nothing to draw: no probabilities."""
    recorded = any(name.endswith(".variability") for name in results["examples"].rows[0])
    return None if recorded else "no method recorded probabilities"


def draw(results: Results) -> Figure:
    """Draw one panel per method that recorded probabilities."""
    rows = results["examples"].rows
    shown = ordered({name.removesuffix(".variability") for name in rows[0] if name.endswith(".variability")})
    figure, axes = free_panels(len(shown))
    for panel, method in zip(axes, shown, strict=True):
        names = (f"{method}.{score}" for score in ("variability", "confidence", "area"))
        known = [row for row in rows if row[f"{method}.area"] is not None]
        x, y, area = (np.array([row[name] for row in known]) for name in names)
        panel.scatter(x, y, c=area, s=5, cmap=SCALE, vmin=0, vmax=1, alpha=0.7, linewidths=0, clip_on=False)
        panel.set(ylim=(0, 1), xlim=(0, 0.5), title=label(method))
        panel.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
        panel.set_xticks([0, 0.25, 0.5], ["0", "0.25", "0.5"])
    figure.supxlabel("variability")
    figure.supylabel("confidence")
    draw_scale(figure, axes, "fraction of epochs with a right answer", aspect=40)
    return figure
