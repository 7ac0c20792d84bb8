# SPDX-License-Identifier: Apache-2.0
"""A study of 1000 seeds of each of four methods: opened, its state told, a worker's next seed found; and the locks.

The seeds are synthetic and small; what grows with their number is what is measured. It takes minutes to write them.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import Conditions, Measurement, median, seconds_of
from dynamics import lock, snapshots, study_file
from dynamics.lock import strict
from dynamics.opening import open_study
from dynamics.training.job import Job
from dynamics.training.queue import Queue
from runners import status, worker

STUDY, METHODS = "scale", ("simclr", "supervised", "random-labels", "vicreg")
SEEDS, ROUNDS = 1000, 5
MEMORY = """
import sys, tracemalloc
import dynamics
study = dynamics.open_study(sys.argv[1])
tracemalloc.start()
study.counts("simclr")
print(tracemalloc.get_traced_memory()[1])
"""


def measure(conditions: Conditions) -> list[Measurement]:
    """Time what is done with many seeds."""
    if conditions.cuda:
        return []  # nothing here depends on a GPU
    seeds = 3 if conditions.quick else SEEDS
    if not conditions.time_for(f"{len(METHODS)} x {seeds} seeds"):
        return []
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        write(runs, seeds)
        return [*_of_the_study(runs, conditions, seeds), *_of_locks(runs, conditions)]


def write(runs: Path, seeds: int) -> None:
    """Write the study, and a file that asks for one seed more of each method."""
    rng = np.random.default_rng(0)
    recipes = {method: study_file.preset(method, "quick") for method in METHODS}
    for method, recipe in recipes.items():
        for seed in range(seeds):
            snapshots.write_finished(
                snapshots.seed_folder(runs, STUDY, method, seed),
                method=method,
                seed=seed,
                correct=rng.random((20, 2 if method in ("simclr", "vicreg") else 1, 3, 64)) < 0.6,
                labels=np.arange(64) % 10,
                scalars={"loss": np.arange(20.0)},
                config=recipe.to_json(),
                wall_seconds=1.0,
            )
    study_file.record(runs / STUDY, recipes, range(seeds + 1))


def _of_the_study(runs: Path, conditions: Conditions, seeds: int) -> list[Measurement]:
    def state() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            status.main(["--runs", str(runs), "--study", STUDY])

    def plan() -> list[Job]:
        where = worker.WorkerArguments(study=(STUDY,), runs=runs)
        return worker.plan_of(worker.read_study(runs, STUDY), where).missing

    def times(call: Callable[[], object]) -> list[float]:
        return [seconds_of(call, conditions.device) for _ in range(ROUNDS)]

    missing = plan()
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY, str(runs / STUDY)], capture_output=True, text=True, check=True
    )
    what = f"{len(METHODS)} x {seeds} seeds: "
    return [
        median("scale.open_seconds", f"{what}open_study", "s", times(lambda: open_study(runs / STUDY))),
        median("scale.status_seconds", f"{what}runners.status", "s", times(state)),
        median("scale.plan_seconds", f"{what}a worker's start", "s", times(plan)),
        median(
            "scale.take_seconds",
            f"{what}a worker's next seed",
            "s",
            times(lambda: Queue(missing, print).take()),
        ),
        median(
            "scale.count_seconds",
            f"{what}r_t of one method",
            "s",
            times(lambda: open_study(runs / STUDY).counts("simclr")),
        ),
        Measurement(
            "scale.count_peak",
            f"{what}memory that r_t of one takes",
            float(ran.stdout) / 1e6,
            "MB",
            None,
            None,
            "",
        ),
    ]


def _of_locks(runs: Path, conditions: Conditions) -> list[Measurement]:
    """Time a lock of each kind, taken and released on this disk."""

    def system() -> None:
        with lock.seed_lock(runs / "system"):
            pass

    def strictly() -> None:
        claim = strict.take(runs / "lock", runs / "holder.json")
        assert claim is not None
        claim.release()

    def milliseconds(call: Callable[[], object]) -> list[float]:
        return [1e3 * seconds_of(call, conditions.device) for _ in range(5 if conditions.quick else 100)]

    return [
        median("scale.lock.system", "a seed's lock on a disk of one machine", "ms", milliseconds(system)),
        median("scale.lock.strict", "a claim, as on a disk of many", "ms", milliseconds(strictly)),
    ]
