# SPDX-License-Identifier: Apache-2.0
"""The operating system's lock of a file (`flock`), for disks of this machine; it ends with its process."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
"""What a disk without locks answers."""


def take(lock: Path, held: contextlib.ExitStack) -> bool:
    """Lock a file, which is made if absent, until `held` is closed; return False if its disk has no locks.

    Raises
    ------
    BlockingIOError
        If another process has locked it.

    Examples
    --------
    >>> import tempfile
    >>> with contextlib.ExitStack() as held:
    ...     take(Path(tempfile.mkdtemp(), "lock"), held)
    True
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666)
    owner = os.getpid()

    def let_go() -> None:
        if os.getpid() == owner:  # processes forked from this one have the same lock
            _flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)

    held.callback(let_go)
    return _flock(descriptor, fcntl.LOCK_EX)


def is_free(lock: Path) -> bool:
    """Check that nobody has locked a file, which need not exist; return False if its disk has no locks.

    Raises
    ------
    BlockingIOError
        If a process has locked it.

    Examples
    --------
    >>> is_free(Path("no-such-folder/lock"))
    True
    """
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return True
    try:
        return _flock(descriptor, fcntl.LOCK_SH)  # enough to see a writer, and keeps no reader out
    finally:
        os.close(descriptor)


def _flock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except PermissionError as error:  # what some network disks answer
        raise BlockingIOError from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True
