# SPDX-License-Identifier: Apache-2.0
"""The lock of a seed's folder, and of a file that several commands rewrite: at most one process at a time has it.

The lock is the operating system's (`flock` on the file `lock`), which ends with the process that holds it.
`holder.json` beside it says who that is. On a disk without such locks (some network disks) `holder.json` is the lock:
it remains if its process is killed, and the next one on the same machine sees that and takes the lock over.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dynamics import files
from dynamics.errors import UserError

LOCK = "lock"
HOLDER = "holder.json"
PATIENCE = 0.5  # seconds: longer than :func:`holder` in another process holds the lock
REWRITTEN = 60.0  # seconds: far longer than it takes to rewrite a file
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
"""What a disk without locks answers."""


class Locked(UserError):  # noqa: N818 - the name says it
    """Another process is writing to this seed's folder, or to this file."""


class Holder(NamedTuple):
    """The process that holds a lock; its fields are None until it has written holder.json."""

    pid: int | None
    host: str | None
    since: str | None
    birth: str | None = None
    """When the process was started, which tells it from a later one with its number; see :func:`_birth`."""

    def __str__(self) -> str:
        if self.pid is None:
            return "another process"
        return f"process {self.pid} on {self.host}, since {self.since}"

    def lives(self) -> bool | None:
        """Return whether the process is still running; None if that cannot be seen from here."""
        if self.pid is None or self.birth is None or self.host != socket.gethostname():
            return None
        place, now = self.birth.partition(" ")[0], _birth(self.pid)
        if place != _birth(os.getpid()).partition(" ")[0]:  # another container
            return None
        return None if not now and _hidden(self.pid) else now == self.birth


class SeedLock(NamedTuple):
    """The lock of a seed's folder, which this process holds."""

    folder: Path
    signed: Holder | None
    """The content of holder.json."""

    def check(self) -> None:
        """Check that the folder is still there and still this process's.

        Raises
        ------
        Locked
            If it was deleted or moved, or another process has taken it.
        """
        if _signature(self.folder / HOLDER) != self.signed:
            raise Locked(
                f"{self.folder} was deleted, moved or taken by another process while this one was writing to it: "
                "start the seed again"
            )


@contextlib.contextmanager
def seed_lock(folder: Path) -> Iterator[SeedLock]:
    """Hold the lock of a seed's folder, which is made if absent, while the block runs.

    Raises
    ------
    Locked
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
    with _held(folder / LOCK, folder / HOLDER, what=folder, patience=PATIENCE):
        yield SeedLock(folder, _signature(folder / HOLDER))


@contextlib.contextmanager
def rewriting(path: Path) -> Iterator[None]:
    """Wait until no other process is rewriting a file, and keep others out while the block reads and writes it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "numbers")
    >>> with rewriting(path):
    ...     files.atomic_write(path, b"1")
    """
    lock = path.with_name(f".{path.name}.{LOCK}")
    with _held(lock, lock.with_name(f"{lock.name}.json"), what=path, patience=REWRITTEN):
        yield


def holder(folder: Path) -> Holder | None:
    """Return the process that holds a seed's folder now, or None if it is free (a dead process holds nothing).

    Examples
    --------
    >>> holder(Path("runs/no-such-study/simclr/seed-0000")) is None
    True
    """
    locks = True
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NONBLOCK)
        try:
            locks = _flock(descriptor, fcntl.LOCK_SH)  # enough to see a writer, and does not keep readers out
        except BlockingIOError:
            return _signature(folder / HOLDER) or Holder(None, None, None)
        finally:
            os.close(descriptor)
    signed = _signature(folder / HOLDER)
    return signed if signed is not None and _excludes(signed, locks=locks) else None


@contextlib.contextmanager
def _held(lock: Path, signature: Path, *, what: Path, patience: float) -> Iterator[None]:
    deadline = time.monotonic() + patience
    while (descriptor := _taken(lock, signature)) is None:
        if time.monotonic() > deadline:
            raise Locked(_refusal(what, signature))
        time.sleep(0.02)
    owner = os.getpid()
    try:
        yield
    finally:
        try:
            signed = _signature(signature)
            if signed is not None and signed.pid == os.getpid():
                signature.unlink(missing_ok=True)
        finally:
            if os.getpid() == owner:  # processes forked from this one have the same lock
                _flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _taken(lock: Path, signature: Path) -> int | None:
    """Take a lock and sign it; return the descriptor that holds it, or None if another process does."""
    with files.full_disk_explained(lock.parent), contextlib.ExitStack() as failing:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666)
        failing.callback(os.close, descriptor)
        try:
            locks = _flock(descriptor, fcntl.LOCK_EX)
        except BlockingIOError:
            return None
        signed = _signature(signature)
        if signed is not None and _excludes(signed, locks=locks):
            return None
        if not _sign(signature, before=signed, locks=locks):
            return None
        failing.pop_all()
        return descriptor


def _flock(descriptor: int, how: int) -> bool:
    """Lock an open file; return False if its disk has no locks.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    """
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except PermissionError as error:  # what some network disks answer
        raise BlockingIOError from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


def _excludes(signed: Holder, *, locks: bool) -> bool:
    """Return whether a signature beside a lock that nobody holds keeps others out.

    Where there are locks, only if its process is surely alive (somebody has removed the file that it had locked);
    where there are none, unless it is surely dead.
    """
    return signed.lives() is True if locks else signed.lives() is not False


def _sign(signature: Path, *, before: Holder | None, locks: bool) -> bool:
    """Write who holds a lock; return False if another process was faster, on a disk without locks."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    content = {"pid": os.getpid(), "host": socket.gethostname(), "since": now, "birth": _birth(os.getpid())}
    if locks:
        files.write_json(signature, content)
        return True
    if before is not None and not _removed(signature, before):
        return False
    try:
        with signature.open("x") as file:
            json.dump(content, file)
    except FileExistsError:
        return False
    return True


def _removed(signature: Path, dead: Holder) -> bool:
    """Remove the signature of a dead process; put back what another process has signed meanwhile."""
    aside = signature.with_name(f"{signature.name}.{os.getpid()}{files.ASIDE}")
    with contextlib.suppress(FileNotFoundError):
        signature.rename(aside)
        if _signature(aside) != dead:
            aside.rename(signature)
            return False
        aside.unlink()
    return True


def _refusal(what: Path, signature: Path) -> str:
    signed = _signature(signature) or Holder(None, None, None)
    said = f"{what} is being written by {signed}: wait until it is done, or stop that process"
    if signature.exists() and signed.lives() is None:
        said += f" (if it is not running any more, on its machine, remove {signature})"
    return said


def _signature(path: Path) -> Holder | None:
    try:
        signed: dict[str, Any] = files.read_json(path)
    except UserError:
        return Holder(None, None, None) if path.exists() else None
    pid = signed.get("pid")
    texts = (str(signed[name]) if name in signed else None for name in ("host", "since", "birth"))
    return Holder(pid if isinstance(pid, int) else None, *texts)


def _hidden(pid: int) -> bool:
    """Return whether a process runs although the system does not show it (another user's, with `hidepid`)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False  # a zombie


def _birth(pid: int) -> str:
    """Return in which container and when a process was started, in a form of the system's own; "" if it is dead."""
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(OSError):
            # The name of the program, in parentheses, may hold anything; field 3 is the state, 22 the time.
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in "ZX":
                return f"{Path('/proc/self/ns/pid').readlink().name} {fields[19]}"
        return ""
    words = ["ps", "-o", "lstart=", "-p", str(pid)]
    found = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
    return f"ps {'-'.join(found)}" if found else ""
