# SPDX-License-Identifier: Apache-2.0
"""From what and by what were the numbers of the report made."""

from pathlib import Path

from analysis.framework.results import made_by
from dynamics import files, provenance
from dynamics.names import label
from runners.report.conditions import Conditions
from runners.report.markup import Html, code, element, folded, join, moment, paragraph, section, table


def origins(found: dict[str, Conditions], folder: Path, names: list[str]) -> Html:
    """Return the section on fingerprints, commands and versions."""
    return section(
        "origin",
        "Provenance",
        _data(found),
        _results(folder, names),
        _versions(),
        folded("Snapshots of every seed", *(_snapshots(one) for one in found.values())),
        paragraph(
            f"This page: {provenance.now()[:16].replace('T', ' ')} UTC, code {provenance.code_version()}, made by ",
            code(f"python -m runners.report --study {folder.name}"),
            ".",
            class_="meta",
        ),
    )


def _data(found: dict[str, Conditions]) -> Html:
    rows = []
    for one in found.values():
        run = one.runs[0]
        fingerprint = run.provenance.get("data_fingerprint")
        rows.append(
            [label(one.method), one.dataset or run.provenance.get("file") or "not recorded"]
            + [code(fingerprint[:16]) if fingerprint else None, code(run.fingerprint[:16])]
            + [run.provenance.get("code") and code(run.provenance["code"])]
        )
    columns = ["method", "data", "data fingerprint", "config fingerprint", "code"]
    return table(columns, rows, caption="Inputs (first 16 digits of SHA-256)")


def _results(folder: Path, names: list[str]) -> Html:
    rows = []
    for name in names:
        content = files.read_json(folder / f"{name}.json")
        rows.append(
            [
                code(f"{name}.csv"),
                code(made_by(name, folder.name)),
                moment(content.get("created")),
                code(str(content.get("code"))),
            ]
        )
    return table(["numbers", "command", "made", "code"], rows, caption="Results")


def _versions() -> Html:
    made = ", ".join(f"{name} {version}" for name, version in provenance.versions().items())
    return paragraph("Analyses, figures and this page: ", made, ".", class_="meta")


def _snapshots(one: Conditions) -> Html:
    rows = [
        [run.seed, len(run.epochs), code(run.digest()), run.wall_seconds and f"{run.wall_seconds:.0f} s"]
        for run in one.runs
    ]
    return join(
        [
            element("h3", label(one.method)),
            table(["seed", "epochs", "hash of the snapshots", "time"], rows, caption=one.method),
        ]
    )
