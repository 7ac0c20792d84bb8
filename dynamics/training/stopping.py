# SPDX-License-Identifier: Apache-2.0
"""How a worker is stopped: a signal asks for it, training saves its state at the next step and ends.

Schedulers send one before they take a machine away: Slurm SIGTERM or, some time before the end, SIGUSR1 or SIGUSR2.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from types import FrameType

_asked = threading.Event()
_training = threading.Event()


class Stopped(Exception):  # noqa: N818 - no error
    """Training was asked to stop, and has saved its state."""


def ask(signum: int, frame: FrameType | None) -> None:
    """Handle a signal: end the process at once if it is not training, else at the next step.

    Examples
    --------
    >>> import signal
    >>> from dynamics import starting
    >>> before = [signal.getsignal(signum) for signum in starting.STOPPING]
    >>> starting.heed(ask)
    >>> for signum, old in zip(starting.STOPPING, before, strict=True):
    ...     _ = signal.signal(signum, old)
    """
    if not _training.is_set():
        os._exit(128 + signum)  # what is on the disk is whole at every instant
    _asked.set()


def check() -> None:
    """Stop here if that was asked for.

    Raises
    ------
    Stopped
        If a signal has asked for it.

    Examples
    --------
    >>> check()
    """
    if _asked.is_set():
        raise Stopped


@contextlib.contextmanager
def training() -> Iterator[None]:
    """While the block runs, signals stop it where it calls :func:`check`.

    Examples
    --------
    >>> with training():
    ...     check()
    """
    _training.set()
    try:
        yield
    finally:
        _training.clear()
