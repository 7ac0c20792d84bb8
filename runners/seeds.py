# SPDX-License-Identifier: Apache-2.0
"""Train seeds of one method: python -m runners.seeds --method simclr --n 30.

Complete seeds are left alone and partial ones resumed, so the same command goes on after any interruption.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from analysis.framework import console
from analysis.framework.console import say
from dynamics import study_file
from dynamics.config import Recipe
from dynamics.names import counted
from dynamics.training.plan import Plan, longest_first, make_plan
from dynamics.training.pool import Source, run_jobs
from dynamics.training.study import check_complete, check_data, choose_resources
from runners.arguments import Resources, announce, parse_with_recipe, wanted_seeds
from runners.progress import Board, duration, name


@dataclass(frozen=True, kw_only=True)
class SeedArguments(Resources):
    """Which seeds to train, and where."""

    method: str
    """Name of the method; required. The recipe's defaults are those of the method and the preset."""
    n: int | None = None
    """Number of seeds to train, 0 to n - 1; 1 by default."""
    seeds: str | None = None
    """Seeds to train instead of --n, such as 0-9,20."""


def train(plan: Plan, where: Resources, *, again: str, **recorded: Any) -> int:
    """Train a plan's missing seeds, showing progress; return the exit status.

    Parameters
    ----------
    plan, where
        What to train, and where.
    again
        The command that continues an interrupted training.
    recorded
        Further entries of the study files beside the runs, see :func:`dynamics.study_file.record`.

    Raises
    ------
    UserError
        If the data or the device are not there, or a recipe does not fit the data.
    """
    devices, workers = choose_resources(where.device, where.workers, where.engine, jobs=len(plan.missing))
    complete = f"{counted(len(plan.complete), 'seed')} complete"
    say(f"{complete}, {len(plan.missing)} to train on {', '.join(devices)}, {workers} at a time")
    if where.dry_run and where.download:
        say("the images may have to be downloaded first: their sizes are not checked")
    elif plan.missing:
        check_data(plan.missing, data_root=where.data_root, download=where.download, progress=track)
    else:
        check_complete(plan.complete, data_root=where.data_root)
    if where.dry_run:
        for job in longest_first(plan.missing):
            say(f"would train {name(job)} for {counted(job.recipe.epochs, 'epoch')} in {job.folder}")
        return 0
    record(plan, **recorded)
    if not plan.missing:
        return 0
    source = Source(data_root=where.data_root, engine=where.engine, replace_epochs=where.replace_epochs)
    missing = longest_first(plan.missing)
    with Board(missing, workers=workers) as board:
        try:
            run_jobs(missing, source=source, devices=devices, workers=workers, on_event=board.on_event)
        except KeyboardInterrupt:
            console.ignore_interrupts()
            board.stop()
            say(f"stopped; finished epochs are kept. To go on: {again}")
            return 130
    return report(board, again)


def record(plan: Plan, **recorded: Any) -> None:
    """Write a study file beside the runs of each study that is trained."""
    studies: dict[Path, tuple[dict[str, Recipe], set[int]]] = {}
    for job in (*plan.missing, *plan.complete):
        recipes, seeds = studies.setdefault(job.study_folder, ({}, set()))
        recipes[job.method] = job.recipe
        seeds.add(job.seed)
    for folder, (recipes, seeds) in studies.items():
        study_file.record(folder, recipes, seeds, **recorded)


def report(board: Board, again: str) -> int:
    """Print how the training ended; return the exit status, 1 if a seed failed."""
    done = len(board.jobs) - len(board.failures)
    say(f"{done} of {counted(len(board.jobs), 'seed')} trained in {duration(board.seconds)}")
    board.say_failures()
    if board.failures:
        say(f"To try those again: {again}")
    return 1 if board.failures else 0


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    where, recipe = parse_with_recipe(
        SeedArguments,
        argv,
        prog="python -m runners.seeds",
        description="Train seeds of one method; partial ones are resumed.",
    )
    preset = study_file.read(announce(where.preset)).name
    study = where.study or preset
    plan = make_plan(where.runs, study, where.method, recipe, wanted_seeds(where.n, where.seeds))
    return train(plan, where, again=shlex.join(["python", "-m", "runners.seeds", *argv]))


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
