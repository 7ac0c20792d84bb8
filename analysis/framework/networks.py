# SPDX-License-Identifier: Apache-2.0
"""The trained networks of a study, and their features of its images, by method, seed and split.

torch is loaded only when features are asked for.
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

if TYPE_CHECKING:  # these import torch
    import torch

    from dynamics.data import Dataset
    from dynamics.evaluation.features import Features, Split

LOGGER = logging.getLogger(__name__)


def has_network(run: snapshots.Run) -> bool:
    """Whether a run was trained to its end by this program and kept its weights; ingested runs have none.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> has_network(example_study().runs["simclr"][0])
    False
    """
    return run.complete and "encoder" in run.config and run.weights.exists()


def applies(study: Study) -> str | None:
    """Return why a study has no network to analyse, in one line; None if it has one.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> applies(example_study())
    'no seed of study made-up has a trained network (ingested, not trained to its end, or published without weights)'
    """
    if study.kept is not None:
        return "networks are analysed on all of their images, not on examples of the panel: leave out `keep`"
    if any(has_network(run) for runs in study.runs.values() for run in runs):
        return None
    return (
        f"no seed of study {study.name} has a trained network (ingested, not trained to its end, or published without "
        "weights)"
    )


def runs_with_networks(
    study: Study, methods: Sequence[str] | None = None, *, seeds: int | None = None
) -> dict[str, list[snapshots.Run]]:
    """Return the complete seeds that have a network, by method in the order of the study; log what is left out.

    Parameters
    ----------
    study
        The study.
    methods
        Methods to return; all that have networks by default.
    seeds
        Maximum number of seeds per method, of which the lowest are taken; all by default.

    Raises
    ------
    UserError
        If the study or one of `methods` has no network; says which methods have.

    Examples
    --------
    >>> import tempfile
    >>> from dynamics.opening import open_study
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     folder = snapshots.seed_folder(Path(runs), "demo", "simclr", 3)
    ...     correct, config = np.ones((1, 2, 1, 4), dtype=bool), {"encoder": "resnet18"}
    ...     snapshots.write_finished(folder, method="simclr", seed=3, correct=correct, config=config)
    ...     snapshots.weights_file(folder).touch()
    ...     [run.seed for run in runs_with_networks(open_study(Path(runs, "demo")))["simclr"]]
    [3]
    """
    if seeds is not None and seeds < 1:
        raise UserError(f"`seeds` must be >= 1, got {seeds}")
    chosen = _with_networks(study, methods)
    for method, runs in chosen.items():
        if lacking := len(study.runs[method]) - len(runs):
            LOGGER.warning(
                "%s: %d of %d seeds have no weights and are left out",
                method,
                lacking,
                len(study.runs[method]),
            )
    return {method: runs[:seeds] for method, runs in chosen.items()}


def _with_networks(study: Study, methods: Sequence[str] | None) -> dict[str, list[snapshots.Run]]:
    if (why := applies(study)) is not None:
        raise UserError(why)
    networks = {method: [run for run in study.runs[method] if has_network(run)] for method in study.methods}
    networks = {method: runs for method, runs in networks.items() if runs}
    for method in methods or ():
        if method not in networks:
            raise UserError(
                f"study {study.name} has no networks of {method!r}: `methods` are {', '.join(networks)}"
            )
    if methods:
        return {method: runs for method, runs in networks.items() if method in methods}
    return _built_here(networks)


def _built_here(networks: Mapping[str, list[snapshots.Run]]) -> dict[str, list[snapshots.Run]]:
    """Leave out, and log, methods whose classes are of a notebook or a program that is not this one."""
    from dynamics.networks import missing_code

    missing = {method: why for method, runs in networks.items() if (why := missing_code(runs[0])) is not None}
    if len(missing) == len(networks):
        raise UserError(next(iter(missing.values())))
    for method, why in missing.items():
        LOGGER.warning("%s is left out: %s", method, why)
    return {method: runs for method, runs in networks.items() if method not in missing}


def one_run_each(
    study: Study, methods: Sequence[str] | None = None, *, seed: int | None = None
) -> dict[str, snapshots.Run]:
    """Return one run with a network for each method.

    Parameters
    ----------
    study, methods
        As for :func:`runs_with_networks`.
    seed
        Seed to return; by default the lowest that has a network, for each method.

    Raises
    ------
    UserError
        If a method is not in the study, or the method or the seed has no network.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> one_run_each(example_study(), seed=0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: no seed of study made-up has a trained network (...)
    """
    chosen = _with_networks(study, methods)
    if seed is None:
        return {method: runs[0] for method, runs in chosen.items()}
    by_seed = {method: {run.seed: run for run in runs} for method, runs in chosen.items()}
    for method, runs in by_seed.items():
        if seed not in runs:
            there = ", ".join(map(str, runs))
            raise UserError(f"{method} has no complete seed {seed}: `seed` must be one of {there}")
    return {method: runs[seed] for method, runs in by_seed.items()}


def _common_data(runs: Iterable[snapshots.Run], *, data_root: Path) -> "Dataset":
    """Load the data that all runs were trained on.

    Raises
    ------
    UserError
        If the data are not there, or two runs were trained on different images.
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
    """A study's images, and the device on which its networks encode them; made by :meth:`open`."""

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
            If the data are not there or differ between runs, or there is no such device.
        """
        from dynamics.training.devices import choose_device

        place = choose_device(device)
        runs = (run for method in chosen.values() for run in method)
        return cls(dataset=_common_data(runs, data_root=data_root), device=place)

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
