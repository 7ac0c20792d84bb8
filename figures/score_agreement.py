# SPDX-License-Identifier: Apache-2.0
"""Do difficulty scores call the same examples hard? Rank correlations of all scores of a method (figure D.2)."""

import math

import numpy as np
from matplotlib.figure import Figure

from analysis.statistics.difficulty import title
from dynamics.names import ordered
from figures import Results
from figures._cells import agreement, colour_bar, draw_cells, scores_of
from figures._names import label, plain

NUMBER = "D.2"
TITLE = "agreement of difficulty scores"
NEEDS = ("scores",)
READING = (
    "Each cell is the rank correlation over examples of two scores of one method, freed of the noise of few seeds, and "
    "positive where both call the same examples hard. On the diagonal, in italics, is the reliability of a score: its "
    "correlation with that of as many new seeds. An empty cell could not be computed, or the score has no hard side."
)
SIDE = 0.27
"""Inches of a cell."""


def applies(results: Results) -> str | None:
    """Say why there is nothing to draw: too few seeds."""
    enough = any(row["reliability"] is not None for row in results["scores"].rows)
    return None if enough else "it takes two seeds of a method"


def draw(results: Results) -> Figure:
    """Draw one panel per method, up to two side by side, of the scores that the method has."""
    result = results["scores"]
    methods = ordered({row["method"] for row in result.rows})
    names = {method: scores_of(result.rows, method) for method in methods}
    titles = {name: plain(title(name)) for own in names.values() for name in own}
    columns = min(len(methods), 2)
    lines = math.ceil(len(methods) / columns)
    cells = np.array([len(names[method]) for method in methods] + [0] * (lines * columns - len(methods)))
    across, down = (cells.reshape(lines, columns).max(axis=axis) for axis in (0, 1))
    room = 0.07 * max(map(len, titles.values())) + 0.1
    size = (SIDE * across.sum() + columns * room + 0.9, SIDE * down.sum() + lines * (room + 0.25))
    figure = Figure(size, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, width_ratios=across, height_ratios=down)
    panels = list(grid.flat)
    for panel, method in zip(panels, methods, strict=False):
        draw_cells(panel, agreement(result.rows, [(method, name) for name in names[method]]), size=5)
        panel.set_title(label(method))
        shown = [titles[name] for name in names[method]]
        panel.set_xticks(range(len(shown)), shown, rotation=90)
        panel.set_yticks(range(len(shown)), shown)
    for hole in panels[len(methods) :]:
        hole.remove()
    colour_bar(figure, panels[: len(methods)])
    for panel in panels[: len(methods)]:
        panel.set_anchor("NW")
    return figure
