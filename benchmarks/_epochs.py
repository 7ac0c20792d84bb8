# SPDX-License-Identifier: Apache-2.0
"""How are epochs of ours timed in turn with those of others, when ours belong to one run of the real loop.

`training.train` reports after every epoch; what is compared with it runs inside that report, outside of the times
that it tells of.
"""

import gc
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from dynamics import training
from dynamics.config import Config
from dynamics.data import Dataset
from dynamics.training import Progress


@dataclass(kw_only=True)
class Epochs:
    """What was measured in turn, epoch by epoch; :attr:`timed` leaves out the first, which warms up."""

    progress: list[Progress] = field(default_factory=list)
    others: dict[str, list[float]] = field(default_factory=dict)
    """What the others returned, by name; here, too, the first is left out."""
    allocated: int | None = None
    """Most memory of the GPU that ours used, in bytes, before any other was there; None on the CPU."""
    reserved: int | None = None
    """The same with what PyTorch holds back for later."""

    @property
    def timed(self) -> list[Progress]:
        """Return the epochs that count."""
        return self.progress[1:]

    @property
    def seconds(self) -> list[float]:
        """Return the seconds of each whole epoch: steps, panel, snapshot, saved states."""
        return [each.train_seconds + snapshot_seconds(each) for each in self.timed]

    @property
    def snapshot_shares(self) -> list[float]:
        """Return the share of each epoch that panel, snapshot and saved states took, 0 to 1."""
        return [snapshot_seconds(each) / whole for each, whole in zip(self.timed, self.seconds, strict=True)]


def snapshot_seconds(progress: Progress) -> float:
    """Return the seconds of an epoch in which nothing was trained."""
    return progress.panel_seconds + progress.store_seconds


def in_turn(
    name: str,
    recipe: Config,
    dataset: Dataset,
    *,
    device: torch.device,
    others: Mapping[str, Callable[[], float]],
    engine: str | None = None,
) -> Epochs:
    """Train a seed to its end in a temporary folder, and call each of the others after every epoch.

    Parameters
    ----------
    name
        The method of ours.
    recipe
        Its hyperparameters; `epochs`, two or more, says how often everything is timed.
    dataset
        What to train on.
    device
        Where.
    others
        Each returns what it measured; which of them begins moves on from epoch to epoch.
    engine
        How a GPU is told what to do (:func:`dynamics.training.train`); its default where None.
    """
    found = Epochs(others={other: [] for other in others})
    names = list(others)

    def report(progress: Progress) -> None:
        found.progress.append(progress)
        if progress.epoch == 1 and device.type == "cuda":
            found.allocated = torch.cuda.max_memory_allocated(device)
            found.reserved = torch.cuda.max_memory_reserved(device)
        for place in range(len(names)):
            other = names[(progress.epoch - 1 + place) % len(names)]
            value = others[other]()
            if progress.epoch > 1:
                found.others[other].append(value)

    forget_memory(device)
    options: dict[str, Any] = {} if engine is None else {"engine": engine}
    with tempfile.TemporaryDirectory() as folder:
        job = training.Job(method=name, recipe=recipe, seed=0, folder=Path(folder) / name / "seed-0000")
        training.train(job, dataset, device=device, report=report, **options)
    return found


def forget_memory(device: torch.device) -> None:
    """Give back what earlier measurements held of a GPU, and count its peak anew."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
