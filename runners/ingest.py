# SPDX-License-Identifier: Apache-2.0
"""Take a stranger's indicators into a study that every analysis reads.

python -m runners.ingest --method my-method --correct correct.npy --study theirs
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from analysis.framework import console
from analysis.framework.console import say
from dynamics import files, provenance, snapshots
from dynamics.errors import UserError
from dynamics.training.plan import check_study_name

AXES = {
    4: "(seed, epoch, augmentation, example)",
    5: "(seed, epoch, view, augmentation, example)",
}


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """What to take in, and where to put it."""

    method: str
    """Name of the method in the study: lower-case letters, digits and hyphens."""
    correct: Path
    """.npy file with a bool array of shape (seed, epoch, augmentation, example) or (seed, epoch, view,
    augmentation, example): was the example right after that epoch?"""
    labels: Path | None = None
    """.npy file with the examples' classes, integers of shape (example,)."""
    study: str
    """Name of the study."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""


def load_array(path: Path) -> np.ndarray:
    """Open a .npy file without reading it all, and without running anything that is in it.

    Raises
    ------
    UserError
        When there is no such file, or it holds no plain array.
    """
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"no file {path}: save the array with numpy.save") from None
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read as a .npy array ({error}): save it with numpy.save") from None
    if not isinstance(loaded, np.ndarray):
        raise UserError(f"{path} is an archive, not one array: save the array itself with numpy.save")
    return loaded


def check_correct(array: np.ndarray, path: Path) -> np.ndarray:
    """Return the array with its five axes.

    Raises
    ------
    UserError
        When its type or shape is not one that this command takes.
    """
    if array.dtype != np.bool_:
        raise UserError(
            f"{path} must hold booleans, got {array.dtype}: save what was right as bool, such as array == 1"
        )
    if array.ndim not in AXES:
        raise UserError(f"{path} has shape {array.shape}: it must be {AXES[4]} or {AXES[5]}")
    if 0 in array.shape:
        raise UserError(f"{path} has shape {array.shape}, with nothing along one axis")
    return array if array.ndim == 5 else array[:, :, np.newaxis]


def check_labels(labels: np.ndarray, path: Path, num_examples: int) -> np.ndarray:
    """Return the labels as int64.

    Raises
    ------
    UserError
        When they are no integers, or not one for each example.
    """
    if labels.shape != (num_examples,) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"{path} has shape {labels.shape} and dtype {labels.dtype}: "
            f"it must be {num_examples} integers, one per example"
        )
    return np.asarray(labels, dtype=np.int64)


def ingest(arguments: Ingest) -> int:
    """Write one finished run folder for each seed of the array; return how many."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", arguments.method):
        raise UserError(f"`method` must be lower-case letters, digits and hyphens, got {arguments.method!r}")
    check_study_name(arguments.study)
    correct = check_correct(load_array(arguments.correct), arguments.correct)
    num_seeds, epochs, views, augmentations, examples = correct.shape
    labels = None
    if arguments.labels is not None:
        labels = check_labels(load_array(arguments.labels), arguments.labels, examples)
    present = arguments.runs / arguments.study / arguments.method
    if present.exists():
        raise UserError(f"{present} exists already: choose another `method` or `study`, or remove it")
    config = {
        "source": "ingest",
        "epochs": epochs,
        "views": views,
        "augmentations": augmentations,
        "examples": examples,
        "sha256": files.sha256_of(arguments.correct),
    }
    for seed in range(num_seeds):
        snapshots.write_finished(
            snapshots.seed_folder(arguments.runs, arguments.study, arguments.method, seed),
            method=arguments.method,
            seed=seed,
            config=config,
            provenance={"file": arguments.correct.name, "ingested": provenance.now()},
            correct=np.ascontiguousarray(correct[seed]),
            labels=labels,
        )
    return num_seeds


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    arguments = tyro.cli(Ingest, args=list(argv), prog="python -m runners.ingest", description=__doc__)
    seeds = ingest(arguments)
    say(f"{seeds} seeds of {arguments.method} are in study {arguments.study}")
    say(f"next: python -m analysis.learning --study {arguments.study} --runs {arguments.runs}")
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
