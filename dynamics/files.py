# SPDX-License-Identifier: Apache-2.0
"""How a file reaches the disk whole, or not at all.

Write aside, fsync, rename, fsync the folder: after a kill or a power cut the name holds the old bytes or
the new ones, never a mixture. A full disk becomes one line that says what is safe and what to do.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from dynamics.errors import UserError

ASIDE = ".tmp"
"""Ending of what is being written and does not count yet."""


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(paths: Sequence[Path]) -> None:
    """:func:`sync` several at once: on a busy disk they share the wait, which one after the other adds up."""
    list(_threads(os.getpid()).map(sync, paths))


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    """Return threads that wait for the disk; starting them anew for every epoch costs as much as the wait.

    They are those of one process: a forked child has none of its parent's.
    """
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix=f"sync-{process}")


def sync_tree(folder: Path) -> None:
    """:func:`sync` a folder with everything in it."""
    sync_all([folder, *folder.rglob("*")])


def make_folder(path: Path) -> None:
    """Make a folder and its parents where there are none: durable on return."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def write_synced(path: Path, *parts: bytes | memoryview) -> None:
    """Write the parts, one after the other, as a new file that nobody reads yet; it goes where that fails.

    Raises
    ------
    UserError
        When the disk is full.
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
    """Make the parts the whole content of `path`: durable on return.

    Raises
    ------
    UserError
        When the disk is full; `path` then holds what it held.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}{ASIDE}")
    write_synced(aside, *parts)
    try:
        aside.replace(path)
    except OSError:  # `path` is a folder
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """:func:`atomic_write` an object as indented JSON; NaN is refused, as other readers refuse it."""
    atomic_write(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UserError
        When the file is missing, no JSON, or another kind of value; names the file.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"no {path.name} in {path.parent}: that is not a whole run folder") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged (no JSON: {error}): restore that file from a copy") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not a JSON object: restore it from a copy")
    return content


def remove(path: Path) -> None:
    """Remove a file or a whole folder; nothing happens where there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Hash a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def full_disk_explained(folder: Path) -> Iterator[None]:
    """Turn a full disk (or quota) met inside into a :class:`UserError` that says how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"the disk that holds {folder} is full: the finished epochs are safe; "
            "free some space and run the same command again"
        ) from error
