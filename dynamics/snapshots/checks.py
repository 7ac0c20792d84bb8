# SPDX-License-Identifier: Apache-2.0
"""The state of a seed's folder: a quick look, and a check of every byte."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from dynamics import files, lock
from dynamics.errors import UserError, explained
from dynamics.seal import is_sealed
from dynamics.snapshots import complete
from dynamics.snapshots.damage import Damaged, check_format, damage_named
from dynamics.snapshots.layout import COMPLETE, FINISHED, RUN, WEIGHTS, current
from dynamics.snapshots.readback import damaged_files
from dynamics.snapshots.record import check_identity, identity, identity_of, read_run_json
from dynamics.snapshots.schema import FORMAT as SNAPSHOTS
from dynamics.snapshots.store import Store


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a seed's folder, as :func:`state` sees it."""

    kind: Literal["complete", "partial", "empty", "damaged", "unreadable"]
    committed: int = 0
    """Number of epochs on disk (counted, not read)."""
    epochs: int | None = None
    """Number of epochs of the complete run; None while it is unknown."""
    holder: lock.Holder | None = None
    """Process that is writing to the folder now; a partial run without one was interrupted."""
    fingerprint: str | None = None
    """Of method and recipe; None if that is unknown."""
    heartbeat: float | None = None
    """How long ago that process gave a sign of life, in seconds."""
    written: float | None = None
    """Time at which the last epoch of a partial run was written, in seconds since 1970."""
    problem: str | None = None
    """What is wrong with a damaged run, or why it cannot be read."""


def state(folder: Path) -> State:
    """Look at a seed's folder, in milliseconds; :func:`verify` also reads its files.

    Examples
    --------
    >>> state(Path("runs/no-such-study/simclr/seed-0000")).kind
    'empty'
    """
    seen = State(kind="empty")
    for _ in range(3):
        try:
            group = current(folder)
            if complete.is_finished(folder):
                listed = complete.check(folder).made_by  # which version 0.1 did not say
                fingerprint = (listed or identity(folder))["fingerprint"]
                epochs = _declared_epochs(folder / FINISHED)
                return State(kind="complete", epochs=epochs, committed=epochs, fingerprint=fingerprint)
            seen = State(kind="empty", holder=lock.holder(folder), heartbeat=lock.last_sign(folder))
            seen = replace(seen, **_progress(folder, group))
            return replace(seen, kind="partial" if seen.committed else "empty")
        except UserError as error:
            seen = replace(seen, kind="damaged", problem=str(error))
            if group == current(folder):
                break  # else the run was finished meanwhile
        except OSError as error:
            return replace(seen, kind="unreadable", problem=str(UserError(explained(error))))
    return seen


def _progress(folder: Path, group: Path | None) -> dict[str, Any]:
    """Count the epochs of a seed, and compare the parts of its folder with its name."""
    if group is None and not files.exists(folder / RUN):
        return {}
    record = read_run_json(folder)
    ours, known = identity_of(record), {"fingerprint": record["fingerprint"]}
    if group is None:
        return known
    with damage_named(group / "zarr.json"):
        attributes = dict(files.read_json(group / "zarr.json")["attributes"])
    check_format(group / "zarr.json", attributes.get("format"), SNAPSHOTS)
    check_identity(ours, attributes, group)
    epochs = _declared_epochs(group)
    if group.name == FINISHED:
        return {**known, "epochs": epochs, "committed": epochs}
    # not glob, which takes a folder that cannot be read for an empty one
    commits = [path for path in (group / "digest").iterdir() if fnmatch(path.name, "c.*.0.0")]
    times = [path.stat().st_mtime for path in commits if files.exists(path)]
    return {**known, "epochs": epochs, "committed": len(times), "written": max(times, default=None)}


def verify(folder: Path) -> list[str]:
    """Read everything in a seed's folder and compare it with its checksums.

    Returns
    -------
    list of str
        One line for each damaged, missing or unexpected file, which it names; empty if the folder is intact.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from dynamics import snapshots
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     folder = Path(runs, "demo", "simclr", "seed-0000")
    ...     snapshots.write_finished(folder, method="simclr", seed=0, correct=np.ones((3, 1, 1, 4), dtype=bool))
    ...     verify(folder)
    []
    """
    problems: dict[Path, str] = {}
    group = current(folder)
    try:
        ours = identity_of(read_run_json(folder))
        if group is not None:
            check_identity(ours, Store(group).attributes, group)
        if files.exists(folder / COMPLETE):
            check_identity(ours, complete.read(folder).made_by, folder / COMPLETE)
    except Damaged as error:
        problems[error.path] = f"{error.path}: {error.why}"
    except UserError as error:
        problems[folder / RUN] = str(error)
    for damage in (*_against_list(folder), *_unsealed(folder), *(damaged_files(group) if group else ())):
        problems.setdefault(damage.path, f"{damage.path}: {damage.why}")
    return list(problems.values())


def _declared_epochs(group: Path) -> int:
    metadata = group / "digest" / "zarr.json"
    with damage_named(metadata):
        return int(files.read_json(metadata)["shape"][0])


def _against_list(folder: Path) -> Iterator[Damaged]:
    """Compare a finished seed's files with complete.json, both ways."""
    if files.exists(folder / COMPLETE):
        try:
            yield from complete.differences(folder, complete.read(folder))
        except Damaged as error:
            yield error


def _unsealed(folder: Path) -> Iterator[Damaged]:
    """Check the weights against the hash in them: version 0.1 did not list them in complete.json."""
    if (folder / WEIGHTS).is_file() and not is_sealed((folder / WEIGHTS).read_bytes()):
        yield Damaged(folder / WEIGHTS, "not what was written")
