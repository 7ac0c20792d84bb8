# SPDX-License-Identifier: Apache-2.0
"""Reading a group of arrays back, every byte of it, to see whether it is what was committed."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from dynamics.snapshots.damage import Damaged
from dynamics.snapshots.schema import CHUNK_BYTES, COORDINATES
from dynamics.snapshots.store import Store


def damaged_files(group: Path) -> Iterator[Damaged]:
    """Read every committed epoch and the coordinates; yield one error for each damaged file.

    Examples
    --------
    >>> [damage.path.name for damage in damaged_files(Path("runs/no-such-study/simclr/seed-0000/snapshots.zarr"))]
    ['zarr.json']
    """
    try:
        store = Store(group)
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
