# SPDX-License-Identifier: Apache-2.0
"""Do methods call the same examples hard, whatever the score? All scores of all methods (figure D.3)."""

import textwrap

from matplotlib.figure import Figure

from analysis.statistics.difficulty import title
from dynamics.names import ordered
from figures import Results
from figures._cells import agreement, colour_bar, draw_cells, scores_of
from figures._names import label, plain

NUMBER = "D.3"
TITLE = "agreement of difficulty scores across methods"
NEEDS = ("scores",)
READING = (
    "Each cell is the rank correlation over examples of two scores, of one method (the blocks on the diagonal) or two, "
    "freed of the noise of few seeds, and positive where both call the same examples hard. On the diagonal is the "
    "reliability of a score. An empty cell could not be computed, or the methods cannot be compared. Methods that are "
    "asked about the same augmentations share what these make hard; analysis.correlation takes it off."
)
SIDE = 0.13
"""Inches of a cell."""
LETTERS = 2.2
"""Letters of a method's name that stand above one cell."""


def applies(results: Results) -> str | None:
    """Say why there is nothing to draw: no two methods that can be compared."""
    rows = results["scores"].rows
    compared = any(row["method"] != row["other"] and row["rho"] is not None for row in rows)
    return None if compared else "no two methods were scored on the same examples"


def draw(results: Results) -> Figure:
    """Draw one block for each pair of methods."""
    result = results["scores"]
    methods = ordered({row["method"] for row in result.rows})
    named = {method: scores_of(result.rows, method) for method in methods}
    keys = [(method, score) for method in methods for score in named[method]]
    side = SIDE * len(keys)
    figure = Figure((side + 2.2, side + 1.8), layout="constrained")
    panel = figure.subplots()
    draw_cells(panel, agreement(result.rows, keys), size=None)
    titles = [plain(title(score)) for _, score in keys]
    panel.set_xticks(range(len(keys)), titles, rotation=90, fontsize=6)
    panel.set_yticks(range(len(keys)), titles, fontsize=6)
    start = 0
    for method in methods:
        middle, end = start + (len(named[method]) - 1) / 2, start + len(named[method]) - 0.5
        words = textwrap.wrap(
            label(method), max(round(LETTERS * len(named[method])), 1), break_long_words=False
        )
        panel.text(middle, -1, "\n".join(words), ha="center", va="bottom", fontsize=8)
        if end < len(keys) - 0.5:
            panel.axhline(end, color="white", linewidth=2)
            panel.axvline(end, color="white", linewidth=2)
        start += len(named[method])
    colour_bar(figure, panel)
    return figure
