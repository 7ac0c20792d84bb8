# SPDX-License-Identifier: Apache-2.0
"""The lock of a seed's folder, and of a file that several commands rewrite: at most one process at a time has it.

On a disk of one machine it is the operating system's (`flock` on the file `lock`), which ends with the process that
holds it. On others (network and parallel file systems), where two hosts can hold such a lock at once, it is a strict
one (:mod:`dynamics.lock.strict`), which a killed process leaves behind; the next one takes it over when it is known
that the process has ended: on its own host, or because Slurm or Ray say so. `holder.json` says who has it.

A host that shares its local disk with others locks it by `flock` while those use the strict lock: each takes its own,
then signs, then looks for the other.
"""

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from dynamics import files
from dynamics.errors import UserError
from dynamics.lock import strict, system
from dynamics.lock.filesystem import is_local
from dynamics.lock.holder import Holder, beating, heartbeat, read, sign
from dynamics.lock.jobs import SchedulerJob

__all__ = [
    "Holder",
    "Locked",
    "Lost",
    "SchedulerJob",
    "SeedLock",
    "holder",
    "last_sign",
    "release",
    "release_files",
    "rewriting",
    "seed_lock",
]

LOCK = "lock"
HOLDER = "holder.json"
PATIENCE = 0.5  # seconds: longer than :func:`holder` in another process holds the lock
REWRITTEN = 60.0  # seconds: far longer than it takes to rewrite a file


class Locked(UserError):  # noqa: N818 - the name says it
    """Another process is writing to this seed's folder, or to this file."""


class Lost(Locked):
    """A seed's folder was deleted, moved or taken while this process held its lock."""


