# SPDX-License-Identifier: Apache-2.0
"""Are some classes learnt before others? E[r_t] of every class over the epochs (memorization thesis, figure 5.3).

Classes of some hundred examples differ by chance: the band holds all their means at one epoch, in 95 % of cases, had
the labels been shuffled.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy import stats

from analysis.framework.results import Result
from dynamics.names import ordered
from figures import Results
from figures._curves import array
from figures._names import label, plain
from figures._panels import WIDTHS, grid, in_columns, legend_columns

NUMBER = "5.3"
TITLE = "learning probability of every class"
NEEDS = ("classes",)
READING = (
    "Each line is the mean r of the examples of one class. The grey band is where the means of all classes would lie "
    "at any one epoch, in 95 % of cases, had the labels been shuffled (Bonferroni's bound, for the smallest class); "
    "over many epochs some line leaves it more often. It holds for these seeds: whether classes differ for other "
    "seeds, too, is tested by F' below."
)

LOOKS = (
    ("#000000", "o"),
    ("#CC3311", "s"),
    ("#117733", "^"),
    ("#DDAA33", "v"),
    ("#33BBEE", "D"),
    ("#AA4499", "P"),
    ("#777777", "X"),
    ("#88AA22", "<"),
    ("#EE7733", ">"),
    ("#332288", "*"),
)
"""Colour and marker of a class by its index; both repeat after ten, so that more classes cannot be told apart."""
BAND = "#CCCCCC"


def draw(results: Results) -> Figure:
    """Draw one panel per method, one line per true class; within the band classes differ by chance."""
    result = results["classes"]
    shown = ordered({row["method"] for row in result.rows if row["classes_by"] == "true"})
    columns = in_columns(len(shown))
    rows = math.ceil(len(shown) / columns)
    handles = _legend_handles(result.settings["classes"][f"{shown[0]}.true"])
    in_a_row = legend_columns([str(handle.get_label()) for handle in handles], width=WIDTHS[columns])
    margin = 0.45 + 0.15 * math.ceil(len(handles) / in_a_row)
    figure, axes = grid(rows, columns, margin=margin, sorted_examples=False)
    for hole in axes[len(shown) :]:
        hole.remove()
    for panel, method in zip(axes, shown, strict=False):
        _draw_panel(panel, result, method)
        panel.set_title(label(method))
    figure.legend(handles=handles, loc="outside upper center", ncols=in_a_row)
    note = "$\\epsilon^2$: part of the variance of $r_t$ between classes\n(these seeds; at a mean of 1/2, or the end)"
    figure.supxlabel(f"epoch $t$\n{note}", fontsize=9)
    figure.supylabel(r"mean of $r_t(x)$ over the examples of a class", fontsize=9)
    return figure


def _draw_panel(panel: Axes, result: Result, method: str) -> None:
    own = [row for row in result.rows if row["method"] == method and row["classes_by"] == "true"]
    epochs = array(result, f"{method}.epochs")
    means = array(result, f"{method}.true.class_mean")
    grand = np.array([row["mean_r"] for row in own])
    classes = means.shape[1]
    sizes = array(result, f"{method}.true.sizes")
    half = band_factor(sizes) * np.array([row["sd_if_equal"] for row in own])
    low, high = np.clip([grand - half, grand + half], 0, 1)
    ticks = MaxNLocator(5, integer=True).tick_values(epochs[0], epochs[-1])
    panel.set_xticks([int(tick) for tick in ticks if epochs[0] <= tick <= epochs[-1]])
    panel.fill_between(epochs, low, high, color=BAND, linewidth=0, zorder=1)
    marked = _marked(len(epochs), classes)
    for place, curve in enumerate(means.T):
        if classes > len(LOOKS):
            panel.plot(epochs, curve, color="#332288", alpha=0.3, linewidth=0.5)
            continue
        colour, marker = LOOKS[place]
        style = {"marker": marker, "markersize": 3, "markevery": marked[place].tolist(), "markeredgewidth": 0}
        panel.plot(epochs, curve, color=colour, linewidth=0.9, **style)
    known = [
        row for row in own if row["epsilon_squared"] is not None and not np.isnan(row["epsilon_squared"])
    ]
    if known:
        half_way = next((row for row in known if row["mean_r"] >= 0.5), known[-1])
        text = rf"$\epsilon^2 = {half_way['epsilon_squared']:.2f}$ at $t = {half_way['epoch']}$"
        panel.text(0.97, 0.04, text, ha="right", va="bottom", fontsize=8, transform=panel.transAxes)


def band_factor(sizes: Int[np.ndarray, " class"]) -> float:
    """Return how many times `sd_if_equal` the band is wide, on either side of the mean of all examples.

    The mean of n of K shuffled examples has the variance s^2 (1/n - 1/K); `sd_if_equal` is s times the root mean of
    1/n. The quantile is Bonferroni's for all classes together.
    """
    quantile = float(stats.norm.isf(0.025 / len(sizes)))
    return quantile * math.sqrt((1 / sizes.min() - 1 / sizes.sum()) / np.mean(1 / sizes))


def _marked(epochs: int, classes: int) -> np.ndarray:
    """Return the places of each class's markers: about five, shifted a little from class to class."""
    start = np.linspace(0.01, 0.19, classes)[:, np.newaxis]
    return np.unique(np.round((start + np.linspace(0, 0.8, 5)) * (epochs - 1)), axis=1).astype(int)


def _legend_handles(names: Sequence[str]) -> list[Line2D | Patch]:
    band = Patch(color=BAND, label="95 % at one epoch, were labels shuffled")
    if len(names) > len(LOOKS):
        return [band]
    lines = [
        Line2D([], [], color=colour, marker=marker, markersize=3.5, markeredgewidth=0, label=plain(name))
        for name, (colour, marker) in zip(names, LOOKS, strict=False)
    ]
    return [*lines, band]
