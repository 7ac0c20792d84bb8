# SPDX-License-Identifier: Apache-2.0
"""Train what is left of a study: take the next seed that is neither complete nor held, until there is none.

Any number of workers, on any number of hosts that share the folder of runs, work on one study; each may be killed at
any time, and another takes up what it has left.

python -m runners.worker --study NAME
"""

import dataclasses
import itertools
import os
import re
import shlex
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from dynamics import archive, seed_lists, study_file
from dynamics.errors import UserError
from dynamics.names import check_study_name, counted
from dynamics.study_file import StudyFile
from dynamics.training.check_data import check_data
from dynamics.training.plan import Plan, longest_first, make_plan, record
from dynamics.training.study import choose_resources
from runners.arguments import Machine, seeds_of_flags
from runners.seeds import work


@dataclass(frozen=True, kw_only=True)
class WorkerArguments(Machine):
    """Which studies to work on, and with what."""

    study: tuple[str, ...]
    """Names of studies that have been begun (runs/NAME/study.toml), or study files."""
    methods: tuple[str, ...] | None = None
    """Methods to train; all of the study by default."""
    seeds: str | None = None
    """Seeds to train, such as 0-9,20; all of the study by default."""
    lifeline: int | None = None
    """Descriptor whose end stops this worker, for launchers."""


def plan_of(study: StudyFile, where: WorkerArguments) -> Plan:
    """Return the seeds of a study that this worker may train, and those that are complete.

    Raises
    ------
    UserError
        If the study has none of the methods, or a seed was made with another recipe.
    """
    if not study.methods:
        raise UserError(f"study {study.name} names no methods: see its study.toml")
    chosen = [method for method in study.methods if where.methods is None or method in where.methods]
    if not chosen:
        raise UserError(
            f"study {study.name} has no method of {', '.join(where.methods or ())}: see its study.toml"
        )
    chosen_seeds = None if where.seeds is None else {*seeds_of_flags(None, where.seeds)}
    return Plan.together(
        make_plan(
            where.runs,
            study.name,
            method,
            study.recipe_of(method),
            [seed for seed in study.seed_list(method) if chosen_seeds is None or seed in chosen_seeds],
            thorough=False,
        )
        for method in chosen
    )


def read_study(runs: Path, name: str) -> StudyFile:
    """Return the study file of a study that has been begun, or the one at a path.

    Raises
    ------
    UserError
        If there is none.
    """
    if name.endswith(".toml"):
        return study_file.read(name)
    if name.endswith(archive.SUFFIX):
        raise UserError(f"{name} is an archive, which is only read: train in a folder of runs")
    check_study_name(name)
    path = runs / name / study_file.NAME
    if not path.is_file():
        raise UserError(
            f"no {path}: begin the study on one host (python -m runners.study or runners.seeds), or name a study file"
        )
    return dataclasses.replace(study_file.read(path), name=name)  # a copied folder has another name


def _check_seeds(studies: Sequence[StudyFile], asked: str | None) -> None:
    known = {seed for study in studies for method in study.methods for seed in study.seed_list(method)}
    if asked is not None and (absent := {*seeds_of_flags(None, asked)} - known):
        names = ", ".join(study.name for study in studies)
        raise UserError(
            f"`seeds`: {names} has no seed {min(absent)}: its seeds are {seed_lists.in_ranges(known)}"
        )


def here(data_root: Path) -> Path:
    """Return a path with this host's values of its $VARIABLES.

    Raises
    ------
    UserError
        If one is not set.

    Examples
    --------
    >>> here(Path("data"))
    PosixPath('data')
    """
    found = os.path.expandvars(data_root)
    if unset := re.search(r"\$\{?(\w+)", found):
        raise UserError(f"`data_root` {data_root}: {unset[1]} is not set on {socket.gethostname()}")
    return Path(found).expanduser()


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status: 0 if nothing is left to take, 1 if a seed failed."""
    arguments = cli(WorkerArguments, argv, prog="python -m runners.worker", description=__doc__)
    if arguments.lifeline is not None:
        threading.Thread(target=_stop_with, args=(arguments.lifeline,), daemon=True).start()
    data_root = here(arguments.data_root)
    studies = [read_study(arguments.runs, name) for name in arguments.study]
    _check_seeds(studies, arguments.seeds)
    plan = Plan.together(plan_of(study, arguments) for study in studies)
    if not plan.missing:
        say(f"all {counted(len(plan.complete), 'seed')} are complete")
        return 0
    devices, workers = choose_resources(
        arguments.device, arguments.workers, arguments.engine, jobs=len(plan.missing)
    )
    try:
        fingerprints = check_data(
            plan.missing, data_root=data_root, download=arguments.download, progress=track
        )
    except UserError as error:
        raise UserError(f"on {socket.gethostname()}: {error.args[0]}") from error
    if any(study.data.get(name) != known for study in studies for name, known in fingerprints.items()):
        record(plan, data=fingerprints)
    host, left = socket.gethostname(), counted(len(plan.missing), "seed")
    say(f"{left} left, {workers} at a time on {', '.join(devices)} of {host}")
    where = dataclasses.replace(arguments, data_root=data_root)
    again = shlex.join(["python", "-m", "runners.worker", *_typed(argv)])
    return work(
        longest_first(plan.missing), where, devices=devices, workers=workers, again=again, alone=False
    )


def _typed(argv: Sequence[str]) -> list[str]:
    """Return a command line without what its launcher added: a descriptor is of one process only."""
    flag = "--lifeline"
    return [
        word
        for before, word in itertools.pairwise(["", *argv])
        if flag != before and word.split("=")[0] != flag
    ]


def _stop_with(descriptor: int) -> None:
    """End this process as a signal would when the other end of a pipe is closed: its launcher has died."""
    try:
        os.read(descriptor, 1)  # nothing is ever written
    except OSError:
        return  # no such descriptor: the command line is a copy of a launcher's
    os.kill(os.getpid(), 15)


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
