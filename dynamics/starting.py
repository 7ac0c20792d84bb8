# SPDX-License-Identifier: Apache-2.0
"""How a command starts: which packages it imports, and how it ends if it is stopped while it still imports them."""

import os
import signal
import site
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FrameType, TracebackType

from dynamics import own_files

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that stop a command, the last two those of schedulers: they all end it with the same words."""

ROOT = Path(__file__).absolute().parents[1]
"""The folder that holds our packages: that of installed packages, or a checkout."""
PACKAGES = ("dynamics", "analysis", "figures", "runners")


class _Siblings:
    """Finds our packages in the folder of this one."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [str(ROOT)]) if name in PACKAGES else None


def import_siblings() -> None:
    """Let `import analysis`, `figures` and `runners` find ours, whatever files of these names sys.path holds.

    It is called by the packages that import others of ours, so that a user's `analysis.py` in the working folder, or in
    a folder of PYTHONPATH, does not break a command. A process that imports none of them is left alone.

    Examples
    --------
    >>> import_siblings()
    >>> import analysis
    >>> Path(analysis.__file__).parents[1] == ROOT
    True
    """
    if _Siblings not in sys.meta_path:
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
        sys.meta_path.insert(place, _Siblings)  # after the hooks that wrap what others find


def environment() -> dict[str, str]:
    """Return the variables with which `python -P`, wherever it starts, imports the packages that this process does.

    Those of an installed package need none; a checkout's need PYTHONPATH, a user's own files TRAINING_DYNAMICS_PATH.

    Examples
    --------
    >>> environment().keys() <= {"PYTHONPATH"}
    True
    """
    own = os.pathsep.join(map(str, own_files.folders()))
    found = {own_files.VARIABLE: own} if own else {}
    if str(ROOT) in (*site.getsitepackages(), site.getusersitepackages()):
        return found
    others = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return found | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *(part for part in others if part != str(ROOT))])
    }


def end_quietly(*, command: bool | None = None) -> None:
    """Let a signal end this process in one line, not in a traceback, if it is a command that imports its modules.

    Elsewhere nothing changes. A signal that is ignored (as by `nohup`) stays ignored.

    Parameters
    ----------
    command
        Whether this process is a command; by default, whether `python -m` is looking for its module.

    Examples
    --------
    >>> before = signal.getsignal(signal.SIGINT)
    >>> end_quietly()
    >>> signal.getsignal(signal.SIGINT) is before  # no command is starting
    True
    """
    # So it is while `python -m` looks for the module.
    if sys.argv[:1] == ["-m"] if command is None else command:
        heed(_end)
        sys.excepthook = _say_what_is_scarce
        try:
            Path.cwd()
        except OSError:  # some libraries say something else about it, and end the process
            sys.exit("error: the current folder is gone: change to one that exists")


def _say_what_is_scarce(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say in one line that a limit, as those of login nodes, leaves no room for the libraries."""
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and "map segment" in str(error)):
        print(  # noqa: T201
            f"error: too little memory to load libraries ({str(error) or kind.__name__}): raise the limit `ulimit -v`",
            file=sys.stderr,
        )
    else:
        sys.__excepthook__(kind, error, trace)


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
