# SPDX-License-Identifier: Apache-2.0
"""Do methods learn examples in the same order? Rank correlation of the area under each example's curve (figure O.1).

Off the diagonal the correlation between two methods without the noise of few seeds; on it the reliability of one.
"""

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis.framework.results import Result
from dynamics.names import ordered
from figures import Results
from figures._names import label

NUMBER = "O.1"
TITLE = "agreement of methods on the order of examples"
NEEDS = ("order",)
READING = (
    "Each cell is the rank correlation over examples of the area (the mean over epochs of being right) between two "
    "methods, freed of the noise of few seeds: 1 means that both learn examples in one order, 0 that their orders have "
    "nothing to do with each other. On the diagonal, in italics, stands the reliability of one method's area: its "
    "correlation with that of as many new seeds. An empty cell could not be computed."
)

SCALE = mpl.colormaps["RdBu_r"]
NORM = Normalize(-1, 1)
SIDE = 0.62
"""Inches of a cell."""


def draw(results: Results) -> Figure:
    """Draw one cell for each pair of methods."""
    result = results["order"]
    methods = ordered({row["method"] for row in result.rows})
    values = agreement(result, methods)
    names = [label(method) for method in methods]
    room = 0.075 * max(map(len, names))
    side = SIDE * len(methods)
    figure = Figure((side + room + 1.2, side + room + 0.9), layout="constrained")
    panel = figure.subplots()
    _draw_cells(panel, values)
    panel.set_xticks(range(len(names)), names, rotation=90)
    panel.set_yticks(range(len(names)), names)
    bar = figure.colorbar(
        ScalarMappable(NORM, SCALE), ax=panel, fraction=0.08, pad=0.03, shrink=0.7, ticks=[-1, 0, 1]
    )
    bar.outline.set_visible(False)
    bar.set_label("rank correlation")
    return figure


def agreement(result: Result, methods: tuple[str, ...]) -> Float[np.ndarray, "method other"]:
    """Return the correlations of the area, with reliabilities on the diagonal; nan where there is none."""
    values = np.full((len(methods), len(methods)), np.nan)
    for row in result.rows:
        own = row["method"] == row["other"]
        value = row["reliability" if own else "rho"]
        if row["score"] == "area" and value is not None:
            one, other = methods.index(row["method"]), methods.index(row["other"])
            values[one, other] = values[other, one] = value
    return values


def _draw_cells(panel: Axes, values: Float[np.ndarray, "method other"]) -> None:
    panel.imshow(np.ma.masked_invalid(values), cmap=SCALE, norm=NORM, interpolation="nearest")
    panel.grid(False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            panel.text(
                column,
                row,
                f"{value:.2f}".replace("-", "\N{MINUS SIGN}"),
                color="white" if abs(value) > 0.65 else "black",
                style="italic" if row == column else "normal",
                fontsize=8,
                ha="center",
                va="center",
            )
