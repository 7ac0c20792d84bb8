# SPDX-License-Identifier: Apache-2.0
"""Small studies on disk with known answers, and the command lines of analyses on them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.framework.command import main
from analysis.framework.where import Where, open_study
from dynamics import snapshots
from dynamics.study import Study

STUDY = "made-up"


def write(runs: Path, method: str, correct: np.ndarray, *, study: str = STUDY, **known: Any) -> None:
    """Write (seed, epoch, view, augmentation, example) as finished seeds of a method."""
    for seed, own in enumerate(correct):
        folder = snapshots.seed_folder(runs, study, method, seed)
        snapshots.write_finished(folder, method=method, seed=seed, correct=own, **known)


def opened(runs: Path) -> Study:
    return open_study(Where(study=STUDY, runs=runs))


def rising(
    rng: np.random.Generator, *, seeds: int = 4, epochs: int = 12, views: int = 1, augmentations: int = 3,
    examples: int = 60,
) -> np.ndarray:  # fmt: skip
    """Answers that get better with the epochs, to augmentations and examples of differing difficulty."""
    difficulty = rng.normal(size=examples) + rng.normal(size=(views, augmentations, examples))
    ability = np.linspace(-2.5, 2.5, epochs)[:, None, None, None]
    p = 1 / (1 + np.exp(difficulty - ability))
    return rng.random((seeds, *p.shape)) < p


def command(
    name: str, runs: Path, monkeypatch: pytest.MonkeyPatch, *options: str, study: str = STUDY
) -> int | str | None:
    """Run an analysis's command line; return its status. Results go to `results` beside the runs."""
    where = ["--study", study, "--runs", str(runs), "--results", str(runs.parent / "results")]
    with pytest.raises(SystemExit) as stopped:
        main(name, [*where, *options])
    return stopped.value.code


class MadeUpRun(snapshots.Run):
    """What analyses read of a seed, without a disk."""

    fingerprint = "0"
    labels = true_labels = None

    def __init__(self, seed: int, values: np.ndarray, provenance: dict[str, Any]) -> None:
        self.seed, self.values, self.provenance = seed, values, provenance
        self._places = {epoch: epoch for epoch in range(1, len(values) + 1)}

    shape = property(lambda self: self.values.shape[1:])
    examples = property(lambda self: np.arange(self.values.shape[-1]))
    chunk_epochs = property(lambda self: 1000)
    recorded = ("correct",)
    ids = None
    panel: dict[str, Any] = {}  # noqa: RUF012
    config = property(lambda self: {})

    def coordinate(self, name: str) -> None:
        return None

    def entry(self, name: str) -> tuple[tuple[int, ...], Any]:
        return self.values.shape[1:], self.values.dtype

    def read(self, name: str, epochs: Sequence[int] | None = None) -> np.ndarray:
        assert name == "correct"
        return self.correct(epochs)

    def correct(self, epochs: Sequence[int] | None = None) -> np.ndarray:
        return self.values[[epoch - 1 for epoch in self.epochs if epochs is None or epoch in epochs]]

    def digest(self) -> str:
        return f"digest of {self.seed}"


def in_memory(
    correct: dict[str, np.ndarray],
    *,
    labels: np.ndarray | None = None,
    provenance: dict[str, Any] | None = None,
) -> Study:
    """Return a study of methods with these answers (seed, epoch, view, augmentation, example)."""
    known = type("Labelled", (MadeUpRun,), {"labels": labels, "true_labels": labels})
    return Study(
        name=STUDY,
        runs={
            method: [known(seed, own, provenance or {}) for seed, own in enumerate(values)]
            for method, values in correct.items()
        },
    )
