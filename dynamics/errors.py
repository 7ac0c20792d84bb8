# SPDX-License-Identifier: Apache-2.0
"""The exception for mistakes that a user can correct. It knows neither command lines nor terminals."""

import contextlib
import errno
import re
from collections.abc import Callable, Iterator

_PARAMETER = re.compile(r"`([a-z_][a-z0-9_]*(?:=[\w.-]+)?)`")


class UserError(Exception):
    """A mistake that the user can correct: says what must hold, what was got, and what to do instead.

    Words in backticks are parameters of functions and fields of recipes. ``str`` drops the backticks, and a command
    line writes the words as flags (:meth:`spelled`).

    Examples
    --------
    >>> error = UserError("`weight_decay` must be >= 0, got -1.0")
    >>> str(error)
    'weight_decay must be >= 0, got -1.0'
    >>> error.spelled(lambda name: f"--{name.replace('_', '-')}")
    '--weight-decay must be >= 0, got -1.0'
    """

    def __str__(self) -> str:
        return self.spelled(lambda name: name)

    def spelled(self, parameter: Callable[[str], str]) -> str:
        """Return the message with each marked parameter (``lr``, ``download=True``) as a function spells it."""
        return _PARAMETER.sub(lambda match: parameter(match[1]), super().__str__())


def explained(error: OSError | MemoryError) -> str:
    """Return an error of the operating system in one line: where it happened, what it is, and what to do.

    Examples
    --------
    >>> explained(PermissionError(errno.EACCES, "Permission denied", "results"))
    'results: permission denied; change its permissions, or name another place'
    """
    if isinstance(error, MemoryError):
        return f"the memory is not enough ({error or 'none is left'}): use fewer `workers`, or smaller sizes"
    advice = {
        errno.EACCES: "change its permissions, or name another place",
        errno.EPERM: "change its permissions, or name another place",
        errno.EROFS: "name a place that can be written to",
        errno.ENOENT: "check the path, or make the folder first",
        errno.ENOTDIR: "a part of the path is a file: name another place",
        errno.EISDIR: "this is a folder: name a file",
        errno.ENAMETOOLONG: "use a shorter name",
        errno.ENOSPC: "free some space and run the same command again",
        errno.EDQUOT: "free some space and run the same command again",
        errno.EMFILE: "allow more open files (ulimit -n), or use fewer `workers`",
        errno.EIO: "the disk reports an error: check it before you go on",
        errno.ESTALE: "the network file system lost it: run the same command again",
    }.get(error.errno or 0, "see what is there, or name another place")
    what = (error.strerror or type(error).__name__).lower()
    return f"{error.filename or 'the system'}: {what}; {advice}"


@contextlib.contextmanager
def system_errors_explained() -> Iterator[None]:
    """Turn errors of the operating system within into a :class:`UserError`; also a decorator.

    Examples
    --------
    >>> with system_errors_explained():
    ...     open("no-such-folder/file")
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: no-such-folder/file: no such file or directory; check the path, or make the folder first
    """
    try:
        yield
    except (OSError, MemoryError) as error:
        raise UserError(explained(error)) from error
