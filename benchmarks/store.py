# SPDX-License-Identifier: Apache-2.0
"""How long does storage take: an epoch written, r_t of a whole study read, a large panel streamed; with what memory.

What is read is synthetic and resembles real runs (:mod:`benchmarks._synthetic`); it lies in a temporary folder
(TMPDIR chooses the disk). Reading is what `python -m analysis.learning` does: from the study's name to r_t.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from analysis.framework.where import Where, open_study
from benchmarks._rows import Row, Setting, missing
from benchmarks._synthetic import Sizes, all_answers, scalar_names, thesis_sizes, write
from benchmarks._timing import Timed, in_fresh_process, seconds_of, spent
from dynamics import snapshots

MB = 1e6
STUDY, METHOD = "synthetic", "simclr"
WARM = "the file cache is warm"
ENOUGH = 10.0
"""Seconds of a call after which it is not timed once more."""

WITHOUT_TORCH = """
import sys
from pathlib import Path
from dynamics.study import Where, open_study
runs, study, method = sys.argv[1:]
open_study(Where(study=study, runs=Path(runs))).counts(method).learning_probability
assert "torch" not in sys.modules
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
"""Reads r_t as an analysis does that was started from the command line; prints its largest memory in KiB."""


def measure(setting: Setting) -> list[Row]:
    """Time writing an epoch, reading the thesis's largest method, and streaming a panel of all its images."""
    if setting.cuda:
        return []  # nothing here depends on a GPU
    rows = []
    panel = thesis_sizes(METHOD, quick=setting.quick)
    if setting.time_for("write an epoch"):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(writing(panel, Path(folder), setting))
    if setting.time_for(f"read r_t of {panel}"):
        with tempfile.TemporaryDirectory() as folder:
            rows += reading(panel, Path(folder), rounds=1 if setting.quick else 3)
    large = Sizes(seeds=30, epochs=20, views=1, augmentations=10, examples=50_000)
    if setting.quick:
        large = Sizes(seeds=3, epochs=4, views=1, augmentations=2, examples=500)
    if setting.time_for(f"stream {large}"):
        with tempfile.TemporaryDirectory() as folder:
            rows += streaming(large, Path(folder), rounds=1 if setting.quick else 3)
    return rows


def writing(sizes: Sizes, folder: Path, setting: Setting) -> Row:
    """Time the commit of one epoch of one seed, as training makes it, until it is on the disk."""
    rounds, rng = 2 if setting.quick else 30, np.random.default_rng(0)
    correct = next(all_answers(METHOD, sizes))
    names, shape = scalar_names(METHOD), correct.shape[1:]
    writer = snapshots.Writer.open(
        snapshots.seed_folder(folder, STUDY, METHOD, 0),
        epochs=rounds + 1,
        shape=(sizes.views, sizes.augmentations, sizes.examples),
        scalar_names=names,
        examples=np.arange(sizes.examples),
    )

    def commit(epoch: int) -> Callable[[], None]:
        probability = rng.random(shape, dtype=np.float32).astype(np.float16)
        scalars = dict(zip(names, rng.random(len(names)).tolist(), strict=True))
        return lambda: writer.write(epoch, correct[epoch % len(correct)], probability, scalars)

    commit(1)()
    seconds = [seconds_of(commit(epoch), setting.device) for epoch in range(2, rounds + 2)]
    return spent(
        "store.write_epoch",
        f"write an epoch of {sizes.views} x {sizes.augmentations} x {sizes.examples}",
        "ms",
        [1e3 * value for value in seconds],
        "answers, probabilities and scalars; on the disk when it returns",
    )


def reading(sizes: Sizes, folder: Path, *, rounds: int) -> list[Row]:
    """Time r_t(x) of a study from its disk, and weigh its `correct` there."""
    write(folder, STUDY, METHOD, sizes)
    what = f"r_t of {sizes} from disk"
    rows = costs("store.read", what, learning_probability, folder, rounds=rounds, note=WARM)
    size = size_of(folder, "correct")
    bits = Row(
        key="store.correct_size",
        what=f"`correct` of {sizes} on disk",
        value=size / MB,
        unit="MB",
        note=f"{8 * size / sizes.answers:.2f} bits an answer; promised for such a study: below 40 MB",
    )
    return [*rows, lean(what, folder, rounds=rounds), bits]


def lean(what: str, folder: Path, *, rounds: int) -> Row:
    """Weigh the same reading in a process without PyTorch, which this harness loads and that analysis does not."""
    key, spelled = "store.read_peak_without_torch", f"{what}: memory of a process without PyTorch"
    if not Path("/proc/self/status").exists():
        return missing(key, spelled, "MB", "this system does not tell a process's largest memory")
    command = [sys.executable, "-c", WITHOUT_TORCH, str(folder), STUDY, METHOD]
    found = [subprocess.run(command, capture_output=True, check=True, text=True) for _ in range(rounds)]
    megabytes = [1024 * int(one.stdout) / MB for one in found]
    return spent(key, spelled, "MB", megabytes, "as python -m analysis.learning reads it")


def streaming(sizes: Sizes, folder: Path, *, rounds: int) -> list[Row]:
    """Time E[r_t] of a panel that is not to be held in memory."""
    write(folder, STUDY, METHOD, sizes)
    held = f"{sizes.answers / MB:.3g} MB of answers, never held at once; {WARM}"
    return costs("store.stream", f"stream {sizes}", mean_learning, folder, rounds=rounds, note=held)


def learning_probability(runs: Path) -> Float64[np.ndarray, "epoch example"]:
    """Read r_t(x) of all epochs, by the path that analyses take."""
    return open_study(Where(study=STUDY, runs=runs)).counts(METHOD).learning_probability


def mean_learning(runs: Path) -> Float64[np.ndarray, " epoch"]:
    """Read E[r_t] of all epochs, likewise."""
    return open_study(Where(study=STUDY, runs=runs)).counts(METHOD).mean


def size_of(runs: Path, array: str) -> int:
    """Return the bytes of one array's files over all seeds."""
    return sum(path.stat().st_size for path in runs.glob(f"**/{array}/*") if path.is_file())


def nothing() -> None:
    """Do nothing: what a process takes before it begins."""


@cache
def idle_megabytes(function: Callable[[], None]) -> float:
    """Return the memory of a process that imports what a function that does nothing lies beside."""
    return in_fresh_process(function).peak_bytes / MB


def costs(
    key: str,
    what: str,
    function: Callable[..., Any],
    *arguments: Any,
    rounds: int,
    note: str = "",
    idle: Callable[[], None] = nothing,
) -> list[Row]:
    """Return seconds and peak memory of a call, each of at most so many rounds in a process of its own.

    `idle` does nothing and lies in the same module as `function`: how much of the memory the imports take.
    """
    timed: list[Timed] = []
    while len(timed) < rounds and sum(one.seconds for one in timed) < ENOUGH:
        timed.append(in_fresh_process(function, *arguments))
    return [
        spent(f"{key}_seconds", f"{what}: time", "s", [one.seconds for one in timed], note),
        spent(
            f"{key}_peak",
            f"{what}: memory of the process",
            "MB",
            [one.peak_bytes / MB for one in timed],
            f"{idle_megabytes(idle):.0f} MB of it before it begins: Python, PyTorch and other libraries",
        ),
    ]
