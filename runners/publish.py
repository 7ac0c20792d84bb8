# SPDX-License-Identifier: Apache-2.0
"""Copy a study's finished seeds to where they are published: snapshots and recipes, no weights, no images.

python -m runners.publish --study demo --to published/runs
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.where import choose_study
from dynamics import publish, snapshots, study_file
from dynamics.errors import UserError
from dynamics.names import counted


@dataclass(frozen=True, kw_only=True)
class Publish:
    """Which study to publish, where, and what of it."""

    study: str | None = None
    """Name of the study; by default the one that was written last."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""
    to: Path = Path("published/runs")
    """Folder that the study's folder is copied to; seeds that are there already are kept."""
    methods: tuple[str, ...] = ()
    """Methods to publish; all by default."""
    arrays: tuple[str, ...] = ("held_out_correct",)
    """Arrays to publish beside `correct` and the scalars, as far as they were recorded; the others take most of the
    space (probability, margin, error_norm, predicted, rivals, same_class_rivals, held_out_rivals)."""


def copy_study(options: Publish, study: str) -> None:
    """Copy the finished seeds of the methods, and the study's file; say how many and how large."""
    to, runs = options.to.resolve(), options.runs.resolve()
    if to.is_relative_to(runs):
        raise UserError(f"`to` must be a folder outside `runs` ({runs}), got {to}")
    there = snapshots.list_methods(options.runs, study)
    if unknown := [name for name in options.methods if name not in there]:
        raise UserError(f"study {study} has no `methods` {unknown[0]}: it has {', '.join(there)}")
    for method in options.methods or there:
        new = waiting = 0
        for folder in snapshots.seed_folders(options.runs, study, method):
            copied = options.to / study / method / folder.name
            if not snapshots.is_complete(folder):
                waiting += 1
                continue
            new += publish.publish(snapshots.Run(folder), copied, options.arrays)
        place = options.to / study / method
        left = f", {counted(waiting, 'seed')} not finished" if waiting else ""
        held = f"{_megabytes(place):.2f} MB in {place}" if place.exists() else "nothing is published"
        say(f"{method}: {counted(new, 'new seed')}{left}; {held}")
    described = options.runs / study / study_file.NAME
    if described.exists() and (options.to / study).is_dir():
        source = study_file.parsed(described)
        study_file.record(options.to / study, {}, [], analyses=source.analyses, sweep=source.sweep)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    options = cli(Publish, argv, prog="python -m runners.publish", description=__doc__)
    copy_study(options, choose_study(options.runs, options.study))
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
