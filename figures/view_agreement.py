# SPDX-License-Identifier: Apache-2.0
"""Is an example as hard by its first view as by its second? (memorization thesis, figure B.1)."""

import math
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.framework.results import Result
from dynamics.names import counted, ordered
from figures import Results
from figures._curves import SYMBOLS, array, share_of_examples
from figures._names import label
from figures._panels import draw_sorted, grid
from figures._style import SCALE

NUMBER = "B.1"
TITLE = "first against second views"
NEEDS = ("views",)
READING = (
    "A method that learns from two views is scored on how each of them finds the other: r from the first "
    "views sets the order, r from the second views is laid over it. Where both agree it does not matter which "
    "view is scored."
)

TITLES = {
    "averaged": f"{SYMBOLS['r']}, all augmentations",
    "one pair": rf"{SYMBOLS['r_tilde']}, one pair of views",
}
FIRST: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, (2.5, 1.0)), "zorder": 3}
GREY = "#555555"
IN_A_ROW = 6
"""Number of epochs side by side in a panel's legend."""


def draw(results: Results) -> Figure:
    """Draw one row per method: r_t averaged over augmentations, if there are several, and of one pair."""
    result = results["views"]
    shown = ordered({row["method"] for row in result.rows})
    kinds = [kind for kind in TITLES if any(row["kind"] == kind for row in result.rows)]
    most = max(len(_rows(result, method, kinds[-1])) for method in shown)
    legend = 0.33 * math.ceil(most / IN_A_ROW)
    figure, axes = grid(len(shown), len(kinds), margin=0.7 + len(shown) * legend)
    for panel, (method, kind) in zip(axes, product(shown, kinds), strict=True):
        if not _rows(result, method, kind):  # a method with a single augmentation beside others with more
            panel.set_axis_off()
            continue
        _draw_panel(panel, result, method, kind)
        panel.set_title(TITLES[kind], pad=72 * legend + 6)
        if len(shown) > 1 and (kind == kinds[0] or not _rows(result, method, kinds[0])):
            panel.set_ylabel(label(method))
    handles = [
        Line2D([], [], color=GREY, **FIRST, label="first views, sorted"),
        Line2D([], [], color=GREY, marker="o", linestyle="none", markersize=2, label="second views"),
    ]
    title = "in each panel: epoch $t$, below it the mean absolute error"
    figure.legend(handles=handles, loc="outside upper center", ncols=2, title=title)
    counts = {row["examples"] for row in result.rows}
    number = counted(counts.pop(), "example") if len(counts) == 1 else "examples"
    figure.supxlabel(f"fraction of the {number}, sorted by their first views", fontsize=9)
    figure.supylabel("learning probability", fontsize=9)
    return figure


def _rows(result: Result, method: str, kind: str) -> list[dict[str, Any]]:
    return [row for row in result.rows if (row["method"], row["kind"]) == (method, kind)]


def _draw_panel(panel: Axes, result: Result, method: str, kind: str) -> None:
    own = _rows(result, method, kind)
    counts = array(result, f"{method}.{kind}")
    places = share_of_examples(counts.shape[2])
    size = float(np.clip(1000 / len(places), 1, 4))
    # Equal values would merge into one dot: they are spread a little, evenly in any neighbourhood.
    shift = np.arange(len(places)) * (math.sqrt(5) - 1) / 2 % 1 - 0.5
    for at, row in enumerate(own):
        first, second = counts[at] / row["trials"]
        order = np.argsort(first, kind="stable")
        colour = SCALE(at / max(len(own) - 1, 1))
        dots = second[order] + shift * min(0.8 / row["trials"], 0.03)
        panel.scatter(places, dots, s=size, color=colour, alpha=0.4, linewidths=0, clip_on=False)
        draw_sorted(panel, first[order], color=colour, label=f"{row['epoch']}\n{row['mae']:.3f}", **FIRST)
    panel.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=min(len(own), IN_A_ROW),
        handlelength=1.0,
        handletextpad=0.3,
        columnspacing=0.7,
    )
