# SPDX-License-Identifier: Apache-2.0
"""The page itself: one file that needs no other, from a study's runs and results."""

import importlib.resources
from collections.abc import Mapping
from pathlib import Path

import analysis
from analysis.comparison.findings import Finding, Outcome, all_findings
from analysis.framework import results as storage
from analysis.framework.results import Result
from dynamics import files, provenance
from dynamics.errors import UserError
from dynamics.names import label
from dynamics.study import Study
from runners.report.conditions import Conditions, conditions, data_note, distinct_examples
from runners.report.coursework import ANCHOR, TITLE, concerns, objectives
from runners.report.gallery import gallery
from runners.report.markup import Html, badge, element, join, paragraph, section
from runners.report.origins import origins
from runners.report.setup import what_was_run
from runners.report.tables import thesis_tables
from runners.report.weaknesses import weaknesses

NAME = "report.html"

CONTENTS = {
    "run": "What was run",
    "findings": "Findings",
    "figures": "Figures",
    "tables": "Tables",
    ANCHOR: TITLE,
    "statistics": "Statistics",
    "origin": "Provenance",
}


def write(study: Study, folder: Path) -> Path:
    """Write the report of a study to `folder` (results/<study>), from what is there; return its path.

    Results or figures that are missing are named on the page, with the command that makes them.

    Raises
    ------
    UserError
        When there is no result at all, or one is damaged.
    """
    results = available(folder)
    if not results:
        raise UserError(
            f"no results of study {study.name} in {folder}: run python -m analysis.learning --study {study.name}"
        )
    path = folder / NAME
    files.atomic_write(path, document(study, results, folder).encode())
    return path


def available(folder: Path) -> dict[str, Result]:
    """Read the results that a study has."""
    names = [name for name in (*analysis.names(), "evaluation") if (folder / f"{name}.json").exists()]
    return {name: storage.read(folder, name) for name in names}


def document(study: Study, results: Mapping[str, Result], folder: Path) -> str:
    """Return the whole page."""
    found = conditions(study)
    body = join(
        [
            _head(study, found, results),
            element(
                "main",
                what_was_run(found),
                _findings(all_findings(results)),
                gallery(study, results, found, folder),
                thesis_tables(results, found, study.name),
                objectives(found, results),
                weaknesses(results, found, distinct_examples(study)),
                origins(found, folder, list(results)),
            ),
        ]
    )
    style = importlib.resources.files("runners.report").joinpath("style.css").read_text(encoding="utf-8")
    title = element("title", f"Memorization study {study.name}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n{title}\n<style>\n{style}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _head(study: Study, found: dict[str, Conditions], results: Mapping[str, Result]) -> Html:
    seeds = sorted({len(one.runs) for one in found.values()})
    data = sorted({one.dataset or "data not recorded" for one in found.values()})
    span = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    note = [paragraph(line) for line in data_note(found)]
    shown = {
        anchor: title for anchor, title in CONTENTS.items() if anchor != ANCHOR or concerns(found, results)
    }
    links = (element("li", element("a", title, href=f"#{anchor}")) for anchor, title in shown.items())
    return element(
        "header",
        element("h1", f"Memorization study “{study.name}”"),
        paragraph(
            f"{', '.join(label(method) for method in found)} · {span} seeds each · {', '.join(data)} · "
            f"{provenance.now()[:10]}",
            class_="meta",
        ),
        paragraph(
            "The learning probability r of an example after epoch t is the share of independently trained networks, "
            "and of fixed augmentations of the example, for which the network is right; r̃ is that of one "
            "augmentation. This page sets what was measured beside the numbers of the memorization thesis "
            "(CIFAR-10, ResNet-18, 30 seeds)."
        ),
        element("aside", *note, class_="note") if note else Html(""),
        element("nav", element("ol", *links), aria_label="Contents"),
    )


def _findings(tested: list[Finding]) -> Html:
    counts = {outcome: sum(one.outcome is outcome for one in tested) for outcome in Outcome}
    summary = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)
    items = [
        element(
            "li",
            badge(one.outcome),
            " ",
            element("strong", one.claim),
            paragraph(one.number),
            paragraph("Rule: ", one.rule, class_="rule"),
        )
        for one in tested
    ]
    return section(
        "findings",
        "Findings of the thesis",
        paragraph(
            f"Of {len(tested)} findings: {summary}. Each is decided by a number and a rule, not by looking."
        ),
        element("ul", *items, class_="findings"),
    )
