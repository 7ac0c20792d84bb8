# SPDX-License-Identifier: Apache-2.0
"""Import indicators that another program recorded, as a study that every analysis can read.

python -m runners.ingest --method my-method --correct correct.npy --study theirs
"""

import hashlib
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from dynamics import files, lock, provenance, snapshots
from dynamics.errors import UserError
from dynamics.names import check_study_name, counted
from dynamics.snapshots.schema import as_indicators, as_integers

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
    except Exception as error:  # whatever NumPy's parser of headers meets
        reason = shorten(str(error), 120)
        raise UserError(
            f"{path} cannot be read as a .npy array ({reason}): save it with numpy.save"
        ) from None
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
    """Write a finished run folder for each seed of the array; return the number of seeds that were not there yet.

    The seeds are written aside and become visible together. Seeds that an earlier import of the same array left
    are kept.

    Raises
    ------
    UserError
        If a name or an array is refused, the method has other seeds in the study, another method there has other
        examples, or the disk is full.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", arguments.method):
        raise UserError(f"`method` must be lower-case letters, digits and hyphens, got {arguments.method!r}")
    check_study_name(arguments.study)
    correct = check_correct(load_array(arguments.correct), arguments.correct)
    _, epochs, views, augmentations, examples = correct.shape
    labels = None
    if arguments.labels is not None:
        labels = check_labels(load_array(arguments.labels), arguments.labels, examples)
    _check_seeds_differ(arguments.correct, correct)
    _check_panel(arguments, examples, labels)
    config = {
        "source": "ingest",
        "epochs": epochs,
        "views": views,
        "augmentations": augmentations,
        "examples": examples,
        "sha256": files.sha256_of(arguments.correct),
    }
    folder = arguments.runs / arguments.study / arguments.method
    files.make_folder(folder.parent)
    with lock.rewriting(folder):
        return _import(arguments, folder, correct, labels, config)


def _import(
    arguments: Ingest, folder: Path, correct: np.ndarray, labels: np.ndarray | None, config: dict[str, Any]
) -> int:
    """Write the seeds that the folder of the method lacks, all or none; return their number."""
    seeds = set(range(len(correct)))
    missing = sorted(seeds - _there(arguments, seeds, config, labels))
    aside = folder.with_name(f".{folder.name}{files.ASIDE}")
    files.remove(aside)  # of an import that was killed
    try:
        for seed in missing:
            snapshots.write_finished(
                aside / snapshots.seed_folder(arguments.runs, arguments.study, arguments.method, seed).name,
                method=arguments.method,
                seed=seed,
                config=config,
                provenance={
                    "file": arguments.correct.name,
                    "ingested": provenance.now(),
                    "seeds": len(correct),
                },
                correct=np.ascontiguousarray(correct[seed]),
                labels=labels,
            )
        _show(aside, folder)
    finally:
        files.remove(aside)
    return len(missing)


def _there(arguments: Ingest, seeds: set[int], config: dict[str, Any], labels: np.ndarray | None) -> set[int]:
    """Return the seeds that the study has already, after checking that they are of the same array."""
    there = set(snapshots.list_seeds(arguments.runs, arguments.study, arguments.method))
    for seed in sorted(there):
        folder = snapshots.seed_folder(arguments.runs, arguments.study, arguments.method, seed)
        run = snapshots.Run(folder)
        same = run.complete and run.config == config and _equal(run.labels, labels)
        if seed not in seeds or not same:
            raise UserError(
                f"{folder} exists already and is not from this {arguments.correct.name}: "
                "choose another `method` or `study`"
            )
    return there


def _show(aside: Path, folder: Path) -> None:
    """Give the seeds that were written aside their place; those of a new method appear at once."""
    if aside.exists() and not folder.exists():
        aside.rename(folder)
    for path in sorted(aside.glob("*")):
        path.rename(folder / path.name)
    files.sync_all([folder, folder.parent])


def _check_panel(arguments: Ingest, examples: int, labels: np.ndarray | None) -> None:
    """Raise a :class:`UserError` if another method of the study has other examples."""
    for method in snapshots.list_methods(arguments.runs, arguments.study):
        seeds = snapshots.list_seeds(arguments.runs, arguments.study, method)
        folders = [snapshots.seed_folder(arguments.runs, arguments.study, method, seed) for seed in seeds]
        begun = (snapshots.Run(folder) for folder in folders if snapshots.has_record(folder))
        run = next((run for run in begun if run.epochs), None)
        if method == arguments.method or run is None:
            continue
        if run.shape[-1] != examples:
            raise UserError(
                f"{arguments.correct} must have the {run.shape[-1]} examples that {method} has in study "
                f"{arguments.study}, got {examples}: choose another `study`"
            )
        known = run.labels if run.true_labels is None else run.true_labels
        if known is not None and labels is not None and not _equal(known, labels):
            raise UserError(
                f"{arguments.labels} must hold the labels that {method} has in study {arguments.study}: "
                "choose another `study`"
            )


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _check_seeds_differ(path: Path, correct: np.ndarray) -> None:
    """Refuse an array that holds a seed twice, which no analysis would take."""
    first: dict[bytes, int] = {}
    for seed, answers in enumerate(correct):
        same = first.setdefault(hashlib.sha256(np.ascontiguousarray(answers).data).digest(), seed)
        if same != seed and snapshots.surely_copied(answers, probability=False):
            raise UserError(f"{path} must hold each seed once, but seeds {same} and {seed} are the same")


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    arguments = cli(Ingest, argv, prog="python -m runners.ingest", description=__doc__)
    new = ingest(arguments)
    there = len(snapshots.list_seeds(arguments.runs, arguments.study, arguments.method))
    kept = f"; {there - new} were there already" if there > new else ""
    say(f"{counted(there, 'seed')} of {arguments.method} in study {arguments.study}{kept}")
    where = ["--study", arguments.study, "--runs", str(arguments.runs)]
    say(f"next: {shlex.join(['python', '-m', 'analysis.learning', *where])}")
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
