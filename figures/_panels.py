# SPDX-License-Identifier: Apache-2.0
"""Layout of small panels, one to nine and more, mostly with sorted curves from 0 to 1 on both axes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cbook import pts_to_midstep
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.path import Path

from figures._curves import share_of_examples
from figures._style import SCALE

WIDTHS = {1: 3.6, 2: 5.5, 3: 5.5}
HEIGHTS = {1: 2.5, 2: 2.2, 3: 1.8}
"""Width in inches, by the number of columns."""


def panels(count: int, *, margin: float = 0.3) -> tuple[Figure, list[Axes]]:
    """Make a figure of `count` panels that share their axes: up to three side by side, four as a square.

    `margin` is the height in inches of what stands above and below all panels.
    """
    figure, axes = free_panels(count, margin=margin, share=True)
    for lowest in axes[-in_columns(count) :]:
        lowest.tick_params(labelbottom=True)
    axes[0].set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02))
    axes[0].set(xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
    axes[0].set(yticks=[0, 0.25, 0.5, 0.75, 1], yticklabels=["0", "", "0.5", "", "1"])
    return figure, axes


def in_columns(count: int) -> int:
    """Return the number of columns for so many panels: up to three side by side, four as a square."""
    return 2 if count == 4 else min(count, 3)


def free_panels(count: int, *, margin: float = 0.3, share: bool = False) -> tuple[Figure, list[Axes]]:
    """Make a figure as :func:`panels` does, but with axes of any values, separate ones unless they `share` them."""
    columns = in_columns(count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(WIDTHS[columns], rows * HEIGHTS[columns] + margin), layout="constrained")
    axes = list(figure.subplots(rows, columns, sharex=share, sharey=share, squeeze=False).flat)
    for hole in axes[count:]:
        hole.remove()
    return figure, axes[:count]


def draw_scale(figure: Figure, axes: Sequence[Axes], title: str, *, aspect: float) -> None:
    """Draw the colours of 0 to 1 to the right of all panels."""
    bar = figure.colorbar(ScalarMappable(cmap=SCALE), ax=axes, aspect=aspect, pad=0.02)
    bar.set_label(title)
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "", "0.5", "", "1"])
    bar.outline.set_linewidth(0.6)


def grid(
    rows: int, columns: int, *, margin: float, sorted_examples: bool = True
) -> tuple[Figure, list[Axes]]:
    """Make a figure of `rows` by `columns` panels, listed row by row.

    Parameters
    ----------
    rows, columns
        Numbers of rows and columns; the figure is as wide as the text for two columns and more.
    margin
        Height in inches of what stands above and below all panels.
    sorted_examples
        Whether all panels share an x axis, the fraction of examples from 0 to 1; otherwise each has its own.
    """
    width, height = WIDTHS[min(columns, 3)], HEIGHTS[min(columns, 3)]
    figure = Figure(figsize=(width, rows * height + margin), layout="constrained")
    axes = list(figure.subplots(rows, columns, sharex=sorted_examples, sharey=True, squeeze=False).flat)
    axes[0].set(ylim=(-0.02, 1.02), yticks=[0, 0.25, 0.5, 0.75, 1], yticklabels=["0", "", "0.5", "", "1"])
    if sorted_examples:
        axes[0].set(xlim=(-0.01, 1.01), xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
    return figure, axes


def draw_sorted(panel: Axes, curve: Float[np.ndarray, " example"], **style: Any) -> None:
    """Draw sorted values over the fraction of examples, one step per example."""
    panel.plot(share_of_examples(len(curve)), curve, drawstyle="steps-mid", **style)


def legend_columns(labels: Sequence[str], *, width: float) -> int:
    """Return the number of columns in which a legend with these labels fits into `width` inches."""
    sizes = [0.055 * len(label) + 0.4 for label in labels]
    for columns in range(len(labels), 1, -1):
        if (
            sum(max(stack) for stack in np.array_split(sizes, columns)) <= width
        ):  # filled column by column, as in matplotlib
            return columns
    return 1


def settle_legends(figure: Figure) -> None:
    """Put each panel's legend into a corner where it hides no line, or all of them above their panels.

    The corners below and above a rising curve are tried, at the legend's true size. Where one panel has no
    free corner, the figure grows, and the legends stand between titles and panels.
    """
    figure.draw_without_rendering()  # lays the panels out, so that sizes are known
    for panel in figure.axes:
        if (legend := panel.get_legend()) is not None:
            legend.set_loc("lower right")
            if hides_a_line(panel):
                legend.set_loc("upper left")
    if any(hides_a_line(panel) for panel in figure.axes):
        _lift_legends(figure)


def _lift_legends(figure: Figure) -> None:
    legends = _in_a_row(figure) or [legend for panel in figure.axes if (legend := panel.get_legend())]
    height = max(legend.get_window_extent().height for legend in legends) / figure.dpi
    for legend in legends:
        legend.set_loc("lower center")
        legend.set_bbox_to_anchor((0.5, 1.0))
    for panel in figure.axes:
        panel.set_title(panel.get_title(), pad=72 * height + 7)
    rows = len({panel.get_position().y0 for panel in figure.axes})
    figure.set_figheight(figure.get_figheight() + rows * height)


def _in_a_row(figure: Figure) -> list[Legend]:
    """Spread each panel's legend into one row and return them, if all are then as narrow as their panels."""
    found = [(panel, legend) for panel in figure.axes if (legend := panel.get_legend()) is not None]
    rows = []
    for panel, legend in found:
        entries = [handle for handle in legend.legend_handles if handle is not None]
        labels = [text.get_text() for text in legend.get_texts()]
        title = legend.get_title().get_text()
        style: dict[str, Any] = {"handlelength": 0.8, "handletextpad": 0.3, "columnspacing": 0.7}
        rows.append(panel.legend(entries, labels, ncols=len(labels), title=title or None, **style))
    widths = [
        (row.get_window_extent().width, panel.get_window_extent().width)
        for row, (panel, _) in zip(rows, found, strict=True)
    ]
    if all(row <= panel for row, panel in widths):
        return rows
    for panel, legend in found:
        panel.legend_ = legend
    return []


def hides_a_line(panel: Axes) -> bool:
    """Whether a panel's legend covers part of one of its lines; the figure must have been laid out."""
    legend = panel.get_legend()
    if legend is None:
        return False
    box = legend.get_window_extent()
    for line in panel.get_lines():
        steps = np.transpose(pts_to_midstep(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())))
        if Path(panel.transData.transform(steps)).intersects_bbox(box, filled=False):
            return True
    return False
