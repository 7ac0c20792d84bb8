# SPDX-License-Identifier: Apache-2.0
"""What is trained, one seed of one method, and what is reported of it after every epoch."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dynamics.config import Recipe


class EpochReport(NamedTuple):
    """Progress and timing of one epoch."""

    epoch: int
    epochs: int
    loss: float
    mean_correct: float
    """Mean of `correct` of the first view over augmentations and examples: this seed's contribution to E[r_t]."""
    train_seconds: float
    panel_seconds: float
    store_seconds: float
    start_seconds: float
    """From the call of :func:`dynamics.training.loop.train` to the first epoch: networks, the panel's views, the saved
    state, capture."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One seed of one method."""

    method: str
    recipe: Recipe
    seed: int
    folder: Path
    setting: str = ""
    """Its setting in a sweep, as it is shown: lr-0.0003."""

    @property
    def study_folder(self) -> Path:
        """The folder of the study."""
        return self.folder.parents[1]
