# SPDX-License-Identifier: Apache-2.0
"""The head of the report: what was run, on what, for how long, and what is not as in the thesis."""

import json
from collections.abc import Sequence
from typing import Any

from figures._style import label
from runners.report.conditions import Conditions
from runners.report.markup import Html, code, element, folded, join, paragraph, section, table

MATTERS = ("encoder", "width", "epochs", "batch_size", "optimizer", "lr", "weight_decay", "precision")
"""Fields of a config that are shown at once; the rest is a click away."""


def what_was_run(found: dict[str, Conditions]) -> Html:
    """Return the section on the runs."""
    return section(
        "run",
        "What was run",
        _runs(found),
        _recipes(found),
        *(_full(one) for one in found.values()),
        _differences(found),
    )


def _runs(found: dict[str, Conditions]) -> Html:
    columns = ["method", "seeds", "epochs", "K", "views", "M", "data", "time per seed", "device", "started"]
    rows = []
    for one in found.values():
        run = one.runs[0]
        views, augmentations, examples = run.shape
        rows.append(
            [label(one.method), len(one.runs), len(run.epochs), examples, views, augmentations]
            + [one.dataset or "not recorded", _duration(one.wall_seconds)]
            + [run.provenance.get("device"), run.provenance.get("started") or run.provenance.get("ingested")]
        )
    return table(
        columns, rows, caption="Runs: K panel examples under M augmentations, scored after every epoch"
    )


def _duration(seconds: Sequence[float]) -> str | None:
    if not seconds or max(seconds) == 0:
        return None
    mean = sum(seconds) / len(seconds)
    return (
        f"{mean:.0f} s" if mean < 120 else f"{mean / 60:.0f} min" if mean < 7200 else f"{mean / 3600:.1f} h"
    )


def _recipes(found: dict[str, Conditions]) -> Html:
    known = [one for one in found.values() if "dataset" in one.config]
    if not known:
        return Html("")
    rows = [[label(one.method), *(one.config.get(name) for name in MATTERS)] for one in known]
    return table(["method", *(name.replace("_", " ") for name in MATTERS)], rows, caption="Recipes")


def _full(one: Conditions) -> Html:
    rows = [[code(name), _value(value)] for name, value in one.config.items()]
    return folded(
        f"Full config of {label(one.method)}",
        table(["field", "value"], rows, caption=f"{one.method}, fingerprint {one.runs[0].fingerprint[:16]}"),
    )


def _value(value: Any) -> Html:
    return element("span", json.dumps(value), class_="value")


def _differences(found: dict[str, Conditions]) -> Html:
    known = {method: one.differences for method, one in found.items() if one.differences is not None}
    fields = dict.fromkeys(name for differences in known.values() for name in differences)
    if not known:
        return paragraph(
            "Nothing can be said about differences from the thesis's recipe: it is not recorded."
        )
    if not fields:
        return paragraph("Every field is the thesis's.")
    rows = []
    for name in fields:
        cells: list[object] = [code(name)]
        for differences in known.values():
            thesis, ours = differences.get(name, (None, None))
            cells.append(
                join([_short(thesis), " → ", element("b", _short(ours))]) if name in differences else "same"
            )
        rows.append(cells)
    return join(
        [
            element("h3", "Not as in the thesis"),
            table(["field", *(label(method) for method in known)], rows, caption="thesis → here"),
        ]
    )


def _short(value: Any) -> str:
    return "all" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
