# SPDX-License-Identifier: Apache-2.0
"""Which networks does a study have, and what do they make of its images: features by method, seed and split.

torch is loaded when features are asked for, not before.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Int64

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.study import Study

if TYPE_CHECKING:  # these bring torch along
    import torch

    from dynamics.data import Dataset
    from dynamics.evaluation.features import Features, Split

LOGGER = logging.getLogger(__name__)


def has_network(run: snapshots.Run) -> bool:
    """Whether a run was trained to its end by this program, and has its weights: ingested ones have none."""
    return run.complete and "encoder" in run.config and run.weights.exists()


def applies(study: Study) -> str | None:
    """Say in one line why a study has no network to look at; None where it has one."""
    if any(has_network(run) for runs in study.runs.values() for run in runs):
        return None
    return f"no seed of study {study.name} has a trained network (ingested, not trained to its end, or without weights)"


def runs_with_networks(
    study: Study, methods: Sequence[str] | None = None, *, seeds: int | None = None
) -> dict[str, list[snapshots.Run]]:
    """Return the complete seeds that have a network, by method in the order of the study; log what is left out.

    Parameters
    ----------
    study
        What to read.
    methods
        Which methods; None stands for all that have networks.
    seeds
        How many seeds of each, at most: the lowest; None stands for all.

    Raises
    ------
    UserError
        When the study, or a method that was named, has no network; says which do.
    """
    if seeds is not None and seeds < 1:
        raise UserError(f"`seeds` must be >= 1, got {seeds}")
    found = _with_networks(study, methods)
    for method, runs in found.items():
        if lacking := len(study.runs[method]) - len(runs):
            LOGGER.warning(
                "%s: %d of %d seeds have no weights and are left out",
                method,
                lacking,
                len(study.runs[method]),
            )
    return {method: runs[:seeds] for method, runs in found.items()}


def _with_networks(study: Study, methods: Sequence[str] | None) -> dict[str, list[snapshots.Run]]:
    found = {method: [run for run in study.runs[method] if has_network(run)] for method in study.methods}
    found = {method: runs for method, runs in found.items() if runs}
    if (why := applies(study)) is not None:
        raise UserError(why)
    for method in methods or ():
        if method not in found:
            raise UserError(
                f"study {study.name} has no networks of {method!r}: `methods` are {', '.join(found)}"
            )
    return {method: runs for method, runs in found.items() if not methods or method in methods}


def one_run_each(
    study: Study, methods: Sequence[str] | None = None, *, seed: int | None = None
) -> dict[str, snapshots.Run]:
    """Return one run with a network for each method: that of a seed, or of the lowest that a method has.

    Parameters
    ----------
    study, methods
        As for :func:`runs_with_networks`.
    seed
        Which seed.

    Raises
    ------
    UserError
        When a method is not in the study, or it, or that seed, has no network.
    """
    found = _with_networks(study, methods)
    if seed is None:
        return {method: runs[0] for method, runs in found.items()}
    by_seed = {method: {run.seed: run for run in runs} for method, runs in found.items()}
    for method, runs in by_seed.items():
        if seed not in runs:
            there = ", ".join(map(str, runs))
            raise UserError(f"{method} has no complete seed {seed}: `seed` must be one of {there}")
    return {method: runs[seed] for method, runs in by_seed.items()}


def common_data(runs: Iterable[snapshots.Run], *, data_root: Path) -> "Dataset":
    """Load the data that all runs were trained on.

    Raises
    ------
    UserError
        When the data are not there, or two runs have other images.
    """
    from dynamics.networks import dataset_of

    first, *others = runs
    for run in others:
        if run.provenance.get("data_fingerprint") != first.provenance.get("data_fingerprint"):
            raise UserError(
                f"{first.folder} and {run.folder} were trained on different images: name methods of one data set "
                "with `methods`"
            )
    return dataset_of(first, data_root=data_root)


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
        from dynamics.training.devices import choose_device

        place = choose_device(device)
        runs = (run for method in chosen.values() for run in method)
        return cls(dataset=common_data(runs, data_root=data_root), device=place)

    def features(self, run: snapshots.Run, split: "Split") -> "Features":
        """Return a run's features, from its cache where that is good (:func:`dynamics.evaluation.features.of_run`)."""
        from dynamics.evaluation import features

        return features.of_run(run, self.dataset, split, device=self.device)

    def untrained(self, run: snapshots.Run, split: "Split") -> "Features":
        """Return the features of a run's network before its first step."""
        from dynamics.evaluation import features

        return features.of_run(run, self.dataset, split, device=self.device, untrained=True)

    def pixels(self, split: "Split") -> Float32[np.ndarray, "example feature"]:
        """Return the images themselves, in [0, 1]."""
        from dynamics.evaluation import features

        return features.of_pixels(self.dataset, split)

    def labels(self, split: "Split") -> Int64[np.ndarray, " example"]:
        """Return the data set's own labels of a split, whatever a method was trained on."""
        labels = self.dataset.train_labels if split == "train" else self.dataset.test_labels
        return labels.cpu().numpy()
