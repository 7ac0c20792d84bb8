# SPDX-License-Identifier: Apache-2.0
"""Do images of one class lie together in a network's features? t-SNE maps (memorization thesis, figure 5.1).

All panels show the same images, coloured by true class. Above each stand the fraction of the nearest neighbours
that have the class of an image, in the features and, in brackets, in the map, and the NMI of k-means.
"""

import math

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from analysis.framework.results import Result, Row
from dynamics.names import ordered
from figures import Results
from figures._curves import array
from figures._names import label, plain
from figures._panels import WIDTHS, in_columns, legend_columns
from figures.class_curves import LOOKS

NUMBER = "5.1"
TITLE = "t-SNE of features, by true class"
NEEDS = ("embedding",)
READING = (
    "Each dot is a training image, placed so that near images have near features (t-SNE), coloured by its "
    "true class. Only neighbourhoods can be read from such a map, not distances or sizes; the fractions of "
    "same-class neighbours below are measured in the features themselves."
)

FLOORS = {"random-initialisation": "random initialisation", "pixels": "raw pixels"}
TOGETHER = 0.5
"""A class is named in the map if at least this fraction of its images' neighbours have the same class."""


def draw(results: Results) -> Figure:
    """Draw one panel per method, then the baselines: an untrained network and the pixels."""
    result = results["embedding"]
    rows = {row["method"]: row for row in result.rows}
    shown = [*ordered(method for method in rows if method not in FLOORS), *(m for m in FLOORS if m in rows)]
    columns = in_columns(len(shown))
    lines = math.ceil(len(shown) / columns)
    names = result.settings["classes"]
    handles = _legend_handles(names)
    in_a_row = legend_columns([str(handle.get_label()) for handle in handles], width=WIDTHS[columns])
    width = WIDTHS[columns]
    height = lines * (width / columns + 0.4) + 0.1 + 0.15 * math.ceil(len(handles) / in_a_row)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for hole in axes[len(shown) :]:
        hole.remove()
    for panel, method in zip(axes, shown, strict=False):
        _draw_panel(panel, result, method)
        panel.set_title(f"{FLOORS.get(method) or label(method)}\n{measures(rows[method])}", fontsize=8)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=in_a_row)
    _keep_readable_names(figure)
    return figure


def measures(row: Row) -> str:
    """Return the numbers that stand above a map."""
    return (
        f"same class {row['neighbours_features']:.2f} ({row['neighbours_map']:.2f}), "
        f"NMI {row['nmi_features']:.2f}"
    )


def _draw_panel(panel: Axes, result: Result, method: str) -> None:
    places, labels = array(result, f"{method}.map"), array(result, "labels")
    colours = np.array([colour for colour, _ in LOOKS])
    panel.scatter(
        places[:, 0],
        places[:, 1],
        s=float(np.clip(2500 / len(places), 0.5, 6)),
        c=list(colours[labels % len(LOOKS)]),
        linewidths=0,
        rasterized=True,
    )
    panel.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    panel.margins(0.1)
    panel.grid(visible=False)
    panel.spines[:].set(visible=True, color="#BBBBBB")
    names = result.settings["classes"]
    if len(names) > len(LOOKS):
        return
    own = array(result, f"{method}.neighbours")
    for number, name in enumerate(names):
        members = labels == number
        if members.any() and own[members].mean() >= TOGETHER:
            panel.annotate(
                plain(name),
                heart(places[members], own[members]),
                ha="center",
                va="center",
                fontsize=7,
                in_layout=False,
                path_effects=[withStroke(linewidth=1.6, foreground="white")],
            )


def _keep_readable_names(figure: Figure) -> None:
    """Remove names in the maps that would overlap another one or leave their panel."""
    figure.draw_without_rendering()  # lays the panels out, so that sizes are known
    for panel in figure.axes:
        kept: list[Bbox] = []
        frame = panel.get_window_extent()
        for name in [text for text in panel.texts if isinstance(text, Annotation)]:
            box = Text.get_window_extent(name)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in kept):
                kept.append(box)
            else:
                name.remove()


def heart(
    places: Float[np.ndarray, "example 2"], share: Float[np.ndarray, " example"]
) -> tuple[float, float]:
    """Return the place of a class's name: of its points with many same-class neighbours, the one nearest the median."""
    inside = places[share >= np.median(share)]
    nearest = np.square(inside - np.median(inside, axis=0)).sum(axis=1).argmin()
    return float(inside[nearest, 0]), float(inside[nearest, 1])


def _legend_handles(names: list[str]) -> list[Line2D]:
    if len(names) > len(LOOKS):
        return []
    return [
        Line2D([], [], color=colour, marker="o", linestyle="none", markersize=4, label=plain(name))
        for name, (colour, _) in zip(names, LOOKS, strict=False)
    ]
