# SPDX-License-Identifier: Apache-2.0
"""Which networks of a study are looked at: one a method, those of its lowest seed unless another is named."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.storage.counts import Study
from dynamics import snapshots
from dynamics.console import UserError
from dynamics.snapshots.layout import WEIGHTS

if TYPE_CHECKING:  # the data bring torch along
    from dynamics.data import Dataset

UNTRAINED = "random-initialisation"
"""Stands in a table's column `method` for a network that was never trained."""

PIXELS = "pixels"
"""Stands in a table's column `method` for the images themselves."""


def has_network(run: snapshots.Run) -> bool:
    """Whether a run was trained to its end by this program, and has its weights: ingested ones have none."""
    return run.complete and "encoder" in run.config and (run.folder / WEIGHTS).exists()


def applies(study: Study) -> str | None:
    """Say in one line why a study has no network to look at; None where it has one."""
    if any(has_network(run) for runs in study.runs.values() for run in runs):
        return None
    return f"no seed of study {study.name} has a trained network (ingested, not trained to its end, or without weights)"


def choose_runs(
    study: Study, *, methods: Sequence[str] = (), seed: int | None = None
) -> dict[str, snapshots.Run]:
    """Return one run with a network for each method.

    Parameters
    ----------
    study
        Where to look.
    methods
        Which methods; all that have a network by default.
    seed
        Which seed; the lowest that a method has by default.

    Raises
    ------
    UserError
        When a method is not in the study, or it, or that seed, has no network.
    """
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    unknown = [method for method in methods if method not in study.runs]
    if unknown:
        raise UserError(f"study {study.name} has no method {unknown[0]!r}: it has {', '.join(study.methods)}")
    chosen = {}
    for method in dict.fromkeys(methods) or study.methods:
        runs = [run for run in study.runs[method] if has_network(run)]
        if runs or methods:
            chosen[method] = _run_of(study, method, runs, seed)
    return chosen


def _run_of(study: Study, method: str, runs: list[snapshots.Run], seed: int | None) -> snapshots.Run:
    if not runs:
        raise UserError(
            f"no seed of {method} in study {study.name} has a trained network: name other --methods"
        )
    by_seed = {run.seed: run for run in runs}
    if seed is None:
        return by_seed[min(by_seed)]
    if seed not in by_seed:
        there = ", ".join(map(str, sorted(by_seed)))
        raise UserError(f"{method} has no finished seed {seed}: choose --seed among {there}")
    return by_seed[seed]


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
                f"{first.folder} and {run.folder} were trained on other images: name methods of one data set "
                "with --methods"
            )
    return dataset_of(first, data_root=data_root)
