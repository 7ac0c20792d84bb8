# SPDX-License-Identifier: Apache-2.0
"""Is an example hard under all its augmentations, or only under some? (memorization thesis, figure 4.5).

If dots are close to the curve, the example decides; if they reach from bottom to top, the augmentation does.
"""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.framework.results import Result, Row
from dynamics.names import ordered
from figures import Results
from figures._curves import SYMBOLS, array, examples_label, share_of_examples
from figures._names import label
from figures._panels import draw_sorted, grid, legend_columns
from figures._style import colours

NUMBER = "4.5"
TITLE = "single augmentations around the average of each example"
NEEDS = ("augmentations",)
READING = (
    "Each dot is one augmentation of an example, at the height of its own r̃; the line is the average of "
    "each example. Dots near the line mean that it is the example that is hard; dots further from it "
    "than the chance of few seeds explains mean that it is the augmentation."
)

ENDS = ("_these_examples_low", "_these_examples_high")
GREY = "#555555"
DARK = "#222222"


def draw(results: Results) -> Figure:
    """Draw one row of panels per method, one panel for each target of the mean r_t."""
    result = results["augmentations"]
    several = {row["method"] for row in result.rows if row["augmentations"] > 1}
    shown = ordered(several or {row["method"] for row in result.rows})
    targets = result.settings["targets"]
    colour = colours(result.inputs)
    figure, axes = grid(len(shown), len(targets), margin=0.7)
    for at, panel in enumerate(axes):
        method, target = shown[at // len(targets)], targets[at % len(targets)]
        _draw_panel(panel, result, method, target, colour[method])
        if at % len(targets) == 0:
            panel.set_ylabel(label(method))
    dot = f"{SYMBOLS['r_tilde']} of one augmentation (larger: of several)"
    handles = [
        Line2D([], [], color=GREY, marker="o", linestyle="none", markersize=3, alpha=0.6, label=dot),
        Line2D([], [], color=DARK, label=f"{SYMBOLS['r']}, their average"),
    ]
    columns = legend_columns([str(handle.get_label()) for handle in handles], width=figure.get_figwidth())
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)
    figure.supxlabel(_examples_label(result), fontsize=9)
    figure.supylabel("learning probability", fontsize=9)
    return figure


def _draw_panel(panel: Axes, result: Result, method: str, target: float, colour: str) -> None:
    own = [row for row in result.rows if row["method"] == method and row["targets"]]
    at = next((place for place, row in enumerate(own) if target in row["targets"]), None)
    first = None if at is None else own[at]["targets"][0]
    if at is None or first != target:
        words = "no epoch reaches" if at is None else f"the first epoch above\na mean of {first} reaches"
        panel.text(0.5, 0.5, f"{words}\na mean of {target}", ha="center", va="center", color=GREY)
        return
    row = own[at]
    curve = array(result, f"{method}.mean_counts")[at] / (row["seeds"] * row["augmentations"])
    places = share_of_examples(len(curve))[array(result, f"{method}.shown")[at]]
    single = array(result, f"{method}.shown_counts")[at] / row["seeds"]
    panel.vlines(places, single.min(axis=1), single.max(axis=1), color=colour, alpha=0.25, linewidth=0.6)
    _draw_dots(panel, places, single, colour)
    draw_sorted(panel, curve, color=DARK)
    panel.set_title(_title(row))


def _draw_dots(
    panel: Axes,
    places: Float[np.ndarray, " example"],
    single: Float[np.ndarray, "example augmentation"],
    colour: str,
) -> None:
    """Draw one dot for each value of an example, its area the number of augmentations that have it."""
    dots = [
        (place, value, count)
        for place, values in zip(places, single, strict=True)
        for value, count in zip(*np.unique(values, return_counts=True), strict=True)
    ]
    x, y, counts = np.transpose(dots)
    panel.scatter(x, y, s=3.5 * counts, color=colour, alpha=0.6, linewidths=0, zorder=2, clip_on=False)


def _title(row: Row) -> str:
    share, low, high = (row[f"augmentation_share{end}"] for end in ("", *ENDS))
    epoch = rf"$t = {row['epoch']}$"
    if share is None or np.isnan(share):
        return epoch
    interval = "" if low is None or np.isnan(low) else f" ({_percent(low)} to {_percent(high)})"
    return f"{epoch}:  {_percent(share)} %{interval}"


def _percent(share: float) -> str:
    return f"{round(100 * share)}".replace("-", "\N{MINUS SIGN}")


def _examples_label(result: Result) -> str:
    return (
        f"{examples_label({row['examples'] for row in result.rows})}\n"
        f"%: part of the variance of {SYMBOLS['r_tilde']} between augmentations of one example "
        "(95 % over seeds, these examples)"
    )
