# SPDX-License-Identifier: Apache-2.0
"""How often was each example right: a study's indicators, summed while they stream from the disk.

Everything the analyses need of all epochs is a sum over seeds or over examples, small whatever the panel's
size; the indicators themselves are read only for the few epochs that a test looks at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int32, Int64

from dynamics import snapshots
from dynamics.console import UserError, choose_study, say

ORDER = ("simclr", "supervised", "random-labels", "random-labels-aug")
"""The thesis's four settings come first, in its order; others follow by name."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which study to analyse, and where its numbers go."""

    study: str | None = None
    """Name of the study; by default the one that was written last."""
    runs: Path = Path("runs")
    """Folder that holds the studies."""
    results: Path = Path("results")
    """Folder that takes the numbers, one folder a study."""


@dataclass(frozen=True, kw_only=True)
class MethodCounts:
    """Correct answers of one method, counted.

    `correct` counts over seeds and augmentations, out of `trials` = N * M; `single` counts over seeds
    for the first augmentation of the first view, out of N; `seed_means` is the share of correct answers of
    each seed over all augmentations and examples of the first view.
    """

    method: str
    seeds: tuple[int, ...]
    num_augmentations: int
    epochs: Int64[np.ndarray, " epoch"]
    correct: Int32[np.ndarray, "view epoch example"]
    single: Int32[np.ndarray, "epoch example"]
    seed_means: Float[np.ndarray, "seed epoch"]
    examples: Int64[np.ndarray, " example"]
    labels: Int64[np.ndarray, " example"] | None
    true_labels: Int64[np.ndarray, " example"] | None

    @property
    def num_seeds(self) -> int:
        """N."""
        return len(self.seeds)

    @property
    def trials(self) -> int:
        """N * M."""
        return self.num_seeds * self.num_augmentations

    @cached_property
    def learning_probability(self) -> Float[np.ndarray, "epoch example"]:
        """r_t(x) of the first view, 0 (no seed ever right) to 1 (eq. 4.2)."""
        return self.correct[0] / self.trials

    @cached_property
    def single_augmentation(self) -> Float[np.ndarray, "epoch example"]:
        """r~_t(x~) of the first augmentation and view, 0 to 1 (eq. 4.5)."""
        return self.single / self.num_seeds

    @property
    def mean(self) -> Float[np.ndarray, " epoch"]:
        """E[r_t] (eq. 4.3)."""
        return self.learning_probability.mean(axis=1)

    def position(self, epoch: int) -> int:
        """Return where an epoch lies on the epoch axis.

        Raises
        ------
        UserError
            When the method was not trained so far, or the epoch was not recorded.
        """
        found = np.flatnonzero(self.epochs == epoch)
        if len(found) == 0:
            raise UserError(
                f"{self.method} has no epoch {epoch}: it was recorded from {self.epochs[0]} to {self.epochs[-1]}"
            )
        return int(found[0])


@dataclass(frozen=True, kw_only=True)
class Study:
    """The finished seeds of a study, by method."""

    name: str
    runs: dict[str, list[snapshots.Run]]
    _counts: dict[str, MethodCounts] = field(default_factory=dict)

    @property
    def methods(self) -> tuple[str, ...]:
        """All methods, the thesis's four first."""
        return tuple(sorted(self.runs, key=lambda m: (ORDER.index(m) if m in ORDER else len(ORDER), m)))

    def counts(self, method: str) -> MethodCounts:
        """Return the counts of a method, read once.

        Raises
        ------
        UserError
            When the study has no such method, or its snapshots are damaged.
        """
        if method not in self.runs:
            raise UserError(f"study {self.name} has no method {method!r}: it has {', '.join(self.methods)}")
        if method not in self._counts:
            self._counts[method] = count(method, self.runs[method])
        return self._counts[method]

    def correct(
        self, method: str, epochs: Sequence[int]
    ) -> Bool[np.ndarray, "seed epoch view augmentation example"]:
        """Return the indicators themselves at some epochs."""
        return np.stack([run.correct(list(epochs)) for run in self.runs[method]])

    def inputs(self) -> dict[str, Any]:
        """Say what went in: for each method its config's fingerprint, its seeds, and a hash of the snapshots."""
        return {
            method: {
                "fingerprint": runs[0].fingerprint,
                "seeds": [run.seed for run in runs],
                "snapshots": [run.digest() for run in runs],
                "dataset": runs[0].provenance.get("dataset"),
                "data_fingerprint": runs[0].provenance.get("data_fingerprint"),
            }
            for method, runs in self.runs.items()
        }


def open_study(where: Where) -> Study:
    """Open the study that a command line names, or the one written last; say which seeds are left out.

    Seeds still in training are left out as soon as a method has a finished one; before that, the epochs that
    all its seeds have are used.

    Raises
    ------
    UserError
        When there is no such study or nothing in it can be read.
    """
    name = choose_study(where.runs, where.study)
    runs: dict[str, list[snapshots.Run]] = {}
    for method in snapshots.list_methods(where.runs, name):
        folders = [
            snapshots.seed_folder(where.runs, name, method, seed)
            for seed in snapshots.list_seeds(where.runs, name, method)
        ]
        if all(snapshots.state(folder).kind == "empty" for folder in folders):
            say(f"{method}: no seed has an epoch yet; left out")
            continue
        begun = snapshots.open_runs(where.runs, name, method)
        whole = [run for run in begun if run.complete]
        runs[method] = whole or begun
        if whole and len(whole) < len(folders):
            say(
                f"{method}: {len(folders) - len(whole)} of {len(folders)} seeds are not whole and are left out"
            )
        elif not whole:
            say(f"{method}: no seed is whole; the epochs that all {len(begun)} begun seeds have are used")
    if not runs:
        raise UserError(
            f"study {name} in {where.runs} has no finished epoch yet: see python -m runners.status"
        )
    return Study(name=name, runs=runs)


def count(method: str, runs: Sequence[snapshots.Run]) -> MethodCounts:
    """Count a method's correct answers over its seeds, one seed in memory at a time."""
    common = sorted(set(runs[0].epochs).intersection(*(run.epochs for run in runs)))
    views, augmentations, examples = runs[0].shape
    correct = np.zeros((views, len(common), examples), dtype=np.int32)
    single = np.zeros((len(common), examples), dtype=np.int32)
    seed_means = np.zeros((len(runs), len(common)))
    for index, run in enumerate(runs):
        for start in range(0, len(common), run.chunk_epochs):
            block = slice(start, start + run.chunk_epochs)
            right = run.correct(common[block])
            by_view = right.sum(axis=2, dtype=np.int32)
            correct[:, block] += by_view.swapaxes(0, 1)
            single[block] += right[:, 0, 0]
            seed_means[index, block] = by_view[:, 0].mean(axis=1) / augmentations
    return MethodCounts(
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
