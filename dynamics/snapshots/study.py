# SPDX-License-Identifier: Apache-2.0
"""Opening the seeds of one method together, after checking that they differ in nothing but the seed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from dynamics.errors import UserError
from dynamics.snapshots.layout import has_record, list_seeds, seed_folder
from dynamics.snapshots.record import differing_fields
from dynamics.snapshots.run import PANEL_COORDINATES, Run


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
        Folder of all studies, and which study and method.
    seeds
        Seeds to open; all by default.
    complete_only
        Leave out seeds that are not complete.

    Raises
    ------
    UserError
        If there is none, one is damaged, two have different configs or panels, or one is a copy of another.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from dynamics import snapshots
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for seed in (0, 1):
    ...         where = seed_folder(Path(folder), "demo", "simclr", seed)
    ...         snapshots.write_finished(where, method="simclr", seed=seed, correct=np.ones((3, 2, 1, 4), dtype=bool))
    ...     [(run.seed, run.epochs) for run in open_runs(Path(folder), "demo", "simclr")]
    [(0, (1, 2, 3)), (1, (1, 2, 3))]
    """
    there = list_seeds(runs, study, method)
    absent = sorted(set(seeds or ()) - set(there))
    if absent:
        raise UserError(
            f"no seed {absent[0]} of {method} in {runs / study} (there: {_listed(there)}): choose one of those"
        )
    folders = [seed_folder(runs, study, method, seed) for seed in (there if seeds is None else sorted(seeds))]
    opened = [Run(folder, lazily=True) for folder in folders if has_record(folder)]
    kept = [run for run in opened if run.complete or (run.epochs and not complete_only)]
    if not kept:
        what = "finished seed" if complete_only else "seed with an epoch on disk"
        raise UserError(
            f"no {what} of {method} in {runs / study}: train one "
            f"(python -m runners.seeds --method {method} --study {study})"
        )
    _check_alike(kept)
    return kept


def common_epochs(runs: Sequence[Run]) -> list[int]:
    """List the epochs that all runs have on disk, in order.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from dynamics import snapshots
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for seed, epochs in enumerate((3, 2)):
    ...         where = seed_folder(Path(folder), "demo", "simclr", seed)
    ...         correct = np.ones((epochs, 1, 1, 4), dtype=bool)
    ...         snapshots.write_finished(where, method="simclr", seed=seed, correct=correct)
    ...     common_epochs(open_runs(Path(folder), "demo", "simclr"))
    [1, 2]
    """
    different = unlike_in_epochs(runs)
    return sorted(set(different[0].epochs).intersection(*(run.epochs for run in different)))


def unlike_in_epochs(runs: Sequence[Run]) -> list[Run]:
    """Return the first of all runs that have the same epochs: of thousands of finished ones, few are read for it.

    Examples
    --------
    >>> unlike_in_epochs([])
    []
    """
    first: dict[tuple[str, ...], Run] = {}
    for run in runs:
        first.setdefault(run.same_parts("epoch/zarr.json", "epoch/c.0") or (str(id(run)),), run)
    return list(first.values())


def _check_alike(runs: Sequence[Run]) -> None:
    by_digest: dict[str, Run] = {}
    for run in runs:
        _check_pair(runs[0], run)
        twin = by_digest.setdefault(records_of(run), run)
        if twin is not run and surely_copied(run.correct(), probability="probability" in run.recorded):
            raise UserError(
                f"{twin.folder} and {run.folder} hold the same records, to the last bit: one is a copy of the "
                "other; move that one out of the study"
            )


def records_of(run: Run) -> str:
    """Return what is equal for two runs with the same recorded bits: a hash of their digests.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> len(records_of(trained_study().runs["supervised"][0])) > 8
    True
    """
    found = run.same_parts("digest/zarr.json", "digest/c.0.0.0", "digest/c.1.0.0")
    return run.digest() if found is None or found[2] else "".join(found)


def surely_copied(correct: Bool[np.ndarray, "..."], *, probability: bool) -> bool:
    """Whether two seeds that have the same records cannot have them by chance.

    Parameters
    ----------
    correct
        The answers, which are the same for both.
    probability
        Whether probabilities are recorded as well, and are the same: then only very few can be so by chance. Answers
        alone can where they are few, or nearly all of them right or wrong.

    Examples
    --------
    >>> surely_copied(np.ones((20, 1, 10, 64), dtype=bool), probability=False)  # all is learnt
    False
    """
    if probability:
        return correct.size >= 64
    mean = correct.mean()
    agreement = max(mean**2 + (1 - mean) ** 2, np.finfo(float).tiny)
    return bool(correct.size * np.log(agreement) < np.log(1e-9))


def _check_pair(one: Run, other: Run) -> None:
    shared = [f"{name}/zarr.json" for name in ("correct", *PANEL_COORDINATES)]
    if (
        (one.method, one.fingerprint, one.panel) == (other.method, other.fingerprint, other.panel)
        and (parts := one.same_parts(*shared)) is not None
        and parts == other.same_parts(*shared)
    ):
        return
    if (one.method, one.config) != (other.method, other.config):
        name = "method" if one.method != other.method else differing_fields(one.config, other.config)[0]
        values = [run.method if name == "method" else run.config.get(name) for run in (one, other)]
        raise UserError(
            f"{one.folder} and {other.folder} must have the same {name}, got {values[0]} and {values[1]}: "
            "move one to another study"
        )
    if one.shape != other.shape:
        raise UserError(
            f"{one.folder} and {other.folder} must have panels of the same shape, "
            f"got {one.shape} and {other.shape}: move one to another study"
        )
    digests = {**other.panel_digests, **other.panel}
    for name, digest in {**dict.fromkeys(digests), **one.panel_digests, **one.panel}.items():
        if digest != digests.get(name):
            raise UserError(
                f"{one.folder} and {other.folder} must have the same panel, but differ in `{name}`: "
                "move one to another study"
            )


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) or "none"
