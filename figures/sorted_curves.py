# SPDX-License-Identifier: Apache-2.0
"""How does r_t(x) of all examples, sorted, grow from epoch to epoch? (memorization thesis, figure 4.1)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import Results
from figures._curves import SYMBOLS, epochs, examples_label, methods, numbers_of_examples, sorted_curve
from figures._names import label
from figures._panels import draw_scale, draw_sorted, panels
from figures._style import SCALE

NUMBER = "4.1"
TITLE = "sorted learning probabilities after every epoch"
NEEDS = ("learning",)
READING = (
    "Each curve holds the learning probabilities r of all examples after one epoch, sorted from the "
    "hardest to the easiest; its colour is the epoch. The steeper a curve, the more the examples differ; "
    "with few seeds even equally hard examples give a curve that rises, by chance."
)


def draw(results: Results) -> Figure:
    """Draw one panel per method, one curve per epoch, coloured by the fraction of training done."""
    shown = methods(results)
    figure, axes = panels(len(shown))
    for panel, method in zip(axes, shown, strict=True):
        _draw_panel(panel, results, method)
        between = ", " if len(shown) in (1, 2, 4) else "\n"
        panel.set_title(rf"{label(method)}{between}$t_{{\max}} = {epochs(results, method)[-1]}$")
    figure.supxlabel(examples_label(numbers_of_examples(results)))
    figure.supylabel(f"learning probability {SYMBOLS['r']}")
    draw_scale(figure, axes, r"epoch $t\,/\,t_{\max}$", aspect=45)
    return figure


def _draw_panel(panel: Axes, results: Results, method: str) -> None:
    own = epochs(results, method)
    width = float(np.clip(20 / len(own), 0.4, 0.9))
    for epoch in own:
        colour = SCALE(epoch / max(own[-1], 1))
        draw_sorted(
            panel, sorted_curve(results, method, epoch), color=colour, linewidth=width, label=str(epoch)
        )
