# SPDX-License-Identifier: Apache-2.0
"""How does the loss of every encoder fall, and what are its terms? (figure C.1, after the VICReg coursework).

The coursework draws the loss of each encoder over the epochs. Losses of different methods are in different units:
each panel has its own axis, a logarithmic one where the values range over more than a factor of 30.
"""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.framework.results import Result
from dynamics.names import encoder_label, ordered
from figures import Results
from figures._curves import array
from figures._names import label, plain
from figures._panels import WIDTHS, free_panels, in_columns, legend_columns
from figures._seeds import BAND, draw_seeds, number_epochs, scale_values

NUMBER = "C.1"
TITLE = "loss of every encoder, and its terms"
NEEDS = ("objectives",)
TABLES = ("objectives.losses",)
READING = (
    "Each panel is the loss of one method over the epochs, black, with its terms before they are "
    "weighted. Losses of different methods are in different units: compare a panel's curves, not panels."
)

LOSS = "#000000"
TERMS: tuple[tuple[str, Any], ...] = (
    ("#0077BB", (0, (4, 1.5))),
    ("#EE7733", (0, (1, 1.2))),
    ("#009988", (0, (4, 1, 1, 1))),
    ("#CC3377", (0, (7, 2))),
    ("#7A5B00", (0, (2, 1, 1, 1, 1, 1))),
)
"""Colour and dashes of a term, by its index among all terms of the study; both repeat."""


def draw(results: Results) -> Figure:
    """Draw one panel per method: the loss, its terms without their weights, a band over the seeds."""
    result = results["objectives"]
    own = result.settings["methods"]
    shown = ordered(own)
    terms = list(dict.fromkeys(term for method in shown for term in own[method]["terms"] if term != "loss"))
    looks = {term: TERMS[at % len(TERMS)] for at, term in enumerate(terms)}
    handles = _legend_handles(looks)
    in_a_row = legend_columns(
        [str(handle.get_label()) for handle in handles], width=WIDTHS[in_columns(len(shown))]
    )
    margin = 0.35 + 0.15 * math.ceil(len(handles) / in_a_row)
    figure, axes = free_panels(len(shown), margin=margin)
    for panel, method in zip(axes, shown, strict=True):
        _draw_panel(panel, result, method, looks)
    figure.legend(handles=handles, loc="outside upper center", ncols=in_a_row)
    figure.supxlabel("epoch $t$")
    figure.supylabel("loss, mean over seeds")
    return figure


def _draw_panel(panel: Axes, result: Result, method: str, looks: dict[str, tuple[str, Any]]) -> None:
    own = result.settings["methods"][method]
    epochs = array(result, f"{method}.epochs")
    for term in reversed(own["terms"]):  # the loss comes first in the list, and on top in the panel
        colour, dashes = looks.get(term, (LOSS, "solid"))
        width = 1.3 if term == "loss" else 1.0
        values = array(result, f"{method}.{term}")
        draw_seeds(panel, epochs, values, color=colour, linestyle=dashes, linewidth=width, label=plain(term))
    number_epochs(panel)
    scale_values(panel)
    encoder = encoder_label(own["encoder"], own["width"])
    panel.set_title(label(method) + (f"\n{plain(encoder)}" if encoder else ""))


def _legend_handles(looks: dict[str, tuple[str, Any]]) -> list[Line2D | Patch]:
    lines: list[Line2D | Patch] = [Line2D([], [], color=LOSS, linewidth=1.3, label="loss")]
    lines += [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=1.0, label=plain(term))
        for term, (colour, dashes) in looks.items()
    ]
    return [*lines, Patch(color=LOSS, alpha=BAND, linewidth=0, label="lowest to highest seed")]
