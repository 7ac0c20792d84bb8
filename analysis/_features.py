# SPDX-License-Identifier: Apache-2.0
"""Which networks does a study have, and what do they make of its images: features by method, seed and split.

torch is loaded when features are asked for, not before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Int64

from analysis._networks import applies, common_data, has_network
from analysis.storage.counts import Study, Where
from dynamics import snapshots
from dynamics.console import UserError, say

if TYPE_CHECKING:
    import torch

    from dynamics.data import Dataset
    from dynamics.features import Features, Split


@dataclass(frozen=True, kw_only=True)
class WhereNetworks(Where):
    """Which study to analyse, and where its images are."""

    data_root: Path = Path("data")
    """Folder that holds the images that the study was trained on; digits needs none."""
    device: str = "auto"
    """Where to compute features: auto, cpu, cuda or cuda:1."""


def with_networks(study: Study) -> dict[str, list[snapshots.Run]]:
    """Return for each method, in the order of the study, the finished seeds that have a network."""
    found = {method: [run for run in study.runs[method] if has_network(run)] for method in study.methods}
    return {method: runs for method, runs in found.items() if runs}


def choose_runs(
    study: Study, methods: Sequence[str] | None, seeds: int | None = None
) -> dict[str, list[snapshots.Run]]:
    """Return the runs to look at: those with networks of some methods, the first seeds of each.

    Parameters
    ----------
    study
        What to read.
    methods
        Their names; None stands for all that have networks.
    seeds
        How many seeds of each, at most; None stands for all.

    Raises
    ------
    UserError
        When the study, or a method that was named, has no network; says which do.
    """
    found = with_networks(study)
    if (why := applies(study)) is not None:
        raise UserError(f"{why}: name another --study")
    for method in methods or ():
        if method not in found:
            raise UserError(
                f"study {study.name} has no networks of {method!r}: use --methods with {', '.join(found)}"
            )
    if seeds is not None and seeds < 1:
        raise UserError(f"--seeds {seeds} is no number of seeds: use 1 or more")
    chosen = {method: runs[:seeds] for method, runs in found.items() if methods is None or method in methods}
    for method in chosen:
        lacking = len(study.runs[method]) - len(found[method])
        if lacking:
            say(f"{method}: {lacking} of {len(study.runs[method])} seeds have no weights and are left out")
    return chosen


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A study's images, and the device on which its networks look at them; make one with :meth:`open`."""

    dataset: "Dataset"
    device: "torch.device"

    @classmethod
    def open(
        cls, chosen: Mapping[str, Sequence[snapshots.Run]], *, data_root: Path, device: str
    ) -> "Encoded":
        """Load the data that all runs, by method, were trained on.

        Raises
        ------
        UserError
            When they are not there or not the same for all, or there is no such device.
        """
        from dynamics import features

        place = features.choose_device(device)
        runs = (run for method in chosen.values() for run in method)
        return cls(dataset=common_data(runs, data_root=data_root), device=place)

    def features(self, run: snapshots.Run, split: "Split") -> "Features":
        """Return a run's features, from its cache where that is good (:func:`dynamics.features.of_run`)."""
        from dynamics import features

        return features.of_run(run, self.dataset, split, device=self.device)

    def untrained(self, run: snapshots.Run, split: "Split") -> "Features":
        """Return the features of a run's network before its first step."""
        from dynamics import features

        return features.of_untrained(run, self.dataset, split, device=self.device)

    def pixels(self, split: "Split") -> Float32[np.ndarray, "example feature"]:
        """Return the images themselves, in [0, 1]."""
        from dynamics import features

        return features.of_pixels(self.dataset, split)

    def labels(self, split: "Split") -> Int64[np.ndarray, " example"]:
        """Return the data set's own labels of a split, whatever a method was trained on."""
        labels = self.dataset.train_labels if split == "train" else self.dataset.test_labels
        return labels.cpu().numpy()
