# SPDX-License-Identifier: Apache-2.0
"""The process that holds a lock, as `holder.json` beside the lock names it, and whether it still runs."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from dynamics import files
from dynamics.errors import UserError
from dynamics.lock import jobs
from dynamics.lock.jobs import SchedulerJob

BEAT = 20.0
"""Seconds between two signs of life; they inform, and no lock is ever taken away for want of them."""


class Holder(NamedTuple):
    """The process that holds a lock; its fields are None until it has written holder.json.

    Examples
    --------
    >>> str(Holder(7, "node1", "2026-11-29T12:00:00+00:00", job=SchedulerJob("slurm", "41_0")))
    'process 7 on node1 (slurm job 41_0), since 2026-11-29T12:00:00+00:00'
    """

    pid: int | None = None
    host: str | None = None
    since: str | None = None
    birth: str | None = None
    """When the process was started, which tells it from a later one with its number; see :func:`_birth`."""
    job: SchedulerJob | None = None
    """The job of a cluster that it belongs to."""
    claim: str | None = None
    """Name of its claim, where the lock is strict."""

    def __str__(self) -> str:
        if self.pid is None:
            return "another process"
        job = "" if self.job is None else f" ({self.job})"
        return f"process {self.pid} on {self.host}{job}" + (f", since {self.since}" if self.since else "")

    def lives(self) -> bool | None:
        """Return whether the process is still running; None if that cannot be seen from here."""
        if self.pid is None or self.birth is None or self.host != socket.gethostname():
            return None
        place, now = self.birth.partition(" ")[0], _birth(self.pid)
        if place != _birth(os.getpid()).partition(" ")[0]:  # another container
            return None
        return None if not now and _hidden(self.pid) else now == self.birth

    def gone(self) -> bool | None:
        """Return whether the process is known to have ended, here or by what its cluster says; None if unknown."""
        alive = self.lives()
        if alive is not None:
            return not alive
        return None if self.job is None else jobs.ended(self.job)


def this_process(claim: str | None = None) -> Holder:
    """Return this process, as it signs a lock.

    Examples
    --------
    >>> this_process().lives()
    True
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(os.getpid(), socket.gethostname(), now, _birth(os.getpid()), jobs.own(), claim)


def unsigned(pid: int, host: str, start: int | None) -> Holder:
    """Return a process that has claimed a lock and signed nothing: it may have been killed before it could.

    Whether it lives can be seen if it is on this host, and in the first of its containers: its hostname has no mark.

    Parameters
    ----------
    pid, host
        The process, as its claim names it.
    start
        When it was started, with the host's boot in front, as in a claim; None if that is unknown.

    Examples
    --------
    >>> unsigned(os.getpid(), "no-such-host", None).lives() is None
    True
    """
    if host != socket.gethostname() or not _in_first_container() or start is None or start >> 64 != _boot():
        return Holder(pid, host)
    place = _birth(os.getpid()).partition(" ")[0]
    return Holder(pid, host, birth=f"{place} {start & (2**64 - 1)}")


def sign(path: Path, claim: str | None = None) -> Holder:
    """Write who holds a lock; return what is written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sign(Path(folder, "holder.json")) == read(Path(folder, "holder.json"))
    True
    """
    signed = this_process(claim)
    content = signed._asdict()
    content["job"] = None if signed.job is None else signed.job._asdict()
    files.write_json(path, content)
    return signed


def read(path: Path) -> Holder | None:
    """Return who signed a lock; None if nobody did, and a holder without fields if that cannot be read.

    Examples
    --------
    >>> read(Path("no-such-folder/holder.json")) is None
    True
    """
    try:
        signed = files.read_json(path)
    except UserError:
        return Holder() if files.unless_stale(path.exists) else None
    pid, job = signed.get("pid"), signed.get("job")
    host, since, birth, claim = (
        None if signed.get(name) is None else str(signed[name])
        for name in ("host", "since", "birth", "claim")
    )
    return Holder(pid if isinstance(pid, int) else None, host, since, birth, SchedulerJob.of(job), claim)


def heartbeat(path: Path) -> float | None:
    """Return how long ago a holder gave a sign of life, in seconds; None if nobody signed.

    Examples
    --------
    >>> heartbeat(Path("no-such-folder/holder.json")) is None
    True
    """
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return None


@contextlib.contextmanager
def beating(path: Path) -> Iterator[None]:
    """Touch a signature every :data:`BEAT` seconds while the block runs.

    Examples
    --------
    >>> with beating(Path("no-such-folder/holder.json")):
    ...     pass
    """
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT):
            with contextlib.suppress(OSError):
                os.utime(path)

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _in_first_container() -> bool:
    with contextlib.suppress(OSError):
        return Path("/proc/self/ns/pid").stat().st_ino == 0xEFFFFFFC  # reserved by Linux
    return True


def _hidden(pid: int) -> bool:
    """Return whether a process runs although the system does not show it (another user's, with `hidepid`)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False  # a zombie


@cache
def _boot() -> int:
    """Return a number of this host's own, another one each time it is started; 0 if there is none."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", ""), 16)
    return 0


def _birth(pid: int) -> str:
    """Return in which container and boot and when a process was started, in a form of the system's own.

    It is "" if the process is dead.
    """
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(OSError):
            # The name of the program, in parentheses, may hold anything; field 3 is the state, 22 the time.
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in "ZX":
                return f"{Path('/proc/self/ns/pid').readlink().name}/{_boot():x} {fields[19]}"
        return ""
    words = ["ps", "-o", "lstart=", "-p", str(pid)]
    found = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
    return f"ps {'-'.join(found)}" if found else ""
