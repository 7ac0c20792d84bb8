# SPDX-License-Identifier: Apache-2.0
"""Panels of sorted learning probabilities beside those of equally hard examples (figures 4.3 and 4.4).

Equally hard examples would be right with one probability p0, the mean, so that N r ~ Bin(N, p0) (memorization thesis,
section 4.2). One panel per method; solid the sorted probabilities, dashed one sorted draw b ~ Bin(N, p0) / N.
"""

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.framework.results import Row
from analysis.framework.targets import of_quantity
from figures import Results
from figures._curves import SYMBOLS, Quantity, array, examples_label, methods, share_of_examples, sorted_curve
from figures._names import label
from figures._panels import draw_sorted, panels, settle_legends
from figures._style import colours, shades

GREY = "#555555"
DASHES = (0, (2.5, 1.2))
THIN = 0.9
FILL = 0.25


def draw_against_noise(results: Results, quantity: Quantity, *, shaded: bool) -> Figure:
    """Draw one panel per method, at the epochs that analysis.binomial tested.

    Parameters
    ----------
    results
        The results learning and binomial.
    quantity
        Which probabilities: r_t or r~_t.
    shaded
        Whether to fill the area between curve and noise and to print its mean height, the MAE (eq. 4.9).
    """
    shown = methods(results)
    figure, axes = panels(len(shown), margin=0.55)
    for panel, method in zip(axes, shown, strict=True):
        _draw_panel(panel, results, method, quantity, shaded)
        panel.set_title(label(method))
    handles = _handles(quantity, shaded)
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles) if len(shown) > 1 else 1,
        title=r"in each panel: epoch $t$ / mean $\hat{p}_0$" + (" / MAE" if shaded else ""),
    )
    noises = (array for name, array in results["binomial"].arrays.items() if name.endswith(".noise"))
    figure.supxlabel(examples_label({noise.shape[1] for noise in noises}, quantity))
    figure.supylabel(f"learning probability {SYMBOLS[quantity]}")
    settle_legends(figure)
    return figure


def _handles(quantity: Quantity, shaded: bool) -> list[Artist]:
    noise = r"equally hard examples, $\mathrm{Bin}(N, \hat{p}_0)/N$"
    handles: list[Artist] = [
        Line2D([], [], color=GREY, label=SYMBOLS[quantity]),
        Line2D([], [], color=GREY, label=noise, linewidth=THIN, linestyle=DASHES),
    ]
    if shaded:
        handles.append(Patch(color=GREY, label="difference", alpha=FILL, linewidth=0))
    return handles


def _draw_panel(panel: Axes, results: Results, method: str, quantity: Quantity, shaded: bool) -> None:
    rows = [row for row in of_quantity(results["binomial"].rows, quantity) if row["method"] == method]
    if not rows:
        panel.text(0.5, 0.5, "no epoch reaches\nthe tested means", ha="center", va="center", color=GREY)
        return
    noise = array(results["binomial"], f"{method}.{rows[0]['quantity']}.noise")
    targets = sorted({target for row in results["binomial"].rows for target in row["targets"]})
    palette = dict(zip(targets, shades(colours(methods(results))[method], len(targets)), strict=True))
    tested = results["binomial"].arrays.get(f"{method}.{rows[0]['quantity']}.curve")
    for at, (row, draw) in enumerate(zip(rows, noise, strict=True)):
        colour = palette[row["targets"][0]]
        # Results of earlier versions hold no curves.
        curve = sorted_curve(results, method, row["epoch"], quantity) if tested is None else tested[at]
        if shaded:
            places = share_of_examples(len(curve))
            panel.fill_between(places, curve, draw, color=colour, alpha=FILL, linewidth=0, step="mid")
        draw_sorted(panel, draw, color=colour, linewidth=THIN, linestyle=DASHES)
        draw_sorted(panel, curve, color=colour, label=_text(row, shaded))
    panel.legend(loc="lower right")


def _text(row: Row, shaded: bool) -> str:
    mae = f" / {row['mae']:.3f}" if shaded else ""
    return f"{row['epoch']} / {row['p0']:.2f}{mae}"
