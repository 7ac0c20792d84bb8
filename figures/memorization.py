# SPDX-License-Identifier: Apache-2.0
"""What does a network remember of single examples? m_t(x) over the epochs, and against r_t(x) (figure G.2)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.framework.results import Result
from dynamics.names import ordered
from figures import Results
from figures._curves import array
from figures._names import label
from figures._panels import HEIGHTS, WIDTHS
from figures._seeds import number_epochs
from figures._style import colours

NUMBER = "G.2"
TITLE = "memorisation of single examples"
NEEDS = ("memorization",)
READING = (
    "Memorisation m of an example is the learning probability of networks that were trained on it less that of "
    "those that were not. Left, its mean over examples at every epoch, with the 95 % interval over seeds and "
    "examples like these, and the middle 50 % and 90 % of the examples, which few seeds make wider than they are. "
    "Right, a dot for each example at the last epoch, larger where several coincide, against its learning "
    "probability when it was trained on: on the dashed line no network without the example is right about it, "
    "which of a few may be chance; on the zero line as many are."
)
SHADES = {(5, 95): 0.15, (25, 75): 0.25}
"""Opacity of the bands between two percentiles."""
LARGEST = 90.0
"""Area in square points of a dot of many examples that coincide."""


def draw(results: Results) -> Figure:
    """Draw two panels per method whose seeds left examples out."""
    result = results["memorization"]
    shown = ordered(result.by_method)
    looks = colours(shown)
    figure = Figure(figsize=(WIDTHS[2], len(shown) * 0.85 * HEIGHTS[2] + 0.7), layout="constrained")
    grid = figure.subplots(len(shown), 2, sharey=True, squeeze=False)
    for (over_time, at_end), method in zip(grid, shown, strict=True):
        _draw_epochs(over_time, result, method, looks[method])
        _draw_examples(at_end, result, method, looks[method])
        over_time.set_title(label(method))
    lowest = min(np.nanmin(array(result, f"{method}.m")[-1]) for method in shown)
    lowest = min([lowest, *(row["m_5"] for row in result.rows)])
    grid[0, 0].set_ylim(min(lowest, 0) - 0.05, 1.02)
    grid[-1, 0].set_xlabel("epoch $t$")
    grid[-1, 1].set_xlabel(r"$r_t(x)$, trained on $x$")
    figure.supylabel("memorisation $m_t(x)$")
    handles = [
        Line2D([], [], color="black", label="mean"),
        Line2D([], [], color="black", linewidth=0.6, linestyle="dotted", label="95 % of the mean"),
        *(
            Patch(color="black", alpha=alpha, linewidth=0, label=f"{high - low} % of the examples")
            for (low, high), alpha in SHADES.items()
        ),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def _draw_epochs(panel: Axes, result: Result, method: str, colour: str) -> None:
    rows = result.by_method[method]
    epochs = [row["epoch"] for row in rows]
    for percentiles, alpha in SHADES.items():
        low, high = ([row[f"m_{end}"] for row in rows] for end in percentiles)
        panel.fill_between(epochs, low, high, color=colour, alpha=alpha, linewidth=0)
    mean = np.array([row["mean_m"] for row in rows])
    panel.plot(epochs, mean, color=colour)
    ends = [[row[f"mean_m_examples_like_these_{end}"] for row in rows] for end in ("low", "high")]
    if None not in ends[0]:
        for end in ends:
            panel.plot(epochs, end, color=colour, linewidth=0.6, linestyle="dotted")
    panel.axhline(0, color="black", linewidth=0.6)
    number_epochs(panel)


def _draw_examples(panel: Axes, result: Result, method: str, colour: str) -> None:
    trained, m = (array(result, f"{method}.{name}")[-1] for name in ("r_trained", "m"))
    panel.plot([0, 1], [0, 1], color="black", linewidth=0.6, linestyle="dashed")
    panel.axhline(0, color="black", linewidth=0.6)
    pairs = np.column_stack([trained, m])
    places, counts = np.unique(pairs[~np.isnan(pairs).any(axis=1)], axis=0, return_counts=True)
    sizes = np.clip(5 * counts, 5, LARGEST)
    panel.scatter(places[:, 0], places[:, 1], s=sizes, color=colour, alpha=0.5, linewidths=0, clip_on=False)
    panel.set(xlim=(-0.02, 1.02), xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
