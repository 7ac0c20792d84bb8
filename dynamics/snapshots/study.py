# SPDX-License-Identifier: Apache-2.0
"""The seeds of one method read together: as one labelled array, or block by block."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from dynamics.console import UserError
from dynamics.snapshots.layout import list_seeds, seed_folder
from dynamics.snapshots.record import differing_fields
from dynamics.snapshots.run import Run
from dynamics.snapshots.schema import CHUNK_BYTES


@dataclass(frozen=True, kw_only=True, eq=False)
class Correct:
    """`correct` of several seeds of one method, with its coordinates."""

    method: str
    values: Bool[np.ndarray, "seed epoch view augmentation example"]
    seeds: Int64[np.ndarray, " seed"]
    epochs: Int64[np.ndarray, " epoch"]
    examples: Int64[np.ndarray, " example"]
    """Index of each example in the training set."""
    labels: Int64[np.ndarray, " example"] | None
    """Label that was trained on."""
    true_labels: Int64[np.ndarray, " example"] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """`correct` of one seed in some neighbouring epochs."""

    seed: int
    epochs: Int64[np.ndarray, " epoch"]
    values: Bool[np.ndarray, "epoch view augmentation example"]


def open_runs(
    runs: Path,
    study: str,
    method: str,
    *,
    seeds: Sequence[int] | None = None,
    complete_only: bool = False,
) -> list[Run]:
    """Open the seeds of a method that have an epoch on disk, in order of seed.

    Parameters
    ----------
    runs, study, method
        Where they are.
    seeds
        Only these; all by default.
    complete_only
        Leave seeds under way aside.

    Raises
    ------
    UserError
        When there is none, when one is damaged, or when two have different configs or panels.
    """
    found = list_seeds(runs, study, method)
    absent = sorted(set(seeds or ()) - set(found))
    if absent:
        raise UserError(f"no seed {absent[0]} of {method} in {runs / study} (there: {_listed(found)})")
    folders = [seed_folder(runs, study, method, seed) for seed in (found if seeds is None else sorted(seeds))]
    opened = [Run(folder) for folder in folders if (folder / "run.json").exists()]
    kept = [run for run in opened if run.epochs and (run.complete or not complete_only)]
    if not kept:
        what = "finished seed" if complete_only else "seed with an epoch on disk"
        raise UserError(
            f"no {what} of {method} in {runs / study}: train one "
            f"(python -m runners.seeds --method {method} --study {study})"
        )
    _check_alike(kept)
    return kept


def common_epochs(runs: Sequence[Run]) -> list[int]:
    """List the epochs that every one of the runs has on disk, in order."""
    return sorted(set(runs[0].epochs).intersection(*(run.epochs for run in runs)))


def read_correct(runs: Sequence[Run], *, epochs: Sequence[int] | None = None) -> Correct:
    """Read several seeds as one array; see :func:`stream_correct` where it does not fit in memory.

    Parameters
    ----------
    runs
        Seeds of one method, from :func:`open_runs`.
    epochs
        Which epochs, from 1; by default all that every seed has on disk.

    Returns
    -------
    Correct
        The array, of one byte an element, and its coordinates.

    Raises
    ------
    UserError
        When the runs are not of one config and panel, an epoch is missing in a seed, or a file is damaged.
    """
    first = runs[0]
    _check_alike(runs)
    wanted = common_epochs(runs) if epochs is None else list(epochs)
    values = np.empty((len(runs), len(wanted), *first.shape), dtype=np.bool_)
    for place, run in zip(values, runs, strict=True):
        place[...] = run.correct(wanted)
    return Correct(
        method=first.method,
        values=values,
        seeds=np.array([run.seed for run in runs], dtype=np.int64),
        epochs=np.array(wanted, dtype=np.int64),
        examples=first.examples,
        labels=first.labels,
        true_labels=first.true_labels,
    )


def stream_correct(runs: Sequence[Run], *, epochs: Sequence[int] | None = None) -> Iterator[Block]:
    """Read several seeds block by block: all seeds of a range of epochs, then the next range.

    A block takes some 10 MB (one epoch of the panel if that is more), each chunk on disk is decoded once.

    Parameters
    ----------
    runs, epochs
        As for :func:`read_correct`.

    Yields
    ------
    Block
        One seed in some epochs.
    """
    _check_alike(runs)
    wanted = common_epochs(runs) if epochs is None else sorted(epochs)
    entry_bytes = int(np.prod(runs[0].shape))
    together = max(CHUNK_BYTES // entry_bytes, *(run.chunk_epochs for run in runs), 1)
    for _, part in itertools.groupby(wanted, key=lambda epoch: (epoch - 1) // together):
        block = list(part)
        for run in runs:
            yield Block(seed=run.seed, epochs=np.array(block, dtype=np.int64), values=run.correct(block))


def _check_alike(runs: Sequence[Run]) -> None:
    for run in runs[1:]:
        _check_pair(runs[0], run)


def _check_pair(one: Run, other: Run) -> None:
    if one.fingerprint != other.fingerprint:
        odd = "method" if one.method != other.method else differing_fields(one.config, other.config)[0]
        values = [run.method if odd == "method" else run.config.get(odd) for run in (one, other)]
        raise UserError(
            f"{one.folder} and {other.folder} differ in {odd} ({values[0]} and {values[1]}): "
            "they are no copies of one training; move one to another study"
        )
    if one.shape != other.shape:
        raise UserError(f"{one.folder} and {other.folder} have panels of shape {one.shape} and {other.shape}")
    theirs = other.panel_digests
    for name, ours in one.panel_digests.items():
        if ours != theirs[name]:
            raise UserError(
                f"{one.folder} and {other.folder} have other {name}: their panels are not the same"
            )


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) or "none"
