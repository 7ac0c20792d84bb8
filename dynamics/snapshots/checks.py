# SPDX-License-Identifier: Apache-2.0
"""The state of a seed's folder: a quick look, and a check of every byte."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from dynamics import files, lock
from dynamics.errors import UserError
from dynamics.seal import is_sealed
from dynamics.snapshots import finish
from dynamics.snapshots.layout import COMPLETE, FINISHED, RUN, WEIGHTS, current
from dynamics.snapshots.record import read_run_json
from dynamics.snapshots.schema import CHUNK_BYTES, COORDINATES
from dynamics.snapshots.store import Damaged, Store


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a seed's folder, as :func:`state` sees it."""

    kind: Literal["complete", "partial", "empty", "damaged"]
    committed: int
    """Number of epochs on disk (counted, not read)."""
    epochs: int | None
    """Number of epochs of the complete run; None while it is unknown."""
    holder: lock.Holder | None
    """Process that is writing to the folder now; a partial run without one was interrupted."""
    written: float | None
    """Time at which the last epoch of a partial run was written, in seconds since 1970."""
    problem: str | None
    """What is wrong with a damaged run."""


def state(folder: Path) -> State:
    """Look at a seed's folder, in milliseconds; :func:`verify` also reads its arrays.

    Examples
    --------
    >>> state(Path("runs/no-such-study/simclr/seed-0000")).kind
    'empty'
    """
    holder = lock.holder(folder)
    committed, epochs, written = 0, None, None
    try:
        if (folder / RUN).exists():
            read_run_json(folder)
        path = current(folder)
        if path is not None:
            epochs = _declared_epochs(path)
            commits = list((path / "digest").glob("c.*.0.0"))
            committed = epochs if path.name == FINISHED else len(commits)
            written = max((part.stat().st_mtime for part in commits), default=None)
        complete = (folder / COMPLETE).exists()
        if complete and (path is None or path.name != FINISHED):
            raise Damaged(folder / FINISHED, "missing")
        kind: Literal["complete", "partial", "empty"]
        kind = "complete" if complete else "partial" if committed else "empty"
    except FileNotFoundError:  # the run was finished meanwhile
        return state(folder)
    except UserError as error:
        return State(
            kind="damaged",
            committed=committed,
            epochs=epochs,
            holder=holder,
            written=written,
            problem=str(error),
        )
    return State(kind=kind, committed=committed, epochs=epochs, holder=holder, written=written, problem=None)


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
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     folder = Path(runs, "demo", "simclr", "seed-0000")
    ...     finish.write_finished(folder, method="simclr", seed=0, correct=np.ones((3, 1, 1, 4), dtype=bool))
    ...     verify(folder)
    []
    """
    problems: dict[Path, str] = {}
    try:
        read_run_json(folder)
    except UserError as error:
        problems[folder / RUN] = str(error)
    if (folder / COMPLETE).exists():
        for part, why in _against_list(folder):
            problems.setdefault(part, f"{part}: {why}")
    if (folder / WEIGHTS).exists() and not is_sealed((folder / WEIGHTS).read_bytes()):
        problems[folder / WEIGHTS] = f"{folder / WEIGHTS}: not what was written"
    path = current(folder)
    if path is not None:
        for damage in _against_digests(path):
            problems.setdefault(damage.path, f"{damage.path}: {damage.why}")
    return list(problems.values())


def _declared_epochs(path: Path) -> int:
    metadata = path / "digest" / "zarr.json"
    try:
        return int(files.read_json(metadata)["shape"][0])
    except (UserError, KeyError, TypeError, ValueError, IndexError) as error:
        if path != current(path.parent):  # removed because the run is finished
            raise FileNotFoundError(metadata) from error
        raise Damaged(metadata, str(error)) from error


def _against_list(folder: Path) -> Iterator[tuple[Path, str]]:
    """Compare a finished seed's files with complete.json, both ways."""
    try:
        listed = files.read_json(folder / COMPLETE)
        sums = dict(listed["files"])
        actual = finish.completion(folder)
    except Damaged as error:
        yield error.path, error.why
        return
    except (UserError, KeyError, TypeError, ValueError) as error:
        yield folder / COMPLETE, f"no list of files ({error})"
        return
    differing = [name for name in sums | actual["files"] if sums.get(name) != actual["files"].get(name)]
    for name in differing:
        missing, known = name not in actual["files"], name in sums
        why = "missing" if missing else "not what complete.json says" if known else "not in complete.json"
        yield folder / name, why
    if {**listed, "files": None} != {**actual, "files": None}:
        yield folder / COMPLETE, "not what was written"


def _against_digests(path: Path) -> Iterator[Damaged]:
    """Read every committed epoch and the coordinates; yield one error for each damaged file."""
    try:
        store = Store(path)
        committed = store.committed()
    except Damaged as error:
        yield error
        return
    for name in filter(store.has, COORDINATES):
        yield from _damage(partial(store.coordinate, name))
    for name in store.arrays:
        unreadable = _damage(partial(store.array, name))
        yield from unreadable or _damaged_chunks(store, name, committed)


def _damaged_chunks(store: Store, name: str, committed: list[int]) -> Iterator[Damaged]:
    """Read an array in blocks of some 10 MB, and a damaged block chunk by chunk."""
    array = store.array(name)
    together = max(1, CHUNK_BYTES // (array.dtype.itemsize * math.prod(array.shape[1:])))
    for start in range(0, len(committed), together):
        block = committed[start : start + together]
        if _damage(partial(store.read, name, block)):
            chunks: dict[Path, list[int]] = {}
            for epoch in block:
                chunks.setdefault(store.chunk(name, epoch), []).append(epoch)
            for part in chunks.values():
                yield from _damage(partial(store.read, name, part))


def _damage(read: Callable[[], object]) -> list[Damaged]:
    try:
        read()
    except Damaged as error:
        return [error]
    return []
