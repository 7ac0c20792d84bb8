# SPDX-License-Identifier: Apache-2.0
"""Train seeds of one method: python -m runners.seeds --method simclr --n 30.

Complete seeds are left alone and partial ones resumed, so the same command goes on after any interruption.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.progress import track

from analysis.framework import console
from analysis.framework.console import say
from dynamics.names import counted
from dynamics.training import logs
from dynamics.training.check_data import check_complete, check_data
from dynamics.training.job import Job
from dynamics.training.plan import Plan, longest_first, make_plan, record
from dynamics.training.pool import Source, run_jobs
from dynamics.training.progress import Board
from dynamics.training.study import choose_resources
from runners import launch
from runners.arguments import Machine, Resources, announce, parse_with_recipe, seeds_of_flags
from runners.launch import elsewhere
from runners.launch.estimate import preview


@dataclass(frozen=True, kw_only=True)
class SeedArguments(Resources):
    """Which seeds to train, and where."""

    method: str
    """Name of the method; required. Defaults of other flags are its own: here those of the method named with --help, or
    SimCLR's."""
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
    launch.check(where.launcher, launcher_args=where.launcher_args, ray_address=where.ray_address)
    if where.launcher != "local":
        return elsewhere.train(plan, where, **recorded)
    devices, workers = choose_resources(where.device, where.workers, where.engine, jobs=len(plan.missing))
    complete = f"{counted(len(plan.complete), 'seed')} complete"
    say(f"{complete}, {len(plan.missing)} to train on {', '.join(devices)}, {workers} at a time")
    fingerprints = None
    if where.dry_run and where.download:
        say("the images may have to be downloaded first: their sizes are not checked")
    elif plan.missing:
        fingerprints = check_data(
            plan.missing, data_root=where.data_root, download=where.download, progress=track
        )
    else:
        check_complete(plan.complete, data_root=where.data_root)
    if where.dry_run:
        return preview(plan)
    record(plan, data=fingerprints, **recorded)
    if not plan.missing:
        return 0
    return work(longest_first(plan.missing), where, devices=devices, workers=workers, again=again)


def work(
    jobs: Sequence[Job],
    where: Machine,
    *,
    devices: Sequence[str],
    workers: int,
    again: str,
    alone: bool = True,
) -> int:
    """Train seeds in processes of this host, showing progress; return the exit status.

    If this is not meant to be `alone`, seeds that other processes have are no reason for a status of 1.
    """
    source = Source(
        data_root=where.data_root,
        engine=where.engine,
        replace_epochs=where.replace_epochs,
        log=logs.wanted(where.log),
    )
    with Board(jobs, workers=workers, say=say, spelled=console.in_flags, live=True) as board:
        try:
            run_jobs(
                jobs,
                source=source,
                devices=devices,
                workers=workers,
                on_event=board.on_event,
                patient=where.wait,
            )
        except KeyboardInterrupt:
            console.ignore_interrupts()
            board.stop()
            say(f"stopped; finished epochs are kept. To go on: {again}")
            return 130
    return report(board, again, alone=alone)


def report(board: Board, again: str, *, alone: bool) -> int:
    """Print how the training ended; return the exit status, 1 if a seed failed or was left to another process."""
    say(board.summary())
    board.say_failures()
    if board.failures:
        say(f"To try those again: {again}")
    elif board.held:
        say("--wait waits for those; the same command takes up what they leave")
    return 1 if board.failures or (board.held and alone) else 0


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    where, recipe = parse_with_recipe(
        SeedArguments,
        argv,
        prog="python -m runners.seeds",
        description="Train seeds of one method; partial ones are resumed.",
    )
    preset = announce(where.preset).name
    study = where.study or preset
    plan = make_plan(where.runs, study, where.method, recipe, seeds_of_flags(where.n, where.seeds))
    return train(plan, where, again=shlex.join(["python", "-m", "runners.seeds", *argv]))


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
