# SPDX-License-Identifier: Apache-2.0
"""How a worker is stopped: a signal asks for it, training saves its state at the next step and ends.

Schedulers send one before they take a machine away: Slurm SIGTERM or, some time before the end, SIGUSR1 or SIGUSR2.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that stop a worker; it leaves Ctrl-C to its parent."""

_asked = threading.Event()
_training = threading.Event()


class Stopped(Exception):  # noqa: N818 - no error
    """Training was asked to stop, and has saved its state."""


def heed() -> None:
    """Let the signals stop this process: at once if it is not training, or at the next step.

    Examples
    --------
    >>> before = [signal.getsignal(signum) for signum in SIGNALS]
    >>> heed()
    >>> for signum, old in zip(SIGNALS, before, strict=True):
    ...     _ = signal.signal(signum, old)
    """
    for signum in SIGNALS:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # as by nohup
            signal.signal(signum, _ask)


def _ask(signum: int, frame: FrameType | None) -> None:
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
