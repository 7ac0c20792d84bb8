# SPDX-License-Identifier: Apache-2.0
"""Train seeds of one method: python -m runners.seeds --method simclr --n 30.

What is whole is left alone, what is partial is resumed, so the same command goes on after any interruption.
"""

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.progress import track

from analysis.framework import console
from analysis.framework.console import say
from dynamics import data, methods
from dynamics.config import PRESETS, Recipe
from dynamics.errors import UserError
from dynamics.provenance import available_cores
from dynamics.streams import MAX_SEED
from dynamics.study_file import preset
from dynamics.training import capture
from dynamics.training.loop import Job
from dynamics.training.plan import Plan, make_plan, parse_seeds
from dynamics.training.pool import Source, run_jobs
from runners.costs import longest_first
from runners.progress import Board, duration, name

SEEDS_PER_GPU = 1
"""Seeds that `--workers auto` trains at once on a GPU: one until `benchmarks.seeds` has measured that more pay."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where to compute and to keep things; nothing of it changes a number."""

    preset: str | None = None
    """quick (digits, minutes on a CPU) or thesis (CIFAR-10); by default thesis where there is a GPU."""
    study: str | None = None
    """Name of the study; by default that of the preset."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""
    data_root: Path = Path("data")
    """Folder that holds downloaded data, or the images of --dataset folder."""
    download: bool = False
    """Fetch the data set when it is absent."""
    workers: int | Literal["auto"] = "auto"
    """Seeds at a time, each in a process of one thread; auto is one per GPU, or one per core where there is none."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:1."""
    engine: Literal["auto", "eager", "graph", "compiled"] = "auto"
    """How steps are sent to a GPU: one kernel at a time, as one CUDA graph (auto), or that of compiled networks."""
    dry_run: bool = False
    """Say what would be trained, and stop."""


@dataclass(frozen=True, kw_only=True)
class Seeds(Where):
    """Which seeds to train, and where."""

    method: str
    """Way of training; has to be given. The recipe's defaults are those of the method and the preset."""
    n: int | None = None
    """Train seeds 0 to n - 1 (default 1)."""
    seeds: str | None = None
    """Train these seeds instead: 0-9,20."""


def parse(argv: Sequence[str]) -> tuple[Seeds, Recipe]:
    """Read a command line; a method's and a preset's values are the defaults that --help shows."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--method")
    first.add_argument("--preset")
    known, _ = first.parse_known_args(argv)
    wants_help = "--help" in argv or "-h" in argv
    if known.method is None and not wants_help:
        raise UserError(f"which method? add --method with one of {', '.join(methods.names())}")
    recipe_type = methods.recipe(known.method or "simclr")
    chosen = known.preset or default_preset()
    # The recipe's fields and the other flags form one flat list: --lr, not --recipe.lr.
    groups = [("runner", Seeds), ("recipe", recipe_type)]
    arguments = dataclasses.make_dataclass("Arguments", groups, frozen=True, kw_only=True)
    parsed = tyro.cli(
        arguments,
        default=arguments(runner=Seeds(method=known.method or "simclr"), recipe=preset(recipe_type, chosen)),
        args=list(argv),
        prog="python -m runners.seeds",
        description=f"Train seeds of one method ({', '.join(methods.names())}); resumes what is partial.",
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.HelptextFromCommentsOff),
    )
    return parsed.runner, parsed.recipe


def default_preset() -> str:
    """Return thesis where there is a CUDA device, else quick."""
    return "thesis" if torch.cuda.is_available() else "quick"


def announce(where: Where) -> str:
    """Say which preset is used and how to choose another; return its name."""
    if where.preset is not None:
        say(f"preset {where.preset}")
        return where.preset
    chosen = default_preset()
    why = "a CUDA device was found" if chosen == "thesis" else "no CUDA device was found"
    others = " or ".join(f"--preset {name}" for name in PRESETS if name != chosen)
    say(f"preset {chosen} ({why}; choose another with {others})")
    return chosen


def wanted_seeds(n: int | None, seeds: str | None) -> list[int]:
    """Return the seeds that --n or --seeds ask for."""
    if seeds is not None:
        if n is not None:
            raise UserError("--n and --seeds exclude each other: use one")
        return parse_seeds(seeds)
    count = 1 if n is None else n
    if not 1 <= count <= MAX_SEED + 1:
        raise UserError(f"--n {count} is no number of seeds: use 1 to {MAX_SEED + 1}")
    return list(range(count))


def choose_devices(device: str) -> list[str]:
    """Return the devices that workers are spread over."""
    if device == "auto":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return [f"cuda:{index}" for index in range(count)] or ["cpu"]
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"--device {device} cannot be used ({str(error).splitlines()[0]}): try --device cpu"
        ) from None
    return [device]


def choose_workers(workers: int | Literal["auto"], devices: list[str], jobs: int) -> int:
    """Return how many seeds are trained at a time."""
    if workers == "auto":
        workers = available_cores() if devices == ["cpu"] else SEEDS_PER_GPU * len(devices)
    if workers < 1:
        raise UserError(f"--workers {workers} is too few: use 1 or more, or auto")
    return min(workers, max(1, jobs))


def check(jobs: list[Job], where: Where) -> None:
    """Load the data and compare sizes before a worker starts: one download, and a mistake is said once."""
    for dataset in dict.fromkeys(job.recipe.dataset for job in jobs):
        loaded = data.load(dataset, data_root=where.data_root, download=where.download, progress=track)
        for job in {job.method: job for job in jobs if job.recipe.dataset == dataset}.values():
            training.check(job, loaded)


def train_jobs(plan: Plan, where: Where, *, again: str) -> int:
    """Train a plan's missing seeds with progress on the screen; return the exit status."""
    devices = choose_devices(where.device)
    capture.choose(where.engine, torch.device(devices[0]))
    workers = choose_workers(where.workers, devices, len(plan.missing))
    missing = longest_first(plan.missing)
    say(
        f"{len(plan.whole)} seeds are whole, {len(missing)} to train on {', '.join(devices)}, {workers} at a time"
    )
    if where.dry_run:
        for job in missing:
            say(f"would train {name(job)} for {job.recipe.epochs} epochs in {job.folder}")
        return 0
    if not missing:
        return 0
    check(missing, where)
    packed = devices != ["cpu"] and workers > len(devices)
    with Board(missing, workers=workers, sharing=1.0 if packed else 0.0) as board:
        try:
            source = Source(data_root=where.data_root, engine=where.engine)
            run_jobs(missing, source=source, devices=devices, workers=workers, on_event=board.on_event)
        except KeyboardInterrupt:
            board.stop()
            say(f"stopped; finished epochs are kept. To go on: {again}")
            return 130
    return report(board, missing, again)


def report(board: Board, jobs: list[Job], again: str) -> int:
    """Say how it ended; 1 when a seed failed."""
    done = len(jobs) - len(board.failures)
    say(f"{done} of {len(jobs)} seeds trained in {duration(board.seconds)}")
    for job, reason in board.failures.items():
        print(f"failed: {name(job)}: {reason}", file=sys.stderr)
    if board.failures:
        say(f"To try those again: {again}")
    return 1 if board.failures else 0


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    where, recipe = parse(argv)
    chosen = announce(where)
    study = where.study or chosen
    seeds = wanted_seeds(where.n, where.seeds)
    plan = make_plan(where.runs, study, where.method, recipe, seeds)
    return train_jobs(plan, where, again=shlex.join(["python", "-m", "runners.seeds", *argv]))


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
