# SPDX-License-Identifier: Apache-2.0
"""The page: a single self-contained file, made from a study's runs and results."""

import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.framework import results as storage
from analysis.framework.console import say
from analysis.framework.results import OF_NETWORKS, Result
from analysis.framework.table import Table
from analysis.papers import Paper, concerned
from dynamics import files, provenance
from dynamics.errors import UserError
from dynamics.names import counted, label
from dynamics.study import Study
from runners.report.gallery import every_result, gallery
from runners.report.markup import Html, Section, element, join, paragraph, section
from runners.report.papers import compared
from runners.report.provenance import dataset, origin, what_was_run

NAME, EXPLORER = "report.html", "explorer.html"


def write(study: Study, folder: Path) -> Path:
    """Write the report of a study to `folder` (results/<study>), from the results there; return its path.

    Results or figures that are missing are named on the page, with the command that makes them; so are results that
    were made from other seeds than the study has now.

    Raises
    ------
    UserError
        When there are no results at all, or one is damaged.
    """
    results = {}
    for name in available_names(folder):
        result = storage.read(folder, name)
        if stale := differs_from(result, study):
            say(
                f"left out: {name} was made from other seeds of {stale} than study {study.name} has; "
                f"make it again with {storage.made_by(name, study.name)}"
            )
        else:
            results[name] = result
    if not results:
        again = storage.made_by("learning", study.name)
        what = (
            "all were made from other seeds than it has now"
            if available_names(folder)
            else f"none in {folder}"
        )
        raise UserError(f"no results of study {study.name} to report ({what}): run {again}")
    tables = {}
    for name, result in results.items():
        with storage.usable([result], study.name):
            tables[name] = result.tables()
    with storage.usable(results.values(), study.name):
        page = document(study, results, tables, folder)
    path = folder / NAME
    files.atomic_write(path, page.encode(errors="replace"))  # paths may hold any bytes
    return path


def available_names(folder: Path) -> list[str]:
    """Return the names of the results that a study has."""
    return [name for name in every_result() if (folder / f"{name}.json").exists()]


def differs_from(result: Result, study: Study) -> str | None:
    """Return a method whose seeds are not those that a result was made from; None if there is none.

    What looks at networks may be of some seeds, for networks are not always kept; a sweep's inputs are not those of one
    study.
    """
    now = study.inputs()
    for method, used in result.inputs.items() if result.name != "sweep" else ():
        if not isinstance(used, Mapping) or "snapshots" not in used:
            continue
        there = now.get(method, {"seeds": [], "snapshots": []})
        if used.get("kept") != study.kept:
            return method
        made_from, have = (set(zip(one["seeds"], one["snapshots"], strict=True)) for one in (used, there))
        if not made_from <= have or (made_from != have and result.name not in OF_NETWORKS):
            return method
    return None


def document(
    study: Study, results: Mapping[str, Result], tables: Mapping[str, Sequence[Table]], folder: Path
) -> str:
    """Return the complete page; `tables` are those of the results."""
    papers = concerned(study, results)
    sections = [
        what_was_run(study),
        *(compared(name, paper, study, results) for name, paper in papers.items()),
        *gallery(study, results, tables, papers, folder),
        origin(study, folder, results),
    ]
    shown = [one for one in sections if one.content]
    body = join([_head(study, papers, shown, folder), element("main", *map(section, shown))])
    style = importlib.resources.files("runners.report").joinpath("style.css").read_text(encoding="utf-8")
    title = element("title", f"Study {study.name}: training dynamics")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n{title}\n<style>\n{style}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _to_explorer() -> tuple[Html]:
    return (
        paragraph(
            element("a", "Look at the examples", href=EXPLORER), ": pictures, curves and scores, linked."
        ),
    )


def _head(study: Study, papers: Mapping[str, Paper], sections: Sequence[Section], folder: Path) -> Html:
    data = sorted({dataset(runs[0]) for runs in study.runs.values()})
    methods = ", ".join(label(method) for method in study.methods)
    facts = [methods, _seeds(study), f"data {', '.join(data)}", provenance.now()[:10]]
    beside = f" Beside it stand the numbers of {' and of '.join(p.title for p in papers.values())}."
    links = (element("li", element("a", one.title, href=f"#{one.anchor}")) for one in sections)
    return element(
        "header",
        element("h1", f"Training dynamics of study “{study.name}”"),
        paragraph(" · ".join(facts), class_="meta"),
        paragraph(
            "The learning probability r of an example after epoch t is the fraction of independently trained networks, "
            "and of fixed augmentations of the example, for which the network is right; r̃ is that of one "
            f"augmentation.{beside if papers else ''}"
        ),
        *(_to_explorer() if (folder / EXPLORER).exists() else ()),
        element("nav", element("ol", *links), aria_label="Contents"),
    )


def _seeds(study: Study) -> str:
    counts = sorted({len(runs) for runs in study.runs.values()})
    if len(counts) > 1:
        return f"{counts[0]} to {counts[-1]} seeds each"
    return counted(counts[0], "seed") + (" each" if len(study.methods) > 1 else "")
