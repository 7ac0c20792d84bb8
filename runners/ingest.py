# SPDX-License-Identifier: Apache-2.0
"""Import indicators that another program recorded, as a study that every analysis can read.

python -m runners.ingest --method my-method --correct correct.npy --study theirs
"""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from dynamics import files, provenance, snapshots
from dynamics.errors import UserError
from dynamics.snapshots.schema import as_indicators, as_integers
from dynamics.training.plan import check_study_name

AXES = {
    4: "(seed, epoch, augmentation, example)",
    5: "(seed, epoch, view, augmentation, example)",
}


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """What to import, and where to store it."""

    method: str
    """Name of the method in the study: lower-case letters, digits and hyphens."""
    correct: Path
    """.npy file with a bool array of shape (seed, epoch, augmentation, example) or (seed, epoch, view,
    augmentation, example): whether the answer on the example was right after that epoch."""
    labels: Path | None = None
    """.npy file with the classes of the examples: integers of shape (example,)."""
    study: str
    """Name of the study."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""


def load_array(path: Path) -> np.ndarray:
    """Open a .npy file as a memory map, without unpickling anything.

    Raises
    ------
    UserError
        If there is no such file, or it does not hold a plain array.
    """
    files.check_regular(path)
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
    """Return an array of indicators with all five axes, once its type and shape are checked.

    Raises
    ------
    UserError
        If its type is not bool, or its shape is neither of :data:`AXES`.
    """
    as_indicators(str(path), array)
    if array.ndim not in AXES:
        raise UserError(f"{path} must have the axes {AXES[4]} or {AXES[5]}, got shape {array.shape}")
    if 0 in array.shape:
        raise UserError(f"{path} must have at least one entry along every axis, got shape {array.shape}")
    return array if array.ndim == 5 else array[:, :, np.newaxis]


def check_labels(labels: np.ndarray, path: Path, num_examples: int) -> np.ndarray:
    """Return the labels as int64.

    Raises
    ------
    UserError
        If they are not integers, or not one per example.
    """
    if labels.shape != (num_examples,):
        raise UserError(
            f"{path} must have shape {(num_examples,)}, one label per example, got {labels.shape}"
        )
    return as_integers(str(path), labels)


def ingest(arguments: Ingest) -> int:
    """Write a finished run folder for each seed of the array; return the number of seeds.

    Raises
    ------
    UserError
        If a name or an array is refused, the method exists already in the study, or the disk is full.
    """
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
    """Run the command, and return its exit status."""
    arguments = cli(Ingest, argv, prog="python -m runners.ingest", description=__doc__)
    seeds = ingest(arguments)
    say(f"{seeds} seeds of {arguments.method} are in study {arguments.study}")
    following = [
        "python",
        "-m",
        "analysis.learning",
        "--study",
        arguments.study,
        "--runs",
        str(arguments.runs),
    ]
    say(f"next: {shlex.join(following)}")
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
