# SPDX-License-Identifier: Apache-2.0
"""What is damage, and what is not: an error of the disk, a lack of memory or a newer format says nothing about bytes.

Damaged epochs are trained again, so a file counts as damaged only if it is missing, cannot be decoded or holds other
bytes than were written.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from dynamics.errors import UserError

MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""Errors of the operating system that mean that a file is not there."""


class Damaged(UserError):  # noqa: N818 - the name says it
    """A file of a run is missing, or not what was written."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        self.why = why
        seed = next((folder for folder in path.parents if folder.name.startswith("seed-")), path.parent)
        super().__init__(
            f"{path} is damaged ({why}): restore that file from a copy, "
            f"or delete {seed} and train that seed again"
        )


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn whatever damaged bytes raise into :class:`Damaged`; errors of the disk and of memory pass.

    Examples
    --------
    >>> with damage_named(Path("seed-0000/run.json")):
    ...     raise ValueError("not JSON")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    dynamics.snapshots.damage.Damaged: seed-0000/run.json is damaged (ValueError: not JSON): restore ...
    """
    try:
        yield
    except Damaged:
        raise
    except Exception as error:
        disk_or_memory = isinstance(error, OSError | MemoryError) and not isinstance(error, MISSING)
        if disk_or_memory:
            raise
        raise Damaged(path, _described(error)) from error


def _described(error: Exception) -> str:
    if isinstance(error, MISSING):
        return "missing"
    if isinstance(error, UserError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def check_format(path: Path, found: object, newest: str) -> int:
    """Return the version in a file's `format`, such as 1 of "training-dynamics.run/1".

    Raises
    ------
    Damaged
        If it is not a format of that kind.
    UserError
        If its version is newer than what this program writes: the file may be intact.

    Examples
    --------
    >>> check_format(Path("run.json"), "training-dynamics.run/1", "training-dynamics.run/2")
    1
    """
    kind, _, version = newest.rpartition("/")
    match = re.fullmatch(rf"{re.escape(kind)}/([1-9]\d{{0,8}})", found) if isinstance(found, str) else None
    if match is None:
        raise Damaged(path, f"its format is {found!r}, not {newest!r}")
    if int(match[1]) > int(version):
        raise UserError(
            f"{path} was written by a newer version of this program (its format is {found!r}, "
            f"the newest that this one knows is {newest!r}): update this program"
        )
    return int(match[1])
