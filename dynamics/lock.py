# SPDX-License-Identifier: Apache-2.0
"""The lock of a seed's folder: at most one process writes to it, and a process that dies releases it.

The lock is the operating system's (the file `lock`, through filelock); `holder.json` beside it only says who holds it.
"""

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from dynamics import files
from dynamics.errors import UserError

LOCK = "lock"
HOLDER = "holder.json"
PATIENCE = 0.5  # seconds: longer than :func:`holder` in another process holds the lock


class SeedLocked(UserError):  # noqa: N818 - the name says it
    """Another process is writing to this seed's folder."""


class Holder(NamedTuple):
    """The process that holds a lock; its fields are None until it has written holder.json."""

    pid: int | None
    host: str | None
    since: str | None

    def __str__(self) -> str:
        if self.pid is None:
            return "another process"
        return f"process {self.pid} on {self.host}, since {self.since}"


class SeedLock(NamedTuple):
    """A lock that is held."""

    folder: Path
    token: str
    """In holder.json while this process holds the lock."""

    def check(self) -> None:
        """Check that the folder is still there and still this process's.

        Raises
        ------
        SeedLocked
            If the folder was deleted or moved, or another process has taken it since the file `lock` was deleted.
        """
        if not self.held():
            raise SeedLocked(
                f"{self.folder} was deleted, moved or taken by another process while it was being trained: "
                "start the seed again"
            )

    def held(self) -> bool:
        """Whether holder.json is still that of this lock."""
        try:
            return files.read_json(self.folder / HOLDER).get("token") == self.token
        except UserError:
            return False


@contextlib.contextmanager
def seed_lock(folder: Path) -> Iterator[SeedLock]:
    """Hold the lock of a seed's folder, which is made if absent, while the block runs.

    Raises
    ------
    SeedLocked
        If another process holds it; says which one, and since when.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs, seed_lock(Path(runs, "seed-0000")):
    ...     holder(Path(runs, "seed-0000")).pid == os.getpid()
    True
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
    held = SeedLock(folder, uuid.uuid4().hex)
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        signature = {"pid": os.getpid(), "host": socket.gethostname(), "since": now, "token": held.token}
        files.write_json(folder / HOLDER, signature)
        yield held
    finally:
        if held.held():
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def holder(folder: Path) -> Holder | None:
    """Return the process that holds a seed's folder now, or None if it is free (a dead process holds nothing).

    Examples
    --------
    >>> holder(Path("runs/no-such-study/simclr/seed-0000")) is None
    True
    """
    if not (folder / LOCK).exists():
        return None
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return _signature(folder)
    except OSError:  # a read-only folder has no writer
        return None
    lock.release()
    return None


def _signature(folder: Path) -> Holder:
    try:
        signed = files.read_json(folder / HOLDER)
    except UserError:
        return Holder(None, None, None)
    return Holder(signed.get("pid"), signed.get("host"), signed.get("since"))
