# SPDX-License-Identifier: Apache-2.0
"""Who is writing this seed's folder: one process at most; its death, however sudden, lets go.

The lock is the operating system's (`lock`, by filelock); `holder.json` beside it only says whose it is.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from dynamics import files
from dynamics.errors import UserError

LOCK = "lock"
HOLDER = "holder.json"
PATIENCE = 0.5  # seconds: outlasts another process that only looks, see :func:`holder`


class SeedLocked(UserError):  # noqa: N818 - the name says it
    """Another process is writing this seed's folder."""


class Holder(NamedTuple):
    """The process that holds a lock; a field is None in the instant before it has signed."""

    pid: int | None
    host: str | None
    since: str | None

    def __str__(self) -> str:
        if self.pid is None:
            return "another process"
        return f"process {self.pid} on {self.host}, since {self.since}"


@contextlib.contextmanager
def seed_lock(folder: Path) -> Iterator[None]:
    """Hold the folder of one seed, which is made where there is none, for as long as the block runs.

    Raises
    ------
    SeedLocked
        When another process holds it: says which one, and since when.
    """
    with files.full_disk_explained(folder):
        files.make_folder(folder)
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise SeedLocked(
                f"{folder} is being written by {_signature(folder)}: "
                "wait until it is done, or stop that process"
            ) from None
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        files.write_json(folder / HOLDER, {"pid": os.getpid(), "host": socket.gethostname(), "since": now})
        yield
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def holder(folder: Path) -> Holder | None:
    """Say who holds a seed's folder now, or None when it is free (a dead process holds nothing)."""
    if not (folder / LOCK).exists():
        return None
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return _signature(folder)
    except OSError:  # a folder that may only be read has no writer
        return None
    lock.release()
    return None


def _signature(folder: Path) -> Holder:
    try:
        signed = files.read_json(folder / HOLDER)
    except UserError:
        return Holder(None, None, None)
    return Holder(signed.get("pid"), signed.get("host"), signed.get("since"))
