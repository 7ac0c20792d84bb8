# SPDX-License-Identifier: Apache-2.0
"""Answers of a method's seeds: read from snapshots, scored among mates, counted over seeds and augmentations."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int64, Real, Shaped
from xarray.backends import BackendArray
from xarray.core import indexing

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.mates import Mates, right_among_mates

BLOCK_BYTES = 2**26
"""Size of the recorded values of several epochs that are held while they are counted."""


class Scoring(NamedTuple):
    """Where answers come from."""

    name: str
    """Name of a recorded array."""
    score: Callable[[np.ndarray], Shaped[np.ndarray, "..."]]
    """Makes answers of it: bool, or probabilities of being right."""


@dataclass(frozen=True, kw_only=True)
class MethodCounts:
    """Numbers of correct answers of one method.

    `correct` counts over seeds and augmentations, out of `trials` = N * M; `single` counts over seeds for the first
    augmentation of the first view, out of N; `seed_means` is each seed's fraction of correct answers over all
    augmentations and examples of the first view, in [0, 1]. Among random mates the counts are expected ones: floats.

    Where answers are missing, each count is out of those that are there, `answered` and `single_answered`; examples
    that some epoch has no answer on are left out; and `seed_means` are pseudo-values of E[r_t], one for each seed.
    """

    method: str
    seeds: tuple[int, ...]
    num_augmentations: int
    epochs: Int64[np.ndarray, " epoch"]
    correct: Real[np.ndarray, "view epoch example"]
    single: Real[np.ndarray, "epoch example"]
    seed_means: Float[np.ndarray, "seed epoch"]
    examples: Int64[np.ndarray, " example"]
    labels: Int64[np.ndarray, " example"] | None
    true_labels: Int64[np.ndarray, " example"] | None
    answered: Int64[np.ndarray, "view epoch example"] | None = None
    """Number of answers that are there, out of `trials`; None where all are."""
    single_answered: Int64[np.ndarray, "epoch example"] | None = None
    """Number of them for the first augmentation of the first view, out of N."""
    places: Int64[np.ndarray, " example"] | None = None
    """Where these examples are in the panel; None where they are all of it."""

    @property
    def num_seeds(self) -> int:
        """Number of seeds, N."""
        return len(self.seeds)

    @property
    def trials(self) -> int:
        """Answers per example and epoch, N * M, where none is missing."""
        return self.num_seeds * self.num_augmentations

    @cached_property
    def learning_probability(self) -> Float[np.ndarray, "epoch example"]:
        """r_t(x) of the first view, 0 (every answer wrong) to 1 (every answer right) (eq. 4.2)."""
        return self.correct[0] / (self.trials if self.answered is None else self.answered[0])

    @cached_property
    def single_augmentation(self) -> Float[np.ndarray, "epoch example"]:
        """r~_t(x~) of the first augmentation and view, in [0, 1] (eq. 4.5)."""
        return self.single / (self.num_seeds if self.single_answered is None else self.single_answered)

    @property
    def mean(self) -> Float[np.ndarray, " epoch"]:
        """E[r_t], the mean over examples (eq. 4.3)."""
        return self.learning_probability.mean(axis=1)

    def position(self, epoch: int) -> int:
        """Return the index of an epoch on the epoch axis.

        Raises
        ------
        UserError
            If the epoch was not recorded.
        """
        matches = np.flatnonzero(self.epochs == epoch)
        if len(matches) == 0:
            raise UserError(
                f"{self.method} has no epoch {epoch}: it was recorded from {self.epochs[0]} to {self.epochs[-1]}"
            )
        return int(matches[0])


class RecordedArray(BackendArray):
    """A recorded array of several seeds as one array of which xarray reads the parts that are asked for."""

    def __init__(self, runs: Sequence[snapshots.Run], name: str) -> None:
        self.runs, self.name = runs, name
        self.epochs = np.array(snapshots.common_epochs(runs))
        shape, self.dtype = runs[0].entry(name)
        self.shape = (len(runs), len(self.epochs), *shape)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        seeds, epochs, *rest = key
        chosen = np.atleast_1d(np.arange(len(self.runs))[seeds])
        wanted = np.atleast_1d(self.epochs[epochs]).tolist()
        values = np.empty((len(chosen), len(wanted), *self.shape[2:]), dtype=self.dtype)
        for place, seed in enumerate(chosen):
            values[place] = self.runs[seed].read(self.name, wanted)
        for axis, index in enumerate(rest, start=2):
            # One axis at a time: NumPy would pair up the elements of two index arrays.
            values = values.take(np.atleast_1d(np.arange(values.shape[axis])[index]), axis=axis)
        dropped = tuple(axis for axis, index in enumerate(key) if isinstance(index, (int, np.integer)))
        return values.squeeze(axis=dropped)


def batch_of(run: snapshots.Run) -> int:
    """Return the number of examples of a panel batch, B: an example and its mates.

    Raises
    ------
    UserError
        If the run was not trained by this program.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> batch_of(trained_study().runs["supervised"][0])
    32
    """
    batch = run.config.get("panel_batch")
    if not isinstance(batch, int) or batch < 1:
        raise UserError(
            f"{run.folder} must say how many examples a batch has, `panel_batch` in its config, as an integer >= 1, "
            f"got {batch!r}"
        )
    return min(batch, run.panel_size)


def scoring_of(runs: Sequence[snapshots.Run], mates: Mates, *, held_out: bool = False) -> Scoring:
    """Return the recorded array that answers come from, and what makes them of it.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> scoring_of(trained_study().runs["supervised"], "random", held_out=True).name  # there are no mates
    'held_out_correct'
    """
    if not held_out and are_counts(runs):
        return Scoring("share", lambda share: share.astype(np.float64))
    prefix = "held_out_" if held_out else ""
    if mates == "fixed" or runs[0].shape[0] == 1:
        return Scoring(f"{prefix}correct", lambda right: right)
    held = runs[0].coordinate("held_out_example")
    examples = len(held) if held_out and held is not None else runs[0].panel_size
    right_with = right_among_mates(examples, min(batch_of(runs[0]), examples))
    return Scoring(f"{prefix}rivals", lambda rivals: right_with[rivals])


def are_counts(runs: Sequence[snapshots.Run]) -> bool:
    """Whether it is known only how many of several answers were right: then an answer is their fraction.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> are_counts(trained_study().runs["supervised"])
    False
    """
    return any(run.records("share") for run in runs)


def stream(runs: Sequence[snapshots.Run], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield every epoch and, of all seeds, what some arrays recorded; a few epochs are in memory at a time.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> epoch, margins = next(stream(trained_study().runs["supervised"], ["margin"]))
    >>> epoch, margins.shape
    (1, (1, 1, 3, 128))
    """
    epochs = snapshots.common_epochs(runs)
    entries = [runs[0].entry(name) for name in names]
    size = len(runs) * sum(kind.itemsize * math.prod(shape) for shape, kind in entries)
    together = max(1, min(runs[0].chunk_epochs, BLOCK_BYTES // size))
    for start in range(0, len(epochs), together):
        block = epochs[start : start + together]
        arrays = [np.stack([run.read(name, block) for run in runs]) for name in names]
        yield from ((epoch, *(values[:, at] for values in arrays)) for at, epoch in enumerate(block))


def count(method: str, runs: Sequence[snapshots.Run], scoring: Scoring) -> MethodCounts:
    """Count a method's correct answers over its seeds, with one chunk of one seed in memory at a time.

    Raises
    ------
    UserError
        If so many answers are missing that every example lacks all of some epoch.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> runs = trained_study().runs["supervised"]
    >>> count("supervised", runs, scoring_of(runs, "fixed")).trials
    3
    """
    name, score = scoring
    common = snapshots.common_epochs(runs)
    views, augmentations, examples = runs[0].shape
    kind = np.int32 if name == "correct" else np.float64
    correct = np.zeros((views, len(common), examples), dtype=kind)
    single = np.zeros((len(common), examples), dtype=kind)
    seed_means = np.zeros((len(runs), len(common)))
    for index, run in enumerate(runs):
        for start in range(0, len(common), run.chunk_epochs):
            block = slice(start, start + run.chunk_epochs)
            right = score(run.read(name, common[block]))
            by_view = right.sum(axis=2, dtype=kind)
            correct[:, block] += by_view.swapaxes(0, 1)
            single[block] += right[:, 0, 0]
            seed_means[index, block] = by_view[:, 0].mean(axis=1) / augmentations
    counts = MethodCounts(
        method=method,
        seeds=tuple(run.seed for run in runs),
        num_augmentations=augmentations,
        epochs=np.array(common, dtype=np.int64),
        correct=correct,
        single=single,
        seed_means=seed_means,
        examples=runs[0].examples,
        labels=runs[0].labels,
        true_labels=runs[0].true_labels,
    )
    return _of_those_present(counts, runs, scoring) if any(map(may_lack_answers, runs)) else counts


def may_lack_answers(run: snapshots.Run) -> bool:
    """Whether a run says which answers are missing.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> may_lack_answers(trained_study().runs["supervised"][0])
    False
    """
    return run.records("present")


def _of_those_present(counts: MethodCounts, runs: Sequence[snapshots.Run], scoring: Scoring) -> MethodCounts:
    """Return counts out of the answers that are there; a missing one was counted as wrong."""
    epochs = counts.epochs.tolist()
    answered, single = np.zeros(counts.correct.shape, np.int64), np.zeros(counts.single.shape, np.int64)
    there_of, right_of = (np.zeros((len(runs), *counts.single.shape)) for _ in range(2))
    for index, run in enumerate(runs):
        for place, epoch in enumerate(epochs):
            there = np.ones(run.shape, bool)
            if may_lack_answers(run):
                there = run.read("present", [epoch])[0]
            answered[:, place] += there.sum(axis=1)
            single[place] += there[0, 0]
            there_of[index, place] = there[0].sum(axis=0)
            right_of[index, place] = scoring.score(run.read(scoring.name, [epoch]))[0, 0].sum(axis=0)
    kept = (answered > 0).all(axis=(0, 1)) & (single > 0).all(axis=0)
    if not kept.any():
        raise UserError(f"{counts.method}: no example has an answer at every epoch: record more of them")
    return replace(
        counts,
        correct=counts.correct[..., kept],
        single=counts.single[:, kept],
        seed_means=_pseudo_values(right_of[..., kept], there_of[..., kept]),
        examples=counts.examples[kept],
        labels=None if counts.labels is None else counts.labels[kept],
        true_labels=None if counts.true_labels is None else counts.true_labels[kept],
        answered=answered[..., kept],
        single_answered=single[:, kept],
        places=np.flatnonzero(kept),
    )


def _pseudo_values(
    right: Float[np.ndarray, "seed epoch example"], there: Float[np.ndarray, "seed epoch example"]
) -> Float[np.ndarray, "seed epoch"]:
    """Return the jackknife's pseudo-values of E[r_t], whose mean and spread are those that intervals are about.

    Where no answer is missing they are the means of the seeds.
    """
    seeds, all_right, all_there = len(right), right.sum(axis=0), there.sum(axis=0)
    whole = (all_right / all_there).mean(axis=-1)
    if seeds == 1:
        return whole[np.newaxis]
    left = all_there - there
    r = np.divide(all_right - right, left, out=np.zeros_like(left), where=left > 0)
    without = r.sum(axis=-1) / np.maximum((left > 0).sum(axis=-1), 1)
    return seeds * whole - (seeds - 1) * without


def complete_examples(runs: Sequence[snapshots.Run]) -> Int64[np.ndarray, " complete"]:
    """Return the places in the panel of the examples that every seed answered at every epoch that all have.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> len(complete_examples(trained_study().runs["supervised"]))
    128
    """
    kept = np.ones(runs[0].shape[2], bool)
    for run in filter(may_lack_answers, runs):
        for epoch in snapshots.common_epochs(runs):
            kept &= run.read("present", [epoch])[0].all(axis=(0, 1))
    return np.flatnonzero(kept)
