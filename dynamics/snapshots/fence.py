# SPDX-License-Identifier: Apache-2.0
"""The fence between two writers of one seed, should a lock ever fail to keep them apart.

A writer's first commit makes a claim, a file `writer.<number>` with the next free number, which only one can make.
Every commit then asks whether the claim is still the newest and nobody else has committed since: of two writers that
meet, the one whose commit comes later stops, before it has changed anything of the other's.
"""

import os
from collections.abc import Collection
from pathlib import Path

from dynamics import files
from dynamics.errors import UserError

CLAIM = "writer."


class Superseded(UserError):  # noqa: N818 - the name says it
    """Another process has committed to this seed since this one began to write to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is being written by another process as well, which was faster: this one has stopped, and "
            "changed none of its epochs"
        )


class Fence:
    """One writer's side of the fence around a seed.

    Parameters
    ----------
    folder
        The seed's folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = Fence(Path(folder)), Fence(Path(folder))
    ...     first = one.claim()
    ...     try:
    ...         other.claim()
    ...     except Superseded:
    ...         print("the later one stops")
    the later one stops
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._newest = self._there()
        self._claimed = False

    def claim(self) -> bool:
        """Check that this writer may commit, and claim the seed at its first commit; return whether it just did.

        Raises
        ------
        Superseded
            If another writer has claimed it since.
        """
        self.check()
        if self._claimed:
            return False
        try:
            os.close(os.open(self._place(self._newest + 1), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            raise Superseded(self._folder) from None
        self._newest += 1
        self._claimed = True
        files.sync_all([self._place(self._newest), self._folder])
        self._place(self._newest - 1).unlink(missing_ok=True)
        return True

    def check(self) -> None:
        """Check that nobody else has claimed the seed since.

        Raises
        ------
        Superseded
            If somebody has.
        """
        if self._there() != self._newest:
            raise Superseded(self._folder)

    def check_known(self, committed: Collection[int], known: Collection[int]) -> None:
        """Check that the epochs on disk are those that this writer knows.

        Raises
        ------
        Superseded
            If another writer has committed one.
        """
        if not {*committed} <= {*known}:
            raise Superseded(self._folder)

    def _there(self) -> int:
        """Return the number of the newest claim; 0 if there is none."""
        names = (entry.name for entry in os.scandir(self._folder) if entry.name.startswith(CLAIM))
        numbers = (name.removeprefix(CLAIM) for name in names)
        return max((int(number) for number in numbers if number.isdecimal()), default=0)

    def _place(self, number: int) -> Path:
        return self._folder / f"{CLAIM}{number}"
