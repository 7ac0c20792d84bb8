# SPDX-License-Identifier: Apache-2.0
"""How are panels laid out whose rows and columns mean something: probabilities from 0 to 1 upwards, one y axis."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures._panels import HEIGHTS, WIDTHS


def grid(
    rows: int, columns: int, *, margin: float, sorted_examples: bool = True
) -> tuple[Figure, list[Axes]]:
    """Make a figure of `rows` by `columns` panels, listed row by row.

    Parameters
    ----------
    rows, columns
        How many; the figure is as wide as the text for two columns and more.
    margin
        Height in inches of what stands above and below all panels.
    sorted_examples
        Whether all panels share an x axis, the share of examples from 0 to 1; otherwise each has its own.
    """
    width, height = WIDTHS[min(columns, 3)], HEIGHTS[min(columns, 3)]
    figure = Figure(figsize=(width, rows * height + margin), layout="constrained")
    axes = list(figure.subplots(rows, columns, sharex=sorted_examples, sharey=True, squeeze=False).flat)
    axes[0].set(ylim=(-0.02, 1.02), yticks=[0, 0.25, 0.5, 0.75, 1], yticklabels=["0", "", "0.5", "", "1"])
    if sorted_examples:
        axes[0].set(xlim=(-0.01, 1.01), xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
    return figure, axes
