# SPDX-License-Identifier: Apache-2.0
"""The head of the report: what was run, on what, for how long, and what is not as in the thesis."""

import json
from collections.abc import Sequence
from typing import Any

from dynamics.names import label
from dynamics.snapshots import Run
from runners.report.conditions import Conditions
from runners.report.markup import Html, code, element, folded, join, moment, paragraph, section, table

MATTERS = ("encoder", "width", "epochs", "batch_size", "optimizer", "lr", "weight_decay", "precision")
"""Fields of a config that are shown at once; the rest is a click away."""


def what_was_run(found: dict[str, Conditions]) -> Html:
    """Return the section on the runs."""
    return section(
        "run",
        "What was run",
        _runs(found),
        _recipes(found),
        _differences(found),
        folded("Full configs", *(_full(one) for one in found.values())),
        _machines(found),
    )


def _runs(found: dict[str, Conditions]) -> Html:
    columns = [
        "method",
        "seeds",
        "epochs",
        "K",
        "views",
        "M",
        "data",
        "time per seed",
        "hardware",
        "started",
        "code",
    ]
    rows = []
    for one in found.values():
        run = one.runs[0]
        views, augmentations, examples = run.shape
        rows.append(
            [label(one.method), len(one.runs), len(run.epochs), examples, views, augmentations]
            + [one.dataset or "not recorded", _duration(one.wall_seconds)]
            + [_hardware(run), moment(run.provenance.get("started") or run.provenance.get("ingested"))]
            + [run.provenance.get("code") and code(run.provenance["code"])]
        )
    return table(
        columns,
        rows,
        caption="Runs: K panel examples under M augmentations, scored after every epoch",
        wide=True,
    )


def _hardware(run: Run) -> str | None:
    device, cores = run.provenance.get("device"), (run.provenance.get("machine") or {}).get("cores")
    return device and (f"{device}, {cores} cores" if cores else device)


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
    caption = f"{label(one.method)}, fingerprint {one.runs[0].fingerprint[:16]}"
    return table(["field", "value"], rows, caption=caption)


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
        cells = [_difference(name, differences, found[method]) for method, differences in known.items()]
        rows.append([code(name), *cells])
    return join(
        [
            element("h3", "Not as in the thesis"),
            table(
                ["field", *(label(method) for method in known)],
                rows,
                caption="thesis → here; a dash where a method has no such field",
            ),
        ]
    )


def _difference(name: str, differences: dict[str, tuple[Any, Any]], one: Conditions) -> str | Html | None:
    if name not in differences:
        return "same" if name in one.config or name == "seeds" else None
    thesis, ours = differences[name]
    return join([_short(thesis), " → ", element("b", _short(ours))])


def _short(value: Any) -> str:
    return "all" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _machines(found: dict[str, Conditions]) -> Html:
    rows = []
    for one in found.values():
        run = one.runs[0]
        machine, versions = run.provenance.get("machine") or {}, run.provenance.get("versions") or {}
        if machine or versions:
            libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
            rows.append([label(one.method), machine.get("system"), libraries])
    if not rows:
        return Html("")
    return folded(
        "Machines and libraries", table(["method", "system", "libraries"], rows, caption="Training runs")
    )
