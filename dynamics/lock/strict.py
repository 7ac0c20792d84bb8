# SPDX-License-Identifier: Apache-2.0
"""A lock for disks that several hosts share: claims in a folder, which only a rename-free, exclusive link makes.

The protocol is filelock's `StrictSoftFileLock`. A claim that a killed process left behind stays until it is known that
the process has ended; it is then removed by its name, which no other claim ever has.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from filelock import SoftFileLockProtocolError, StrictSoftFileLock, Timeout

from dynamics.errors import UserError
from dynamics.lock.holder import Holder, read, unsigned

SUFFIX = ".strict"


class Claim(NamedTuple):
    """A claim that this process has made."""

    name: str
    release: Callable[[], None]


def take(lock: Path, signature: Path) -> Claim | None:
    """Claim a lock; return None if another process has it.

    Claims of processes that are known to have ended are removed.

    Parameters
    ----------
    lock, signature
        The lock's file, and the file that says who holds it.

    Raises
    ------
    UserError
        If the disk cannot make exclusive links, or something else is in the way.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ours = take(Path(folder, "lock"), Path(folder, "holder.json"))
    ...     other = take(Path(folder, "lock"), Path(folder, "holder.json"))
    ...     ours.release()
    >>> other is None
    True
    """
    claim = _lock(lock)
    try:
        _remove_those_of_the_dead(lock, signature)
        claim.acquire(timeout=0)
    except Timeout:
        return None
    except (SoftFileLockProtocolError, NotImplementedError) as error:
        if not _readable(claim):
            return None
        raise UserError(f"{lock} cannot be locked ({error}): name a folder on another disk") from error
    ours = (one for one in claim.claims if one.state == "held" and one.pid == os.getpid())
    # Another may have a moment left that a loser is about to withdraw; the winner's token is the lowest.
    return Claim(min(ours, key=lambda one: one.token).name, lambda: claim.release(force=True))


def claimants(lock: Path, signature: Path) -> list[Holder]:
    """Return the processes that hold or compete for a lock, as far as they are not known to have ended.

    Examples
    --------
    >>> claimants(Path("no-such-folder/lock"), Path("no-such-folder/holder.json"))
    []
    """
    try:
        return [who for _, who in _claims(lock, signature) if who.gone() is not True]
    except SoftFileLockProtocolError:
        return [Holder()]  # one that cannot be read: nobody knows whose it is


def break_claims(lock: Path, signature: Path, *, of: Holder, gone: bool) -> None:
    """Remove the claims of a process that has ended, and of others that are known to have; no other claim.

    Parameters
    ----------
    lock, signature
        The lock's file, and the file that says who holds it.
    of
        The process.
    gone
        Whether somebody vouches that all claimants that cannot be asked about have ended; also one whose claim
        cannot be read.

    Examples
    --------
    >>> break_claims(Path("no-such-folder/lock"), Path("no-such-folder/holder.json"), of=Holder(), gone=False)
    """
    try:
        claims = _claims(lock, signature)
    except SoftFileLockProtocolError:  # half a claim, after a power cut
        if gone:
            for path in (_folder(lock) / "claims").glob("*.claim"):
                path.unlink(missing_ok=True)
        return
    for name, who in claims:
        ended = who.gone()
        if name == of.claim or ended or (gone and ended is None):
            _break(lock, name)


def _readable(lock: StrictSoftFileLock) -> bool:
    """Whether all claims can be read; half a claim, after a power cut, is one of which nobody knows whose it is."""
    try:
        _ = lock.claims
    except SoftFileLockProtocolError:
        return False
    return True


def _lock(lock: Path) -> StrictSoftFileLock:
    return StrictSoftFileLock(lock.with_name(lock.name + SUFFIX), thread_local=False)


def _claims(lock: Path, signature: Path) -> list[tuple[str, Holder]]:
    """Return the claims by name, each with its process: what it signed, or what the claim itself says."""
    if not _folder(lock).is_dir():
        return []
    signed = read(signature)
    token = "" if signed is None or signed.claim is None else _token(signed.claim)
    return [
        (
            claim.name,
            signed if signed and claim.token == token else unsigned(claim.pid, claim.hostname, claim.start),
        )
        for claim in _lock(lock).claims
    ]


def _folder(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}{SUFFIX}.filelock")


def _token(name: str) -> str:
    return name.rpartition("-")[2].removesuffix(".claim")


def _remove_those_of_the_dead(lock: Path, signature: Path) -> None:
    for name, who in _claims(lock, signature):
        if who.gone():
            _break(lock, name)


def _break(lock: Path, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # another process was faster, or it was released
        _lock(lock).force_break(name)
