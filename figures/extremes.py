# SPDX-License-Identifier: Apache-2.0
"""What do the examples look like that are learnt first and last? (figure E.1)."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.framework.results import Result, Row
from dynamics.names import ordered
from figures import Results
from figures._curves import array
from figures._names import label, plain
from figures._panels import WIDTHS

NUMBER = "E.1"
TITLE = "easiest and hardest examples"
NEEDS = ("extremes",)
READING = (
    "For each method the examples of the panel that are learnt first (upper row) and last (lower row), the most "
    "extreme at the left: those with the largest and the smallest area, the mean over epochs of r, which stands below "
    "each with its class. Where the label that was learnt is another, it stands behind an arrow. Extreme examples of "
    "many are in part extreme by luck: scores.csv has the reliability of the area."
)

TILE = 0.47
"""Side of a picture in inches."""
LABELS = 0.75
"""Width in inches of the labels at the left."""


def applies(results: Results) -> str | None:
    """Say why there is nothing to draw: no pictures."""
    there = "pictures" in results["extremes"].arrays
    return None if there else "the images were not there when its numbers were made"


def draw(results: Results) -> Figure:
    """Draw two rows of pictures for each method."""
    result = results["extremes"]
    pictures = array(result, "pictures")
    lines: dict[tuple[str, str], list[tuple[Row, np.ndarray]]] = {}
    for row, picture in zip(result.rows, pictures, strict=True):
        lines.setdefault((row["method"], row["end"]), []).append((row, picture))
    methods = ordered({method for method, _ in lines})
    across = max(map(len, lines.values()))
    height = TILE + (0.28 if _renamed(result) else 0.19)
    size = (max(WIDTHS[3], LABELS + across * (TILE + 0.02)), 0.2 + 2 * len(methods) * height)
    tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.0, hspace=0.0)
    figure = Figure(figsize=size, layout=tight)
    axes = figure.subplots(2 * len(methods), across, squeeze=False)
    for number, method in enumerate(methods):
        for panels, end in zip(axes[2 * number : 2 * number + 2], ("easiest", "hardest"), strict=True):
            _draw_line(panels, lines.get((method, end), []))
            name = "\n".join(textwrap.wrap(label(method), 13)) if end == "easiest" else ""
            panels[0].text(
                -0.12,
                0.5,
                end,
                transform=panels[0].transAxes,
                rotation=90,
                fontsize=7,
                ha="right",
                va="center",
            )
            panels[0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center", labelpad=14)
    return figure


def _renamed(result: Result) -> bool:
    return any(row["trained_as"] is not None for row in result.rows)


def _draw_line(panels: list[Axes], shown: list[tuple[Row, np.ndarray]]) -> None:
    for panel in panels:
        panel.set(xticks=[], yticks=[])
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
    for panel, (row, picture) in zip(panels, shown, strict=False):
        panel.imshow(picture, interpolation="nearest")
        panel.set_xlabel(caption(row), fontsize=5, labelpad=1.5, linespacing=0.95)


def caption(row: Row) -> str:
    r"""Return what stands below a picture: class and area, and what it was learnt as where that is another class.

    Examples
    --------
    >>> caption({"class": "automobile", "area": 0.5, "trained_as": "frog"})
    'automobile: .50\n→ frog'
    """
    name = _short(row["class"]) if row["class"] is not None else str(row["id"] or row["example"])
    area = f"{row['area']:.2f}".removeprefix("0") if row["area"] < 0.995 else "1"
    return f"{name}: {area}" + (f"\n→ {_short(row['trained_as'])}" if row["trained_as"] is not None else "")


def _short(name: str) -> str:
    return plain(name if len(name) <= 11 else name[:10] + "\N{HORIZONTAL ELLIPSIS}")
