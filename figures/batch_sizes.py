# SPDX-License-Identifier: Apache-2.0
"""How much of r_t is the batch? E[r_t] among random mates, in batches of every size (figure M.1).

The nearest view is looked for among those of B examples; the more there are, the more look alike.
"""

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.framework.results import Result
from analysis.framework.table import spread_over
from dynamics.names import ordered
from figures import Results
from figures._curves import array
from figures._names import label
from figures._panels import draw_scale, free_panels
from figures._style import SCALE

NUMBER = "M.1"
TITLE = "learning probability over the size of the batch"
NEEDS = ("mates",)
READING = (
    "Each line is the mean learning probability of one epoch when the positive is looked for among the views of B "
    "examples, drawn at random from the panel; dashed, if mates of the example's own class did not count; dotted is "
    "chance. A dot is the mean among the panel's fixed mates, in batches of the panel's size. The larger a batch, the "
    "more examples look like the positive, so that r_t at one B is not that at another."
)
SHOWN = 5
"""Number of epochs that are shown."""
TICKS = 5


def draw(results: Results) -> Figure:
    """Draw one panel per method that recorded rivals, one line per epoch, coloured by the fraction of training done."""
    result = results["mates"]
    shown = ordered(result.by_method)
    figure, axes = free_panels(len(shown), margin=0.6)
    for panel, method in zip(axes, shown, strict=True):
        _draw_panel(panel, result, method)
        panel.set_title(label(method))
    figure.supxlabel("examples of a batch $B$")
    figure.supylabel(r"mean learning probability $\mathrm{E}[r_t]$")
    draw_scale(figure, axes, r"epoch $t\,/\,t_{\max}$", aspect=30)
    kinds: dict[str, Literal["solid", "dashed", "dotted"]] = {
        "all mates": "solid",
        "without own class": "dashed",
        "chance": "dotted",
    }
    handles = [
        *(Line2D([], [], color="black", linestyle=dashes, label=name) for name, dashes in kinds.items()),
        Line2D([], [], color="black", linestyle="none", marker="o", markersize=3, label="fixed mates"),
    ]
    columns = 2 if len(shown) == 1 else 4
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)
    return figure


def _draw_panel(panel: Axes, result: Result, method: str) -> None:
    sizes, epochs = (array(result, f"{method}.{name}") for name in ("batch_sizes", "epochs"))
    rows = {row["epoch"]: row for row in result.by_method[method]}
    batch = int(result.by_method[method][0]["batch"])
    for at in spread_over(len(epochs), SHOWN):
        colour = SCALE(epochs[at] / epochs[-1])
        for name, dashes in (("mean_r", "solid"), ("mean_r_other_classes", "dashed")):
            values = array(result, f"{method}.{name}")[at]
            panel.plot(sizes, values, color=colour, linestyle=dashes, linewidth=1.0)
        row = rows[int(epochs[at])]
        panel.plot(row["batch"], row["mean_r_fixed"], "o", color=colour, markersize=3, clip_on=False)
    panel.plot(sizes, 1 / (2 * sizes - 1), color="black", linestyle="dotted", linewidth=0.9)
    panel.set_xscale("log", base=2)
    panel.set(xlim=(sizes[0], sizes[-1]), ylim=(0, 1.02), yticks=np.linspace(0, 1, 5))
    panel.set_yticks(np.linspace(0, 1, 5), ["0", "", "0.5", "", "1"])
    ends = {int(sizes[place]) for place in spread_over(len(sizes), TICKS)}
    near = {end for end in ends if end != batch and 0.6 < end / batch < 1.7}  # their labels would touch
    ticks = sorted({batch} | ends - near)
    panel.set_xticks(ticks, list(map(str, ticks)))
    panel.minorticks_off()
