# SPDX-License-Identifier: Apache-2.0
"""Do methods learn examples in the same order? Rank correlation of the area under each example's curve (figure O.1).

Off the diagonal the correlation between two methods without the noise of few seeds; on it the reliability of one.
"""

from matplotlib.figure import Figure

from dynamics.names import ordered
from figures import Results
from figures._cells import agreement, colour_bar, draw_cells
from figures._names import label

NUMBER = "O.1"
TITLE = "agreement of methods on the order of examples"
NEEDS = ("order",)
READING = (
    "Each cell is the rank correlation over examples of the area (the mean over epochs of being right) between two "
    "methods, freed of the noise of few seeds: 1 means that both learn examples in one order, 0 that their orders have "
    "nothing to do with each other. On the diagonal, in italics, stands the reliability of one method's area: its "
    "correlation with that of as many new seeds. An empty cell could not be computed. Methods that are asked about the "
    "same augmentations share what these make hard; analysis.correlation takes it off."
)

SIDE = 0.62
"""Inches of a cell."""
LEAST = 1.9
"""Minimum height in inches: that of the name of the colours."""


def applies(results: Results) -> str | None:
    """Say why there is nothing to draw: too few seeds."""
    enough = any(row["reliability"] is not None for row in results["order"].rows)
    return None if enough else "it takes two seeds of a method"


def draw(results: Results) -> Figure:
    """Draw one cell for each pair of methods."""
    result = results["order"]
    methods = ordered({row["method"] for row in result.rows})
    values = agreement(result.rows, [(method, "area") for method in methods])
    names = [label(method) for method in methods]
    room = 0.075 * max(map(len, names))
    side = SIDE * len(methods)
    figure = Figure((side + room + 0.9, max(side + room + 0.1, LEAST)), layout="constrained")
    panel = figure.subplots()
    draw_cells(panel, values)
    panel.set_xticks(range(len(names)), names, rotation=90)
    panel.set_yticks(range(len(names)), names)
    colour_bar(figure, panel)
    return figure
