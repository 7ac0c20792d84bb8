# SPDX-License-Identifier: Apache-2.0
"""Small runs with known content, for the tests of snapshots."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dynamics import snapshots
from dynamics.snapshots.layout import seed_of

SHAPE = (2, 3, 7)
LABELS = np.arange(SHAPE[2]) % 3


def epoch_entry(
    epoch: int, seed: int = 0, shape: tuple[int, int, int] = SHAPE
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Make what is recorded in an epoch, always the same for the same epoch and seed."""
    rng = np.random.default_rng((seed, epoch))
    arrays = {"correct": rng.random(shape) < 0.6, "probability": rng.random(shape).astype(np.float16)}
    return arrays, {"loss": float(rng.random()), "rate": 0.1}


def all_correct(seed: int, epochs: Iterable[int]) -> np.ndarray:
    """Stack `correct` of some epochs."""
    return np.stack([epoch_entry(epoch, seed)[0]["correct"] for epoch in epochs])


def open_writer(folder: Path, **changes: Any) -> snapshots.Writer:
    """Open a writer with four epochs and everything recorded, but for some changes."""
    schema: dict[str, Any] = {
        "epochs": 4,
        "shape": SHAPE,
        "scalar_names": ["loss", "rate"],
        "optional": ["probability"],
        "coordinates": {"example": np.arange(SHAPE[2]) + 100, "label": LABELS, "true_label": LABELS[::-1]},
    }
    return snapshots.Writer.open(folder, **{**schema, **changes})


def record(
    folder: Path,
    written: Iterable[int],
    *,
    seed: int = 0,
    config: dict[str, Any] | None = None,
    finish: bool = False,
    **changes: Any,
) -> snapshots.Writer:
    """Write a run's record, of the method and seed that its folder is named after, and some of its four epochs."""
    number = seed_of(folder)
    snapshots.write_run_json(
        folder,
        method=folder.parent.name,
        seed=seed if number is None else number,
        config={"lr": 0.5} if config is None else config,
        provenance={"a": 1},
    )
    writer = open_writer(folder, **changes)
    for epoch in written:
        writer.write(epoch, *epoch_entry(epoch, seed))
    if finish:
        writer.finish(12.5)
    return writer
