# SPDX-License-Identifier: Apache-2.0
"""Draw the figures of a study from its results: python -m figures [NAMES...] [--study NAME]."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import tyro

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.folders import newest
from analysis.framework.results import OF_NETWORKS, Result, made_by, usable
from analysis.framework.table import Column, Table
from dynamics.errors import UserError
from figures import _files, find, load, names, why_not


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Draw figures of the memorization thesis from results/, as PDF and PNG."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Numbers or names, as 4.1 or sorted-curves; by default all whose results exist."""
    study: str | None = None
    """Name of the study; by default the one whose results were written last."""
    runs: Path = Path("runs")
    """Folder that holds the studies' runs; figures do not read it."""
    results: Path = Path("results")
    """Folder that holds the numbers; figures go to <results>/<study>/figures."""
    list: bool = False
    """List all figures and stop."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    chosen = cli(Arguments, sys.argv[1:] if arguments is None else arguments, prog="python -m figures")
    if chosen.list:
        show_list()
        return
    asked = [find(name) for name in chosen.names]
    study = choose_results(chosen.results, chosen.study)
    draw_all(chosen.results / study, asked)


def choose_results(results: Path, study: str | None) -> str:
    """Name the study to draw: `study` itself, or the one under `results` that was written last.

    Raises
    ------
    UserError
        When the folder, or results of the study in it, do not exist; says which command makes them.
    """
    make = "run python -m analysis.learning first, or name the folder with `results`"
    return newest(results, study, _last_write, what="results of study", make=make)


def _last_write(folder: Path) -> float | None:
    return max((path.stat().st_mtime for path in folder.glob("*.json")), default=None)


def show_list() -> None:
    """Print all figures: number, name, what it shows, which results it needs."""
    columns = [
        Column("number", "number"),
        Column("name", "name"),
        Column("shows", "shows"),
        Column("needs", "draws the results of analysis."),
    ]
    rows = [
        {
            "number": load(name).NUMBER,
            "name": name,
            "shows": load(name).TITLE,
            "needs": ", ".join(load(name).NEEDS),
        }
        for name in names()
    ]
    console.show(Table(caption="figures", columns=columns, rows=rows))


def draw_all(folder: Path, asked: Sequence[str] = (), *, unmakeable: Collection[str] = ()) -> list[Path]:
    """Draw figures of the study whose results are in `folder`, and say where they are.

    Parameters
    ----------
    folder
        results/<study>.
    asked
        Names of figures; if empty, all whose results exist, and the missing ones are listed.
    unmakeable
        Names of results that this study cannot have: the figures that need them are not listed.

    Raises
    ------
    UserError
        When a requested figure lacks a result, or every figure does.
    """
    possible = [name for name in names() if not _files.missing(folder, name)]
    known: dict[str, Result] = {}
    paths = []
    for name in asked or possible or names():
        results = _files.read(folder, load(name).NEEDS, known)
        if (reason := why_not(load(name), results)) is not None:
            why = f"figure {load(name).NUMBER} ({name}) is not drawn: {reason}"
            if asked:
                raise UserError(why)
            say(why)
            continue
        with usable(results.values(), folder.name):
            written = _files.write(name, results, folder / "figures")
        say(f"figure {load(name).NUMBER}: {written[0]} and {written[1].name}")
        paths += written
    of_all_seeds = [result for name, result in known.items() if name not in OF_NETWORKS]
    for first, second in pairwise(of_all_seeds):
        if method := _files.differing_method(first, second, first.inputs.keys() & second.inputs.keys()):
            say(
                f"note: {first.name} and {second.name} were not computed from the same seeds or mates of {method}, "
                f"so their figures do not belong together: run python -m analysis.NAME --study {folder.name} again"
            )
    if not asked:
        for name in names():
            lacks = _files.missing(folder, name)
            if name in possible or not {*lacks}.isdisjoint(unmakeable):
                continue
            commands = " and ".join(made_by(need, folder.name) for need in lacks)
            say(f"figure {load(name).NUMBER} ({name}) is not drawn: make its numbers with {commands}")
    return paths


if __name__ == "__main__":
    console.run(main)
