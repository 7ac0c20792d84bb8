# SPDX-License-Identifier: Apache-2.0
"""Which study a command works on: the one that is named, or the one that was written last."""

from dataclasses import dataclass
from pathlib import Path

import dynamics.study
from analysis.framework.console import say
from analysis.framework.folders import newest
from dynamics import snapshots
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
