# SPDX-License-Identifier: Apache-2.0
"""How are epochs of ours timed in turn with those of others, when ours belong to one run of the real loop.

`training.train` reports after every epoch; what is compared with it runs inside that report, outside of the times
that it tells of. The first epoch warms up, and the last always saves the state of training: neither counts. Between
them no state is saved, since the loop takes the time of the report for its own and would save too often; in a real run
that adds at most 2 % (`training.STATE_SHARE`).
"""

import dataclasses
import gc
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.training.loop import EpochReport


@dataclass(kw_only=True)
class Epochs:
    """What was measured in turn, epoch by epoch."""

    progress: list[EpochReport] = field(default_factory=list)
    """All epochs of ours."""
    others: dict[str, list[float]] = field(default_factory=dict)
    """What the others returned after each epoch that counts, by name."""
    allocated: int | None = None
    """Most memory of the GPU that ours used, in bytes, before any other was there; None on the CPU."""
    reserved: int | None = None
    """The same with what PyTorch holds back for later."""

    @property
    def timed(self) -> list[EpochReport]:
        """Return the epochs that count."""
        return self.progress[1:-1]

    @property
    def seconds(self) -> list[float]:
        """Return the seconds of each whole epoch: steps, panel, snapshot."""
        return [each.train_seconds + snapshot_seconds(each) for each in self.timed]

    @property
    def snapshot_shares(self) -> list[float]:
        """Return the share of each epoch that panel and snapshot took, 0 to 1."""
        return [snapshot_seconds(each) / whole for each, whole in zip(self.timed, self.seconds, strict=True)]


def snapshot_seconds(progress: EpochReport) -> float:
    """Return the seconds of an epoch in which nothing was trained."""
    return progress.panel_seconds + progress.store_seconds


def in_turn(
    name: str,
    recipe: Recipe,
    dataset: Dataset,
    *,
    device: torch.device,
    rounds: int,
    others: Mapping[str, Callable[[], float]],
    engine: str | None = None,
) -> Epochs:
    """Train a seed in a temporary folder, and call each of the others after every epoch but the last.

    Parameters
    ----------
    name
        The method of ours.
    recipe
        Its hyperparameters; there are two more epochs than `rounds`.
    dataset
        What to train on.
    device
        Where.
    rounds
        How often everything is timed.
    others
        Each returns what it measured; which of them begins moves on from epoch to epoch.
    engine
        How steps are repeated (:mod:`dynamics.training.capture`); the loop's own choice where None.
    """
    found = Epochs(others={other: [] for other in others})
    names = list(others)

    def report(progress: EpochReport) -> None:
        found.progress.append(progress)
        if progress.epoch == 1 and device.type == "cuda":
            found.allocated = torch.cuda.max_memory_allocated(device) - before[0]
            found.reserved = torch.cuda.max_memory_reserved(device) - before[1]
        for place in range(len(names) if progress.epoch < progress.epochs else 0):
            other = names[(progress.epoch - 1 + place) % len(names)]
            value = others[other]()
            if progress.epoch > 1:
                found.others[other].append(value)

    before = forget_memory(device)
    options: dict[str, Any] = {"state_share": 0.0} | ({} if engine is None else {"engine": engine})
    recipe = dataclasses.replace(recipe, epochs=rounds + 2)
    with tempfile.TemporaryDirectory() as folder:
        job = training.Job(method=name, recipe=recipe, seed=0, folder=Path(folder) / name / "seed-0000")
        training.train(job, dataset, device=device, report=report, **options)
    return found


def forget_memory(device: torch.device) -> tuple[int, int]:
    """Free a GPU of what earlier measurements left and count its peak anew; return the bytes still in use and held."""
    gc.collect()
    if device.type != "cuda":
        return 0, 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
