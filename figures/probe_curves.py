# SPDX-License-Identifier: Apache-2.0
"""How does the loss fall while encoders are evaluated? Linear layers, or fine-tuning on few labels (figure C.3).

One panel per data set, mode and fraction of the labels; the baselines, pixels and an untrained encoder, are those of
the first method.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.framework.results import Result, Row
from dynamics.names import ordered
from figures import Results
from figures._curves import array
from figures._names import label, plain
from figures._panels import free_panels, legend_columns
from figures._seeds import draw_seeds, number_epochs, scale_values
from figures._style import colours

NUMBER = "C.3"
TITLE = "loss of linear layers and of fine-tuning, by encoder"
NEEDS = ("evaluation",)
READING = (
    "Each line is the training loss of a layer on the features of one encoder, or of the encoder as it is "
    "fine-tuned, mean over seeds; grey are pixels and an untrained network. A low loss on few labels "
    "does not mean a high accuracy on test images."
)

FLOORS = {
    "random-initialisation": ("untrained", "#777777", (0, (1, 1.2))),
    "pixels": ("pixels", "#777777", (0, (4, 1.5))),
}
"""Label, colour and dashes of the baselines, which no method has trained."""


def draw(results: Results) -> Figure:
    """Draw one panel per kind of evaluation, one line per encoder, a band over the seeds."""
    result = results["evaluation"]
    trained = [row for row in result.rows if row["mode"] != "knn"]  # nearest neighbours have no loss
    kinds = list(dict.fromkeys((row["dataset"], row["mode"], row["fraction"]) for row in trained))
    shown = ordered({row["method"] for row in trained})
    figure, axes = free_panels(len(kinds), margin=0.7)
    for panel, kind in zip(axes, kinds, strict=True):
        of_kind = [row for row in trained if (row["dataset"], row["mode"], row["fraction"]) == kind]
        _draw_panel(panel, result, of_kind, shown)
        dataset, mode, fraction = kind
        panel.set_title(
            f"{plain(dataset)}, {mode}" + ("" if fraction == 1 else f", {100 * fraction:g} % of labels")
        )
    lines = {line.get_label(): line for panel in axes for line in panel.get_lines()}
    in_a_row = legend_columns([str(name) for name in lines], width=figure.get_figwidth())
    figure.legend(handles=list(lines.values()), loc="outside upper center", ncols=in_a_row)
    figure.supxlabel("epoch of the evaluation")
    figure.supylabel("cross-entropy, nats")
    return figure


def _draw_panel(panel: Axes, result: Result, rows: Sequence[Row], shown: Sequence[str]) -> None:
    colour = colours(shown)
    first = next(method for method in shown if any(row["method"] == method for row in rows))
    for row in sorted(rows, key=lambda row: shown.index(row["method"])):
        features = row["features"]
        if features in FLOORS:
            if row["method"] != first:
                continue
            name, tint, dashes = FLOORS[features]
            look = {"color": tint, "linestyle": dashes, "label": name}
        else:
            look = {"color": colour[row["method"]], "label": label(row["method"])}
        loss = array(
            result, f"{row['method']}.{row['dataset']}.{row['mode']}.{row['fraction']:g}.{features}.loss"
        )
        draw_seeds(panel, np.arange(1, loss.shape[1] + 1), loss, linewidth=1.0, **look)
    number_epochs(panel)
    scale_values(panel)
