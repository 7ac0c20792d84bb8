# SPDX-License-Identifier: Apache-2.0
"""The seeds of one method opened together, once it is sure that they are copies of one training."""

from collections.abc import Sequence
from pathlib import Path

from dynamics.errors import UserError
from dynamics.snapshots.layout import list_seeds, seed_folder
from dynamics.snapshots.record import differing_fields
from dynamics.snapshots.run import Run


def open_runs(
    runs: Path,
    study: str,
    method: str,
    *,
    seeds: Sequence[int] | None = None,
    complete_only: bool = False,
) -> list[Run]:
    """Open the seeds of a method that have an epoch on disk, in order of seed.

    Parameters
    ----------
    runs, study, method
        Where they are.
    seeds
        Only these; all by default.
    complete_only
        Leave seeds under way aside.

    Raises
    ------
    UserError
        When there is none, when one is damaged, or when two have different configs or panels.
    """
    found = list_seeds(runs, study, method)
    absent = sorted(set(seeds or ()) - set(found))
    if absent:
        raise UserError(f"no seed {absent[0]} of {method} in {runs / study} (there: {_listed(found)})")
    folders = [seed_folder(runs, study, method, seed) for seed in (found if seeds is None else sorted(seeds))]
    opened = [Run(folder) for folder in folders if (folder / "run.json").exists()]
    kept = [run for run in opened if run.epochs and (run.complete or not complete_only)]
    if not kept:
        what = "finished seed" if complete_only else "seed with an epoch on disk"
        raise UserError(
            f"no {what} of {method} in {runs / study}: train one "
            f"(python -m runners.seeds --method {method} --study {study})"
        )
    _check_alike(kept)
    return kept


def common_epochs(runs: Sequence[Run]) -> list[int]:
    """List the epochs that every one of the runs has on disk, in order."""
    return sorted(set(runs[0].epochs).intersection(*(run.epochs for run in runs)))


def _check_alike(runs: Sequence[Run]) -> None:
    for run in runs[1:]:
        _check_pair(runs[0], run)


def _check_pair(one: Run, other: Run) -> None:
    if one.fingerprint != other.fingerprint:
        odd = "method" if one.method != other.method else differing_fields(one.config, other.config)[0]
        values = [run.method if odd == "method" else run.config.get(odd) for run in (one, other)]
        raise UserError(
            f"{one.folder} and {other.folder} differ in {odd} ({values[0]} and {values[1]}): "
            "they are no copies of one training; move one to another study"
        )
    if one.shape != other.shape:
        raise UserError(f"{one.folder} and {other.folder} have panels of shape {one.shape} and {other.shape}")
    theirs = other.panel_digests
    for name, ours in one.panel_digests.items():
        if ours != theirs[name]:
            raise UserError(
                f"{one.folder} and {other.folder} have other {name}: their panels are not the same"
            )


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) or "none"
