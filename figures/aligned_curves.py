# SPDX-License-Identifier: Apache-2.0
"""Do methods that have learnt equally much spread it equally over the examples? (memorization thesis, figure 4.2).

Each panel shows the methods at the epochs at which their mean r_t is nearest to a reference's (eq. 4.4).
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.framework.results import Row
from dynamics.names import ordered
from figures import Results
from figures._curves import SYMBOLS, examples_label, methods, numbers_of_examples, sorted_curve
from figures._names import label
from figures._panels import draw_sorted, legend_columns, panels, settle_legends
from figures._style import colours

NUMBER = "4.2"
TITLE = "sorted learning probabilities at aligned epochs"
NEEDS = ("learning", "alignment")
READING = (
    "Each panel compares the methods at epochs at which they have learnt about as much, on average, as "
    "the reference has at the epoch in its title. What differs between the curves of a panel is the spread "
    "between examples as far as their means agree, which they do only up to the step between two epochs."
)

LARGE_RESIDUAL = 0.05
"""Difference of the means above which the method is marked: it has no comparable epoch."""


def draw(results: Results) -> Figure:
    """Draw one panel per epoch of the reference, one curve per method; the legend has its epoch in brackets."""
    rows = results["alignment"].rows
    reference = rows[0]["reference"]
    shown = ordered({row["method"] for row in rows})
    colour = colours(methods(results))
    chosen = sorted({row["reference_epoch"] for row in rows})
    figure, axes = panels(len(chosen), margin=0.6)
    for panel, epoch in zip(axes, chosen, strict=True):
        own = {row["method"]: row for row in rows if row["reference_epoch"] == epoch}
        _draw_panel(panel, results, [own[method] for method in shown], colour)
        panel.set_title(rf"{label(reference)} at $t = {epoch}$")
    figure.legend(
        axes[0].get_lines(),
        [label(method) for method in shown],
        loc="outside upper center",
        ncols=legend_columns([label(method) for method in shown], width=figure.get_figwidth()),
        columnspacing=1.4,
    )
    note = ""
    if any(row["residual"] > LARGE_RESIDUAL for row in rows):
        note = f"\n* no epoch of the method has a mean within {LARGE_RESIDUAL} of {label(reference)}'s"
    figure.supxlabel(examples_label(numbers_of_examples(results)) + note)
    figure.supylabel(f"learning probability {SYMBOLS['r']}")
    settle_legends(figure)
    return figure


def _draw_panel(panel: Axes, results: Results, rows: list[Row], colour: dict[str, str]) -> None:
    for row in rows:
        curve = sorted_curve(results, row["method"], row["epoch"])
        mark = "*" if row["residual"] > LARGE_RESIDUAL else ""
        draw_sorted(panel, curve, color=colour[row["method"]], label=f"({row['epoch']}{mark})")
    panel.legend(
        ncols=1 if len(rows) <= 5 else 3,
        handlelength=1,
        columnspacing=1,
        title="epoch",
        alignment="left",
        loc="lower right",
    )
