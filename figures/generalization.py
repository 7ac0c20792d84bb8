# SPDX-License-Identifier: Apache-2.0
"""Who memorises, who learns? E[r_t] on training and on held-out images over the epochs (figure G.1)."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.framework.results import Row
from dynamics.names import ordered
from figures import Results
from figures._names import label
from figures._panels import free_panels, in_columns
from figures._seeds import BAND, number_epochs
from figures._style import colours

NUMBER = "G.1"
TITLE = "learning probability on training and on held-out images"
NEEDS = ("generalization",)
READING = (
    "Solid, the mean learning probability of the panel's training images; dashed, that of test images which no network "
    "was trained on, under the same augmentations, with the 95 % interval of the gap around it (other seeds, other "
    "images like these). Where both lines rise together a method learns; where only the solid one does it memorises. "
    "Dotted is what training images get without learning: from the untrained network, or by the commonest label."
)


def draw(results: Results) -> Figure:
    """Draw one panel per method."""
    result = results["generalization"]
    shown = ordered(result.by_method)
    figure, axes = free_panels(len(shown), margin=0.6)
    looks = colours(shown)
    for panel, method in zip(axes, shown, strict=True):
        _draw_panel(panel, result.by_method[method], looks[method])
        panel.set_title(label(method))
    figure.supxlabel("epoch $t$")
    figure.supylabel(r"mean learning probability $\mathrm{E}[r_t]$")
    handles = [
        Line2D([], [], color="black", label="training"),
        Line2D([], [], color="black", linestyle="dashed", label="held out"),
        Patch(color="black", alpha=BAND, linewidth=0, label="95 % of the gap"),
        Line2D([], [], color="black", linestyle="dotted", linewidth=0.9, label="without learning"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2 if in_columns(len(shown)) == 1 else 4)
    return figure


def _draw_panel(panel: Axes, rows: list[Row], colour: str) -> None:
    epochs, trained = [row["epoch"] for row in rows], [row["mean_r"] for row in rows]
    ends = [[row[f"gap_examples_like_these_{end}"] for row in rows] for end in ("high", "low")]
    if None not in ends[0]:
        low, high = ([one - gap for one, gap in zip(trained, gaps, strict=True)] for gaps in ends)
        panel.fill_between(epochs, low, high, color=colour, alpha=BAND, linewidth=0)
    panel.plot(epochs, [row["mean_r_held_out"] for row in rows], color=colour, linestyle="dashed")
    panel.plot(epochs, trained, color=colour)
    if rows[0]["before"] is not None:
        panel.axhline(rows[0]["before"], color="black", linestyle="dotted", linewidth=0.9)
    panel.set_ylim(0, 1.02)
    panel.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    number_epochs(panel)
