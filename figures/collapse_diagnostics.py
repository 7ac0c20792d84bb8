# SPDX-License-Identifier: Apache-2.0
"""Does a network collapse, and when: spread, rank, alignment and uniformity over the epochs (figure C.2).

The loss-modification slides name two forms. Complete collapse: one vector for all images, a standard deviation near
zero. Dimensional collapse: vectors in few dimensions, a low rank. The dotted lines are the limits of
analysis.objectives; features that were trained on labels, which need no more dimensions than classes, have their own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.framework.results import Result
from analysis.statistics.collapse import COMPLETE_STD, DIMENSIONAL_SHARE, limits
from dynamics.names import ordered
from figures import Results
from figures._curves import array
from figures._names import label
from figures._panels import WIDTHS
from figures._seeds import draw_seeds, number_epochs
from figures._style import colours

NUMBER = "C.2"
TITLE = "collapse: spread, rank, alignment and uniformity"
NEEDS = ("objectives",)
TABLES = ("objectives.diagnostics", "objectives.collapse")
READING = (
    "A spread near 0 means that all images have one vector (complete collapse), a low rank that the "
    "vectors lie in few dimensions (dimensional collapse). In the last panel each line goes from the "
    "first epoch to the last, which has the marker: low alignment is good only where uniformity is low "
    "too."
)

SPACES = {"embedding": ("embedding", "outputs"), "feature": ("features", "features")}
"""How scalars name a space: its name in titles, and the setting that holds its number of dimensions."""
MARKERS = "os^vDPX<>*ph"
LIMIT: dict[str, Any] = {"color": "#555555", "linewidth": 0.8, "linestyle": (0, (1, 1.5)), "zorder": 1}
OF_LABELS: dict[str, Any] = LIMIT | {"linestyle": (0, (4, 1.5, 1, 1.5))}
"""The limit of the rank for features that were trained on labels."""


def applies(results: Results) -> str | None:
    """Say why there is nothing to draw: no diagnostics."""
    recorded = any(own["diagnostics"] for own in results["objectives"].settings["methods"].values())
    return None if recorded else "no method recorded diagnostics of collapse"


def draw(results: Results) -> Figure:
    """Draw one row for embeddings and one for features, one line per method; the legend fills the last panel."""
    result = results["objectives"]
    settings = result.settings["methods"]
    shown = ordered(settings)
    looks = {
        method: (colour, MARKERS[at % len(MARKERS)])
        for at, (method, colour) in enumerate(colours(shown).items())
    }
    rows = [space for space in SPACES if any(f"{space}_std" in settings[m]["diagnostics"] for m in shown)]
    figure = Figure(figsize=(WIDTHS[3], len(rows) * 2.0 + 0.1), layout="constrained")
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for (std, rank, last), space in zip(axes, rows, strict=False):
        _draw_std(std, result, shown, space, looks)
        _draw_rank(rank, result, shown, space, looks)
        if space == "embedding":
            _draw_plane(last, result, shown, looks)
    _legend(axes[-1][2], looks, labelled="feature" in rows and any(settings[m]["classes"] for m in shown))
    return figure


Looks = dict[str, tuple[str, str]]
"""Colour and marker by method."""


def _curves(result: Result, shown: Sequence[str], scalar: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return method, epochs and values of every method that recorded a scalar."""
    return [
        (method, array(result, f"{method}.epochs"), array(result, f"{method}.{scalar}"))
        for method in shown
        if scalar in result.settings["methods"][method]["diagnostics"]
    ]


def _draw_std(panel: Axes, result: Result, shown: Sequence[str], space: str, looks: Looks) -> None:
    for method, epochs, values in _curves(result, shown, f"{space}_std"):
        draw_seeds(panel, epochs, values, **_style(looks[method], len(epochs)))
    panel.axhline(COMPLETE_STD, **LIMIT)
    panel.set(title=f"{SPACES[space][0]}: spread", ylabel="standard deviation", xlabel="epoch $t$")
    panel.set_ylim(bottom=0)
    number_epochs(panel)


def _draw_rank(panel: Axes, result: Result, shown: Sequence[str], space: str, looks: Looks) -> None:
    shares = set()
    for method, epochs, values in _curves(result, shown, f"{space}_rank"):
        own = result.settings["methods"][method]
        dimensions = own[SPACES[space][1]] or own["examples"]
        largest = min(own["examples"], dimensions)
        draw_seeds(panel, epochs, values / largest, **_style(looks[method], len(epochs)))
        if space == "feature" and own["classes"]:
            least = limits(examples=own["examples"], dimensions=dimensions, classes=own["classes"])
            shares.add(least.rank / largest)
    panel.axhline(DIMENSIONAL_SHARE, **LIMIT)
    for share in sorted(shares):
        panel.axhline(share, **OF_LABELS)
    panel.set(title=f"{SPACES[space][0]}: rank", ylabel="RankMe / min($K$, $d$)", xlabel="epoch $t$")
    panel.set_ylim(bottom=0)
    number_epochs(panel)


def _draw_plane(panel: Axes, result: Result, shown: Sequence[str], looks: Looks) -> None:
    """Draw the path of every method from its first epoch to its last, which has the marker."""
    for method, _, align in _curves(result, shown, "alignment"):
        uniform = array(result, f"{method}.uniformity")
        x, y = _mean(align), _mean(uniform)
        colour, marker = looks[method]
        panel.plot(x, y, color=colour, linewidth=0.8, alpha=0.7)
        panel.plot(
            x[-1:],
            y[-1:],
            color=colour,
            marker=marker,
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
        )
    panel.set(title="embedding: both views", xlabel="alignment", ylabel="uniformity")


def _mean(values: Float[np.ndarray, "seed epoch"]) -> Float[np.ndarray, " epoch"]:
    finite = np.ma.masked_invalid(values).mean(axis=0)
    return np.asarray(np.ma.filled(finite, np.nan))


def _style(look: tuple[str, str], epochs: int) -> dict[str, Any]:
    colour, marker = look
    return {
        "color": colour,
        "linewidth": 0.9,
        "marker": marker,
        "markersize": 3.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.3,
        "markevery": [epochs - 1],
    }


def _legend(panel: Axes, looks: Looks, *, labelled: bool) -> None:
    panel.axis("off")
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=1, label=label(method))
        for method, (colour, marker) in looks.items()
    ]
    handles.append(Line2D([], [], label="below: collapsed", **LIMIT))
    if labelled:
        handles.append(Line2D([], [], label="the same, with labels", **OF_LABELS))
    panel.legend(handles=handles, loc="center left", borderaxespad=0.0, handlelength=1.6)
