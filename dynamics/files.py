# SPDX-License-Identifier: Apache-2.0
"""Atomic and durable writing of files, and readers that name a damaged file.

A file is written under a temporary name, synced and renamed, and its folder is synced: after a kill or a power cut it
holds the old bytes or the new ones, never a mixture. If the disk is full, an error says what is safe and what to do.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from dynamics.errors import UserError

Result = TypeVar("Result")

ASIDE = ".tmp"
"""Ending of a file that is still being written."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk without space, or of an exceeded quota."""

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What a disk without hard links answers."""


def expanded(path: str | os.PathLike[str], parameter: str) -> Path:
    """Return a path with `~` replaced by the home folder, as a shell does only at the start of a word.

    Parameters
    ----------
    path
        The path of a file or folder.
    parameter
        Name of the argument that holds it, for the message.

    Raises
    ------
    UserError
        If it is no path, or there is no such home folder.

    Examples
    --------
    >>> expanded("~/runs", "runs") == Path.home() / "runs"
    True
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or "\0" in str(path):
        raise UserError(f"`{parameter}` must be the path of a file or folder, got {path!r}")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"`{parameter}` {path} names a home folder that is not known: write it out") from None


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk.

    Some network disks cannot sync a folder (CIFS, shares of virtual machines); training goes on there, and a power cut
    may lose names of files that were written last, which resuming trains again.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sync(Path(folder))
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in FULL or not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(descriptor)


def sync_all(paths: Sequence[Path]) -> None:
    """:func:`sync` several paths at once: on a busy disk they share the wait instead of adding it up.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sync_all([Path(folder), Path(folder).parent])
    """
    list(_threads(os.getpid()).map(sync, paths))


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    """Return the threads that wait for the disk; starting them for every epoch would cost as much as the wait.

    They are cached by process, for a forked child has none of its parent's threads.
    """
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix=f"sync-{process}")


def sync_tree(folder: Path) -> None:
    """:func:`sync` a folder and everything in it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sync_tree(Path(folder))
    """
    sync_all([folder, *folder.rglob("*")])


def place_first(aside: Path, path: Path) -> None:
    """Give a file its name unless another has it: of two processes that try, one succeeds, on network disks, too.

    Raises
    ------
    FileExistsError
        If the name is taken; `aside` is left where it is.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "new").write_text("mine")
    ...     place_first(Path(folder, "new"), Path(folder, "taken"))
    ...     [path.name for path in Path(folder).iterdir()]
    4
    ['taken']
    """
    try:
        os.link(aside, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if exists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        aside.rename(path)
        return
    aside.unlink()


def make_folder(path: Path) -> None:
    """Make a folder and its parents unless they exist; durable on return.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     make_folder(Path(folder, "runs", "demo"))
    ...     Path(folder, "runs", "demo").is_dir()
    True
    """
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def write_synced(path: Path, *parts: bytes | memoryview) -> None:
    """Write the concatenated parts to a new file that nobody reads yet; remove the file if writing fails.

    Raises
    ------
    UserError
        If the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_synced(Path(folder, "state"), b"header", b"data")
    ...     Path(folder, "state").read_bytes()
    b'headerdata'
    """
    with full_disk_explained(path.parent):
        try:
            with path.open("wb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise


def atomic_write(path: Path, *parts: bytes | memoryview) -> None:
    """Replace the content of `path` by the concatenated parts; durable on return.

    Raises
    ------
    UserError
        If `path` is a folder or a device, or the disk is full; it then stays as it is.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     atomic_write(Path(folder, "log"), b"one ", b"two")
    ...     [(path.name, path.read_text()) for path in Path(folder).iterdir()]
    [('log', 'one two')]
    """
    check_regular(path)
    aside = path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}{ASIDE}")
    write_synced(aside, *parts)
    try:
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def check_regular(path: Path) -> None:
    """Raise a :class:`UserError` if a path is something other than a file.

    Renaming a file to it would replace a device, and reading a pipe would block.

    Examples
    --------
    >>> check_regular(Path(os.devnull))
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: /dev/null is not a regular file: move it away, or name another
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is not a regular file: move it away, or name another")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """:func:`atomic_write` an object as indented JSON.

    Raises
    ------
    UserError
        If the disk is full.
    ValueError
        If a number is NaN or infinite, which is not valid JSON.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder, "run.json"), {"seed": 7})
    ...     read_json(Path(folder, "run.json"))
    {'seed': 7}
    """
    atomic_write(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UserError
        If the file is missing, is not JSON (or a pipe, which would block) or holds no object; names the file.

    Examples
    --------
    >>> read_json(Path("runs/no-such-study/simclr/seed-0000/run.json"))
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: no run.json in runs/no-such-study/simclr/seed-0000: that is not a complete run folder
    """
    try:
        content = json.loads(unless_stale(lambda: _regular(path)))
    except FileNotFoundError:
        raise UserError(f"no {path.name} in {path.parent}: that is not a complete run folder") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged (not JSON: {error}): restore that file from a copy") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not a JSON object: restore it from a copy")
    return content


def _regular(path: Path) -> bytes:
    check_regular(path)
    return path.read_bytes()


def unless_stale(read: Callable[[], Result], tries: int = 10) -> Result:
    """Read what another host may replace meanwhile on a network's disk (ESTALE): again, for then it has another file.

    Parameters
    ----------
    read
        Reads it.
    tries
        After so many it counts as missing.

    Raises
    ------
    FileNotFoundError
        If it is missing, or stale each time.

    Examples
    --------
    >>> unless_stale(lambda: 7)
    7
    """
    for _ in range(tries):
        try:
            return read()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
    raise FileNotFoundError(errno.ENOENT, "replaced again and again by another host")


def exists(path: Path) -> bool:
    """Whether something is at a path. What the disk cannot tell is an error, not an absence.

    (`Path.exists` says False of a disk that fails since Python 3.14, and so would make a training begin anew.)

    Examples
    --------
    >>> exists(Path("no-such-file"))
    False
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def on_disk(path: Path) -> bool:
    """Whether the operating system knows a path; that of a file in an archive only reads itself.

    Examples
    --------
    >>> on_disk(Path("runs"))
    True
    """
    return type(path) is type(Path())


def read_regular(path: Path) -> bytes | None:
    """Read a file; return None if there is none. A pipe is not waited for.

    Raises
    ------
    UserError
        If it is something other than a file.

    Examples
    --------
    >>> read_regular(Path("no-such-file")) is None
    True
    """
    if not on_disk(path):
        return path.read_bytes() if path.is_file() else None
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError(f"{path} is not a regular file: move it away, or name another")
            return file.read()
    except IsADirectoryError:
        raise UserError(f"{path} is not a regular file: move it away, or name another") from None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content; do nothing if there is none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "cache").mkdir()
    ...     remove(Path(folder, "cache"))
    ...     list(Path(folder).iterdir())
    []
    """
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "empty").touch()
    ...     sha256_of(Path(folder, "empty"))[:8]
    'e3b0c442'
    """
    check_regular(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def full_disk_explained(folder: Path) -> Iterator[None]:
    """Turn a full disk or an exceeded quota into a :class:`UserError` that says how to go on.

    Other errors of the system pass through; those that name no file get the folder's name.

    Examples
    --------
    >>> with full_disk_explained(Path("runs")):
    ...     raise OSError(errno.ENOSPC, "No space left on device")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: the disk that holds runs is full: what was finished before is safe; ...
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            error.filename = error.filename or str(folder)
            raise
        raise UserError(
            f"the disk that holds {folder} is full: what was finished before is safe; "
            "free some space and run the same command again"
        ) from error
