# SPDX-License-Identifier: Apache-2.0
"""A finished seed made small enough to publish: the snapshots that matter, the recipe, and no network."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.snapshots.schema import ARRAYS, COORDINATES


def publish(run: snapshots.Run, to: Path, arrays: Sequence[str]) -> bool:
    """Copy a finished seed in the same format, with some of its arrays; return whether it was not there yet.

    Weights, logs and the name of the computer stay behind. What is copied keeps every bit, and whatever reads the
    original reads the copy; `provenance["published"]` in its run.json names the arrays and the digest of the original.

    Parameters
    ----------
    run
        A finished seed.
    to
        The copy's folder, `<runs>/<study>/<method>/seed-0007`.
    arrays
        Names of arrays beside `correct` and the scalars, from FORMAT.md; those of them that the run has are copied.

    Raises
    ------
    UserError
        If the seed is not finished, there is no such array, something else is published there, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> copied = Path(tempfile.mkdtemp(), "tiny/supervised/seed-0000")
    >>> publish(run, copied, ["held_out_correct"]), snapshots.Run(copied).recorded
    (True, ('correct', 'held_out_correct', 'scalars'))
    """
    if unknown := {*arrays} - {*ARRAYS}:
        raise UserError(f"`arrays` must be of {', '.join(ARRAYS)}, got {min(unknown)}")
    if not run.complete:
        raise UserError(f"{run.folder} is not finished: train it to its end before it is published")
    kept = [name for name in run.recorded if name in {*arrays, "share", "present"} - {"correct", "scalars"}]
    source = {
        "arrays": kept,
        "of": run.provenance.get("published", {}).get("of", run.digest()),
    }  # or copy of one
    if to.exists():
        return _there_already(to, run, source)
    coordinates = {name: run.coordinate(name) for name in COORDINATES}
    known = {name: values for name, values in coordinates.items() if values is not None}
    snapshots.write_finished(
        to,
        method=run.method,
        seed=run.seed,
        config=run.config,
        provenance={**_without_host(run.provenance), "published": source},
        panel=run.panel,
        correct=run.correct(),
        probability=run.read("probability") if "probability" in kept else None,
        scalars=run.scalars(),
        examples=known.pop("example"),
        labels=known.pop("label", None),
        true_labels=known.pop("true_label", None),
        further={**{name: run.read(name) for name in kept if name != "probability"}, **known},
        wall_seconds=run.wall_seconds or 0.0,
    )
    return True


def _there_already(to: Path, run: snapshots.Run, source: dict[str, Any]) -> bool:
    """Return False if the same was published there before; refuse anything else."""
    there = snapshots.Run(to)
    held = there.provenance.get("published", {})
    same = held.get("of") == source["of"] and all(
        getattr(there, part) == getattr(run, part) for part in ("fingerprint", "panel_digests", "ids")
    )
    if same and held == source:
        return False
    what = f"that seed with the arrays {', '.join(held['arrays'])}" if same else "something else"
    raise UserError(
        f"{to} holds {what}: publish with the same `arrays`, remove it, or use another folder with `to`"
    )


def _without_host(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return a record of how a run was made without the names of the computers."""
    kept = copy.deepcopy(provenance)
    for session in (kept, *kept.get("resumed", [])):
        session.get("machine", {}).pop("host", None)
    return kept
