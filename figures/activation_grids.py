# SPDX-License-Identifier: Apache-2.0
"""What do single units respond to? Grids of images that maximise them (memorization thesis, figure 5.4).

Rows are blocks, columns are methods and a network before its first step. A unit that could not be made active
is an empty, crossed-out tile.
"""

import math
import textwrap

import numpy as np
from jaxtyping import Bool, UInt8
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.framework.results import Result, Row
from dynamics.names import ordered
from figures import Results
from figures._curves import array
from figures._names import label
from figures._panels import WIDTHS

NUMBER = "5.4"
TITLE = "images that maximise single units"
NEEDS = ("activations",)
READING = (
    "Each tile is an image that makes one channel at the centre of a block's output as active as the "
    "search could. What is seen in the column of untrained networks as well comes from the architecture, "
    "not from what was learnt; dead channels are marked as such."
)

CONTROL = "random-initialisation"
TILE = 56
"""Minimum size of a tile in the file, in pixels: pixels are repeated to reach it, so that they stay squares."""
GAP = 0.1
"""Width of the grey gap between tiles, in tiles."""
FRAME, EMPTY, CROSS = 190, 235, "#888888"
"""Grey around tiles and of a dead tile, 0 to 255, and the colour of its cross."""
NARROWEST, WIDEST = 0.9, 1.3
"""Width of a grid in inches; with more methods than fit, the figure is wider than the text."""
LABELS = 0.5
"""Width in inches of the labels of blocks at the left."""


def draw(results: Results) -> Figure:
    """Draw one grid per method and block."""
    result = results["activations"]
    shown = columns_of(result)
    blocks = sorted({row["block"] for row in result.rows})
    side = min(max((WIDTHS[3] - LABELS) / len(shown), NARROWEST), WIDEST)
    size = (LABELS + side * len(shown), 0.55 + len(blocks) * (side + 0.17))
    tight = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.02, wspace=0.0, hspace=0.0)
    figure = Figure(figsize=size, layout=tight)
    axes = figure.subplots(len(blocks), len(shown), squeeze=False)
    rows = {(row["method"], row["block"]): row for row in result.rows}
    for line, block in zip(axes, blocks, strict=True):
        for panel, method in zip(line, shown, strict=True):
            row = rows[method, block]
            _draw_panel(panel, result, row)
            head = f"{heading(method)}\n" if block == blocks[0] else ""
            panel.set_title(f"{head}{death(row)}", fontsize=8, pad=2)
        canvas = rows[shown[0], block]["canvas"]
        line[0].set_ylabel(f"block {block}\n{canvas} $\\times$ {canvas} px", fontsize=8)
    return figure


def columns_of(result: Result) -> list[str]:
    """Return the methods in the order of the figures, the untrained network last."""
    found = dict.fromkeys(row["method"] for row in result.rows)
    return [*ordered(method for method in found if method != CONTROL), *(m for m in found if m == CONTROL)]


def heading(method: str) -> str:
    """Return a method's name, on two lines where one is wider than a grid."""
    name = "random initialisation" if method == CONTROL else label(method)
    lines = textwrap.wrap(name, 14)[:2]
    return "\n".join([""] * (2 - len(lines)) + lines)


def death(row: Row) -> str:
    """Return the percentage of a grid's channels that are dead, as text."""
    return f"{100 * row['dead_share']:.0f} % dead"


def _draw_panel(panel: Axes, result: Result, row: Row) -> None:
    prefix = f"{row['method']}.block{row['block']}"
    images, dead = array(result, f"{prefix}.images"), array(result, f"{prefix}.dead")
    across = math.ceil(math.sqrt(len(images)))
    panel.imshow(
        mosaic(images, dead, across),
        interpolation="nearest",
        extent=(0, across, math.ceil(len(images) / across), 0),
    )
    panel.set(xlim=(0, across), ylim=(across, 0), xticks=[], yticks=[], aspect="equal")
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.add_collection(LineCollection(crosses(dead, across), colors=CROSS, linewidths=0.5))


def mosaic(
    images: UInt8[np.ndarray, "tile size size channel"], dead: Bool[np.ndarray, " tile"], across: int
) -> UInt8[np.ndarray, "height width channel"]:
    """Return all tiles in one image, row by row, `across` in a row, grey between and white where there is none."""
    count, size, _, channels = images.shape
    times = math.ceil(TILE / size)
    cell = size * times + 2 * math.ceil(GAP * size * times / 2)
    inset = (cell - size * times) // 2
    page = np.full((math.ceil(count / across) * cell, across * cell, channels), 255, dtype=np.uint8)
    for at, image in enumerate(images):
        top, left = (at // across) * cell, (at % across) * cell
        framed = page[top : top + cell, left : left + cell]
        framed[:] = FRAME
        shown = np.full_like(image, EMPTY) if dead[at] else image
        framed[inset : cell - inset, inset : cell - inset] = shown.repeat(times, 0).repeat(times, 1)
    return page


def crosses(dead: Bool[np.ndarray, " tile"], across: int) -> list[list[tuple[float, float]]]:
    """Return the diagonals of dead tiles, in units of a cell."""
    low, high = GAP / 2, 1 - GAP / 2
    lines = []
    for at in np.flatnonzero(dead):
        top, left = divmod(int(at), across)
        lines.append([(left + low, top + low), (left + high, top + high)])
        lines.append([(left + low, top + high), (left + high, top + low)])
    return lines
