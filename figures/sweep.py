# SPDX-License-Identifier: Apache-2.0
"""How do loss and probe accuracy depend on a hyperparameter? (figure S.1, after the loss-modification slides).

The slides draw such curves for the learning rate, eta, and the batch size, n. A panel of losses for each setting of
the other fields, and a last panel of accuracies on test images against the value.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from analysis.framework.results import Result, Row
from figures import Results
from figures._curves import array
from figures._names import label, plain
from figures._panels import HEIGHTS, WIDTHS, in_columns, legend_columns
from figures._seeds import BAND, WIDE
from figures._style import SCALE

NUMBER = "S.1"
TITLE = "loss and probe accuracy by hyperparameter"
NEEDS = ("sweep",)
READING = (
    "Left, the training loss by epoch for each value of the first field, mean over seeds, with a band from the "
    "lowest to the highest seed; dashed up to a cross are seeds that failed. Right, the accuracy of a linear "
    "probe on test images for each value, with the standard deviation over seeds, beside those on raw pixels and "
    "on untrained networks. Where weights of the loss are varied, losses are in different units."
)

SYMBOLS = {
    "lr": r"learning rate $\eta$",
    "batch_size": "batch size $n$",
    "temperature": r"temperature $\tau$",
    "invariance_weight": r"invariance weight $\lambda$",
    "variance_weight": r"variance weight $\mu$",
    "covariance_weight": r"covariance weight $\nu$",
    "contrast_weight": r"contrast weight $\rho$",
}
"""How the documents write a field; other fields are written as on the command line."""

GREY = "#555555"
MARKERS = "os^DvP*X"
FLOORS = {"test_pixels": ("raw pixels", (0, (1, 1.5))), "test_untrained": ("untrained networks", (0, (4, 2)))}
FAILED: dict[str, Any] = {"marker": "x", "markersize": 5, "linestyle": "none", "zorder": 4}
NEAREST = 0.15
"""Minimum distance of two labelled values, as a fraction of the axis."""

Groups = dict[tuple[float, ...], list[Row]]
"""Rows by the values of all fields but the first."""


def draw(results: Results) -> Figure:
    """Draw losses over epochs, one line per value of the first field, and accuracies against that value."""
    result = results["sweep"]
    field, *others = result.settings["fields"]
    points = sorted({tuple(row[name] for name in others) for row in result.rows})
    groups = {p: [row for row in result.rows if tuple(row[name] for name in others) == p] for p in points}
    values = sorted({row[field] for row in result.rows})
    palette = {value: SCALE(0.9 * at / max(len(values) - 1, 1)) for at, value in enumerate(values)}
    figure, losses, accuracies = _layout(len(groups))
    for panel, (point, rows) in zip(losses, groups.items(), strict=True):
        for row in rows:
            _draw_losses(panel, result, row, palette[row[field]])
        panel.set_title(_title(others, point) or "training")
        panel.set(xlabel="epoch $t$", ylabel="loss")
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    _scale_losses(losses)
    _draw_accuracies(accuracies, groups, field, palette)
    _label_values(accuracies, values)
    accuracies.set(title="linear probe", xlabel=_name(field), ylabel="accuracy, test")
    _legend(figure, result, groups, palette)
    return figure


def _layout(groups: int) -> tuple[Figure, list[Axes], Axes]:
    """Make panels for the losses, which share their axes, and a last one for the accuracies."""
    count = groups + 1
    columns = in_columns(count)
    rows = math.ceil(count / columns)
    size = (WIDTHS[columns], rows * HEIGHTS[columns] + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    axes = [figure.add_subplot(rows, columns, at + 1) for at in range(count)]
    for panel in axes[1:-1]:
        panel.sharex(axes[0])
        panel.sharey(axes[0])
    return figure, axes[:-1], axes[-1]


def _name(field: str) -> str:
    return SYMBOLS.get(field, plain(field.replace("_", " ")))


def _title(fields: Sequence[str], point: Sequence[float]) -> str:
    return ", ".join(f"{_name(field)} = {value:g}" for field, value in zip(fields, point, strict=True))


def _draw_losses(panel: Axes, result: Result, row: Row, colour: Any) -> None:
    """Draw the mean over seeds and a band from the lowest to the highest; failed seeds dashed up to a cross."""
    name = row["study"].removeprefix(result.settings["sweep"] + ".")
    curves = array(result, f"{name}.loss")
    whole, stopped = curves[: row["seeds"]], curves[row["seeds"] :]
    if len(whole):
        at = np.flatnonzero(~np.isnan(whole).any(axis=0))
        panel.fill_between(
            at + 1, whole[:, at].min(axis=0), whole[:, at].max(axis=0), color=colour, alpha=BAND, lw=0
        )
        panel.plot(
            at + 1, whole[:, at].mean(axis=0), color=colour, marker="o" if len(at) == 1 else None, ms=3
        )
    for curve in stopped:
        at = np.flatnonzero(~np.isnan(curve))
        panel.plot(at + 1, curve[at], color=colour, linewidth=0.8, linestyle=(0, (2.5, 1.2)))
        panel.plot(at[-1:] + 1, curve[at[-1:]], color=colour, **FAILED)


def _scale_losses(panels: Sequence[Axes]) -> None:
    drawn = [np.asarray(line.get_ydata(), dtype=float) for panel in panels for line in panel.get_lines()]
    losses = np.concatenate([*drawn, np.zeros(0)])
    if len(losses) and losses.min() > 0 and losses.max() > WIDE * losses.min():
        panels[0].set_yscale("log")


def _draw_accuracies(panel: Axes, groups: Groups, field: str, palette: Mapping[float, Any]) -> None:
    """Draw mean ± standard deviation over seeds, one line per group; crosses at the bottom where a setting failed."""
    for marker, rows in zip(itertools.cycle(MARKERS), groups.values(), strict=False):
        known = [row for row in rows if row["test"] is not None]
        at, means = [row[field] for row in known], [row["test"] for row in known]
        panel.plot(at, means, color=GREY, linewidth=0.8, zorder=2)
        for row in known:
            bar: dict[str, Any] = {
                "yerr": row["test_sd"] or 0.0,
                "elinewidth": 0.9,
                "capsize": 2,
                "linestyle": "none",
                "zorder": 3,
            }
            panel.errorbar(row[field], row["test"], color=palette[row[field]], marker=marker, ms=4, **bar)
    every = [row for rows in groups.values() for row in rows]
    for name, (_, dashes) in FLOORS.items():
        for floor in sorted({row[name] for row in every if row[name] is not None}):
            panel.axhline(floor, color=GREY, linewidth=0.8, linestyle=dashes, zorder=1)
    panel.margins(x=0.12, y=0.1)
    for row in every:
        if row["failed"]:
            panel.plot(
                row[field], 0.04, color=palette[row[field]], transform=panel.get_xaxis_transform(), **FAILED
            )
    if all(row["test"] is None for row in every):
        panel.set_yticks([])
        place: dict[str, Any] = {"ha": "center", "va": "center", "transform": panel.transAxes}
        panel.text(0.5, 0.5, "no setting has\na trained network", color=GREY, **place)


def _label_values(panel: Axes, values: Sequence[float]) -> None:
    """Make the axis logarithmic where values lie about as far apart in proportion, and label those themselves."""
    if is_geometric(values):
        panel.set_xscale("log")
        panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticks(list(values), labels=_labels(values))


def _labels(values: Sequence[float]) -> list[str]:
    """Return values as text; those too close to the one before to be readable are empty."""
    places = np.log(values) if is_geometric(values) else np.asarray(values, dtype=float)
    apart = NEAREST * (places[-1] - places[0])
    texts, last = [], -math.inf
    for value, place in zip(values, places, strict=True):
        readable = place - last >= apart
        texts.append(f"{value:g}" if readable else "")
        last = place if readable else last
    return texts


def is_geometric(values: Sequence[float]) -> bool:
    """Whether sorted values are spread more evenly in proportion than in difference."""
    if len(values) < 2 or values[0] <= 0:
        return False
    if len(values) == 2:
        return values[1] >= 4 * values[0]
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


def _legend(figure: Figure, result: Result, groups: Groups, palette: Mapping[float, Any]) -> None:
    field, *others = result.settings["fields"]
    failed = {row[field] for row in result.rows if row["failed"]}
    handles = [
        Line2D([], [], color=colour, label=f"{value:g}" + (" (failed)" if value in failed else ""))
        for value, colour in palette.items()
    ]
    if others:
        handles += [
            Line2D([], [], color=GREY, marker=marker, ms=4, linewidth=0.8, label=_title(others, point))
            for marker, point in zip(itertools.cycle(MARKERS), groups, strict=False)
        ]
    for name, (text, dashes) in FLOORS.items():
        if any(row[name] is not None for row in result.rows):
            handles.append(
                Line2D([], [], color=GREY, linewidth=0.8, linestyle=dashes, label=f"probe of {text}")
            )
    columns = legend_columns([str(handle.get_label()) for handle in handles], width=WIDTHS[2])
    what = f"{label(result.settings['method'])}, {_name(field)}"
    title = f"{what}; band: lowest to highest of the seeds; bars: standard deviation"
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, title=title)