class SeedLock(NamedTuple):
    """The lock of a seed's folder, which this process holds."""

    folder: Path
    signed: Holder
    """The content of holder.json."""

    def check(self) -> None:
        """Check that the folder is still there and still this process's.

        Raises
        ------
        Lost
            If it was deleted or moved, or another process has taken it.
        """
        if read(self.folder / HOLDER) != self.signed:
            raise Lost(
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
    with (
        _held(folder / LOCK, folder / HOLDER, what=folder, patience=PATIENCE) as signed,
        beating(folder / HOLDER),
    ):
        yield SeedLock(folder, signed)


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
    return _holder(folder / LOCK, folder / HOLDER)


def _holder(lock: Path, signature: Path) -> Holder | None:
    native = is_local(lock.parent)
    if native:
        try:
            native = system.is_free(lock)
        except BlockingIOError:
            return read(signature) or Holder()
    if others := strict.claimants(lock, signature):
        return others[0]
    signed = read(signature)
    return signed if _excludes(signed, native=native) else None


def last_sign(folder: Path) -> float | None:
    """Return how long ago the holder of a seed's folder gave a sign of life, in seconds; None without a holder.

    Examples
    --------
    >>> last_sign(Path("runs/no-such-study/simclr/seed-0000")) is None
    True
    """
    return heartbeat(folder / HOLDER)


def release(folder: Path, *, gone: bool = False) -> Holder | None:
    """Free a seed's folder from a process that has ended; return the holder, or None if it was free.

    Parameters
    ----------
    folder
        The seed's folder.
    gone
        The caller vouches that the holder has ended; otherwise this host or its cluster must know it.

    Raises
    ------
    Locked
        If nobody knows that the holder has ended, or it is surely running.

    Examples
    --------
    >>> release(Path("runs/no-such-study/simclr/seed-0000")) is None
    True
    """
    return _released(folder / LOCK, folder / HOLDER, folder, gone=gone)


def release_files(folder: Path, *, gone: bool = False) -> list[tuple[Path, Holder]]:
    """Free the files in a folder that :func:`rewriting` has locked, as :func:`release` does; return their holders.

    Raises
    ------
    Locked
        As :func:`release`.

    Examples
    --------
    >>> release_files(Path("runs/no-such-study"))
    []
    """
    names = {path.name.partition(f".{LOCK}")[0] + f".{LOCK}" for path in folder.glob(f".*.{LOCK}*")}
    freed = []
    for lock in (folder / name for name in sorted(names)):
        there = _released(lock, lock.with_name(f"{lock.name}.json"), lock, gone=gone)
        if there is not None:
            freed.append((lock, there))
    return freed


def _released(lock: Path, signature: Path, what: Path, *, gone: bool) -> Holder | None:
    there = _holder(lock, signature)
    if there is None:
        return None
    ended = there.gone()
    if ended is False or (ended is None and not gone):
        raise Locked(_refusal(what, there))
    if read(signature) == there:  # else another process has taken it in the meantime
        signature.unlink()  # first: a holder that runs after all finds its signature missing, and stops
    strict.break_claims(lock, signature, of=there, gone=gone)
    if (still := _holder(lock, signature)) is not None:
        raise Locked(_refusal(what, still))
    return there


@contextlib.contextmanager
def _held(lock: Path, signature: Path, *, what: Path, patience: float) -> Iterator[Holder]:
    deadline = time.monotonic() + patience
    while (taken := _taken_unless_stale(lock, signature)) is None:
        if time.monotonic() > deadline:
            raise Locked(_refusal(what, _seen(lock, signature)))
        time.sleep(0.02)
    signed, let_go = taken
    try:
        yield signed
    finally:
        try:
            if read(signature) == signed and signed.pid == os.getpid():  # no fork's, nor another's
                signature.unlink(missing_ok=True)
        finally:
            let_go()


def _taken_unless_stale(lock: Path, signature: Path) -> tuple[Holder, Callable[[], None]] | None:
    """Take a lock, or do not where another host has replaced one of its files meanwhile: then it is at it, too."""
    try:
        return _taken(lock, signature)
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        return None


def _taken(lock: Path, signature: Path) -> tuple[Holder, Callable[[], None]] | None:
    """Take a lock and sign it; return the signature and what releases it, or None if another process has it."""
    with files.full_disk_explained(lock.parent), contextlib.ExitStack() as held:
        claim, native = None, False
        if is_local(lock.parent):
            try:
                native = system.take(lock, held)
            except BlockingIOError:
                return None
        if not native:
            claim = strict.take(lock, signature)
            if claim is None:
                return None
            held.callback(claim.release)
        if _excludes(read(signature), native=native) or (native and strict.claimants(lock, signature)):
            return None
        signed = sign(signature, None if claim is None else claim.name)
        if native and strict.claimants(lock, signature):  # made since: each looks again after it has signed
            if read(signature) == signed:
                signature.unlink(missing_ok=True)
            return None
        return signed, held.pop_all().close


def _seen(lock: Path, signature: Path) -> Holder:
    """Return who keeps this process out of a lock, as far as that can be seen."""
    return next(iter(strict.claimants(lock, signature)), None) or read(signature) or Holder()


def _excludes(signed: Holder | None, *, native: bool) -> bool:
    """Return whether a signature keeps others out who have taken the lock itself.

    One with a claim does not: then the claim is the lock. Beside the operating system's lock, only if its process is
    surely alive (somebody has removed the file that it had locked). Beside a strict lock, unless it has surely ended:
    it may hold the operating system's lock of a host that shares its disk.
    """
    if signed is None or signed.claim is not None:
        return False
    return signed.lives() is True if native else signed.gone() is not True


def _refusal(what: Path, by: Holder) -> str:
    if by.pid is None and not is_local(what.parent):
        return (
            f"{what} cannot be locked: another process is about to take it, or its disk cannot tell who was first "
            "(sshfs cannot): wait, or name a folder on another disk"
        )
    said = f"{what} is being written by {by}: wait until it is done, or stop that process"
    if by.gone() is None:
        said += " (if it is known to have ended: python -m runners.status --release, or --release --gone)"
    return said
