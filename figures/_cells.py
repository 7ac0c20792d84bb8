# SPDX-License-Identifier: Apache-2.0
"""Matrices of correlations: a coloured cell with its number, in italics on the diagonal."""

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

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


def colour_bar(figure: Figure, panels: Axes | list[Axes]) -> None:
    """Draw the scale of the colours beside some panels."""
    bar = figure.colorbar(
        ScalarMappable(NORM, SCALE), ax=panels, fraction=0.08, pad=0.03, shrink=0.7, ticks=[-1, 0, 1]
    )
    bar.outline.set_visible(False)
    bar.set_label("rank correlation")
