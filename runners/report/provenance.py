# SPDX-License-Identifier: Apache-2.0
"""The setup of a study: its runs, machines and times, and the provenance of the page's numbers."""

import json
import shlex
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.framework.table import Column, Row, Table
from dynamics import files, provenance, snapshots
from dynamics.names import duration, label
from dynamics.snapshots import Run
from dynamics.study import Study
from runners.report.markup import Html, Section, code, folded, join, paragraph, table

MATTERS = ("encoder", "width", "epochs", "batch_size", "optimizer", "lr", "weight_decay", "precision")
"""Fields of a recipe that are shown at once; the others can be unfolded."""

METHOD = Column("method", "method", "method")
NOT_RECORDED = "not recorded"


def dataset(run: Run) -> str:
    """Return the name of the data that a run was trained on, as far as it is known."""
    return run.data or NOT_RECORDED


def what_was_run(study: Study) -> Section:
    """Return the section on the runs."""
    first = {method: study.runs[method][0] for method in study.methods}
    known = {method: run for method, run in first.items() if "dataset" in run.config}
    configurations = [table(_configuration(method, run)) for method, run in known.items()]
    parts = [
        table(_runs(study)),
        *(paragraph(note, class_="meta") for note in study.notes),
        *_if_rows(_recipes(known)),
        folded("Full configurations", *configurations) if known else "",
        *(folded("Machines and libraries", shown) for shown in _if_rows(_machines(first))),
    ]
    return Section("run", "What was run", join(parts))


def _if_rows(shown: Table) -> list[Html]:
    return [table(shown)] if shown.rows else []


def _runs(study: Study) -> Table:
    columns = [
        METHOD,
        Column("seeds", "seeds", "d"),
        Column("epochs", "epochs", "d"),
        Column("examples", "K", "d"),
        Column("held_out", "held out", "d"),
        Column("views", "views", "d"),
        Column("augmentations", "M", "d"),
        Column("data", "data"),
        Column("time", "time per seed", "printed"),
        Column("hardware", "hardware"),
        Column("started", "started"),
        Column("code", "code", "code"),
    ]
    rows = [_run(method, study.runs[method]) for method in study.methods]
    return Table(
        caption="Runs: K training examples and some held-out ones under M augmentations, scored after every epoch",
        columns=columns,
        rows=rows,
    )


def _run(method: str, runs: Sequence[Run]) -> Row:
    made = runs[0].provenance
    cores = (made.get("machine") or {}).get("cores")
    seconds = [run.wall_seconds for run in runs if run.wall_seconds]
    device, held_out = made.get("device"), runs[0].coordinate("held_out_example")
    return {
        "method": method,
        "seeds": len(runs),
        "epochs": len(snapshots.common_epochs(runs)),
        **dict(zip(("views", "augmentations", "examples"), runs[0].shape, strict=True)),
        "held_out": None if held_out is None else len(held_out),
        "data": dataset(runs[0]),
        "time": duration(statistics.mean(seconds)) if seconds else None,
        "hardware": f"{device}, {cores} cores" if device and cores else device,
        "started": _minute(made.get("started") or made.get("ingested")),
        "code": made.get("code"),
    }


def _minute(time: str | None) -> str | None:
    """Return an ISO time to the minute."""
    return None if time is None else str(time)[:16].replace("T", " ")


def _recipes(runs: dict[str, Run]) -> Table:
    columns = [METHOD, *(Column(name, name.replace("_", " ")) for name in MATTERS)]
    rows = [run.config | {"method": method} for method, run in runs.items()]
    return Table(caption="Recipes", columns=columns, rows=rows)


def _configuration(method: str, run: Run) -> Table:
    rows = [{"field": name, "value": json.dumps(value)} for name, value in run.config.items()]
    caption = f"{label(method)}, fingerprint {run.fingerprint[:16]}"
    return Table(
        caption=caption, columns=[Column("field", "field", "code"), Column("value", "value")], rows=rows
    )


def _machines(runs: dict[str, Run]) -> Table:
    rows = []
    for method, run in runs.items():
        machine, versions = run.provenance.get("machine") or {}, run.provenance.get("versions") or {}
        if machine or versions:
            rows.append(
                {"method": method, "system": machine.get("system"), "libraries": _libraries(versions)}
            )
    columns = [METHOD, Column("system", "system"), Column("libraries", "libraries")]
    return Table(caption="Training runs", columns=columns, rows=rows)


def _libraries(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def origin(study: Study, folder: Path, names: Iterable[str]) -> Section:
    """Return the section on fingerprints, commands and versions; `names` are the results in `folder`."""
    snapshots = [table(_snapshots(method, study.runs[method])) for method in study.methods]
    parts = [
        table(_inputs(study)),
        table(_results(folder, names)),
        paragraph(f"Analyses, figures and this page: {_libraries(provenance.versions())}.", class_="meta"),
        folded("Snapshots of every seed", *snapshots),
        paragraph(
            f"This page: {_minute(provenance.now())} UTC, code {provenance.code_version()}, made by ",
            code(f"python -m runners.report --study {shlex.quote(study.name)}"),
            ".",
            class_="meta",
        ),
    ]
    return Section("origin", "Provenance", join(parts))


def _inputs(study: Study) -> Table:
    rows = []
    for method in study.methods:
        run = study.runs[method][0]
        made = run.provenance
        rows.append(
            {
                "method": method,
                "data": run.data or made.get("file") or NOT_RECORDED,
                "data_fingerprint": (made.get("data_fingerprint") or "")[:16],
                "fingerprint": run.fingerprint[:16],
                "code": made.get("code"),
            }
        )
    columns = [
        METHOD,
        Column("data", "data"),
        Column("data_fingerprint", "data fingerprint", "code"),
        Column("fingerprint", "config fingerprint", "code"),
        Column("code", "code", "code"),
    ]
    return Table(caption="Inputs (first 16 digits of SHA-256)", columns=columns, rows=rows)


def _results(folder: Path, names: Iterable[str]) -> Table:
    rows = []
    for name in names:
        content = files.read_json(folder / f"{name}.json")
        made = {key: content.get(key) for key in ("command", "code")} | {
            "created": _minute(content.get("created"))
        }
        rows.append({"file": f"{name}.csv", **made})
    columns = [
        Column("file", "numbers", "code"),
        Column("command", "command", "code"),
        Column("created", "made"),
        Column("code", "code", "code"),
    ]
    return Table(caption="Results", columns=columns, rows=rows)


def _snapshots(method: str, runs: Sequence[Run]) -> Table:
    rows = [
        {"seed": run.seed, "epochs": len(run.epochs), "digest": run.digest(), "seconds": run.wall_seconds}
        for run in runs
    ]
    columns = [
        Column("seed", "seed", "d"),
        Column("epochs", "epochs", "d"),
        Column("digest", "hash of the snapshots", "code"),
        Column("seconds", "time, s", ".0f"),
    ]
    return Table(caption=label(method), columns=columns, rows=rows)
