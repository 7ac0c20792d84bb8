# SPDX-License-Identifier: Apache-2.0
"""How a command ends that is stopped while its modules are still being imported, which takes seconds."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that stop a command, the last two those of schedulers: they all end it with the same words."""


def end_quietly() -> None:
    """Let a signal end this process in one line, not in a traceback, if it is a command that imports its modules.

    Elsewhere nothing changes. A signal that is ignored (as by `nohup`) stays ignored.

    Examples
    --------
    >>> before = signal.getsignal(signal.SIGINT)
    >>> end_quietly()
    >>> signal.getsignal(signal.SIGINT) is before  # no command is starting
    True
    """
    if sys.argv[:1] == ["-m"]:  # so it is while `python -m` looks for the module
        heed(_end)
        try:
            Path.cwd()
        except OSError:  # some libraries say something else about it, and end the process
            sys.exit("error: the current folder is gone: change to one that exists")


def heed(handler: Callable[[int, FrameType | None], object]) -> None:
    """Handle the signals that stop a command, except those that are ignored.

    Examples
    --------
    >>> before = [signal.getsignal(signum) for signum in STOPPING]
    >>> heed(signal.default_int_handler)
    >>> for signum, old in zip(STOPPING, before, strict=True):
    ...     _ = signal.signal(signum, old)
    """
    for signum in STOPPING:
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, handler)


def _end(*_: object) -> None:
    for signum in STOPPING:  # another signal would say it twice
        signal.signal(signum, signal.SIG_IGN)
    os.write(2, b"interrupted\n")
    os._exit(130)
