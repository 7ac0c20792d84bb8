# SPDX-License-Identifier: Apache-2.0
"""Matrices of correlations: a coloured cell with its number, in italics on the diagonal."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from analysis.framework.results import Row

SCALE = mpl.colormaps["RdBu_r"]
NORM = Normalize(-1, 1)


def draw_cells(panel: Axes, values: Float[np.ndarray, "one other"], *, size: float | None = 8) -> None:
    """Draw one cell for each value, none where it is nan; `size` is that of the numbers, in points, None for none."""
    panel.imshow(np.ma.masked_invalid(values), cmap=SCALE, norm=NORM, interpolation="nearest")
    panel.grid(False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    for (row, column), value in np.ndenumerate(values) if size is not None else ():
        if np.isfinite(value):
            panel.text(
                column,
                row,
                f"{value:.2f}".replace("-", "\N{MINUS SIGN}"),
                color="white" if abs(value) > 0.65 else "black",
                style="italic" if row == column else "normal",
                fontsize=size,
                ha="center",
                va="center",
            )


def scores_of(rows: Sequence[Row], method: str) -> list[str]:
    """Return the names of a method's scores, in the order of the rows."""
    return list(dict.fromkeys(row["score"] for row in rows if row["method"] == method))


def agreement(rows: Sequence[Row], keys: Sequence[tuple[str, str]]) -> Float[np.ndarray, "one other"]:
    """Return the correlations of scores (method, score), with reliabilities on the diagonal; nan if there is none."""
    values = np.full((len(keys), len(keys)), np.nan)
    for row in rows:
        one, other = (row["method"], row["score"]), (row["other"], row.get("other_score", row["score"]))
        value = row["reliability" if one == other else "rho"]
        if value is not None and one in keys and other in keys:
            at = keys.index(one), keys.index(other)
            values[at] = values[at[::-1]] = value
    return values


def colour_bar(figure: Figure, panels: Axes | list[Axes]) -> None:
    """Draw the scale of the colours beside some panels."""
    bar = figure.colorbar(
        ScalarMappable(NORM, SCALE), ax=panels, fraction=0.08, pad=0.03, shrink=0.7, ticks=[-1, 0, 1]
    )
    bar.outline.set_visible(False)
    bar.set_label("rank correlation")
