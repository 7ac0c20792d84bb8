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
    return [who for _, who in _claims(lock, signature) if who.gone() is not True]


def break_all(lock: Path, signature: Path) -> None:
    """Remove all claims on a lock: somebody has said that their processes have ended.

    Examples
    --------
    >>> break_all(Path("no-such-folder/lock"), Path("no-such-folder/holder.json"))
    """
    for name, _ in _claims(lock, signature):
        _break(lock, name)


def _lock(lock: Path) -> StrictSoftFileLock:
    return StrictSoftFileLock(lock.with_name(lock.name + SUFFIX), thread_local=False)


def _claims(lock: Path, signature: Path) -> list[tuple[str, Holder]]:
    """Return the claims by name, each with its process: what it signed, or what the claim itself says."""
    if not lock.with_name(f"{lock.name}{SUFFIX}.filelock").is_dir():
        return []
    signed = read(signature)
    token = "" if signed is None or signed.claim is None else _token(signed.claim)
    return [
        (claim.name, signed if signed and claim.token == token else unsigned(claim.pid, claim.hostname))
        for claim in _lock(lock).claims
    ]


def _token(name: str) -> str:
    return name.rpartition("-")[2].removesuffix(".claim")


def _remove_those_of_the_dead(lock: Path, signature: Path) -> None:
    for name, who in _claims(lock, signature):
        if who.gone():
            _break(lock, name)


def _break(lock: Path, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # another process was faster, or it was released
        _lock(lock).force_break(name)
