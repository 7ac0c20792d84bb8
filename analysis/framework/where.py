# SPDX-License-Identifier: Apache-2.0
"""Which study a command works on: the one that is named, or the one that was written last."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dynamics.study
from analysis.framework.console import say
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.study import Study


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which study to analyse, and where its numbers go."""

    study: str | None = None
    """Name of the study; by default the one that was written last."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""
    results: Path = Path("results")
    """Folder that takes the numbers, one folder a study."""


def open_study(where: Where) -> Study:
    """Open the study that a command line names, or the one written last; say which seeds are left out.

    Raises
    ------
    UserError
        When there is no such study or nothing in it can be read.
    """
    study = dynamics.study.open_study(where.runs / choose_study(where.runs, where.study))
    for note in study.notes:
        say(note)
    return study


def choose_study(runs: Path, study: str | None) -> str:
    """Name the study to work on: `study` itself, or the one under `runs` that was written last.

    Raises
    ------
    UserError
        When the folder, or a study in it, does not exist.
    """
    make = "train first (python -m runners.seeds --method simclr --n 2), or name the folder with `runs`"
    return newest(runs, study, snapshots.last_write, what="study", make=make)


def newest(
    folder: Path, study: str | None, written: Callable[[Path], float | None], *, what: str, make: str
) -> str:
    """Return the study that was asked for, once it is known to be there, or the one that was written last.

    Parameters
    ----------
    folder
        Holds one subfolder a study.
    study
        The name that was asked for.
    written
        Returns when a subfolder was written last, in seconds since 1970; None where it is no candidate.
    what, make
        What a study's subfolder holds, and how it is made, for the messages.

    Raises
    ------
    UserError
        When the folder, or the study in it, does not exist.
    """
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: {make}")
    found = {
        path.name: when for path in folder.iterdir() if path.is_dir() and (when := written(path)) is not None
    }
    if study is not None:
        if study not in found:
            known = ", ".join(sorted(found)) or "none"
            raise UserError(f"no {what} {study!r} in {folder} (there: {known}): choose one with `study`")
        return study
    if not found:
        raise UserError(f"no {what} in {folder}: {make}")
    chosen = max(sorted(found), key=found.__getitem__)
    say(f"study {chosen} (written last in {folder}; choose another with --study)")
    return chosen
