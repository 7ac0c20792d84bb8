# SPDX-License-Identifier: Apache-2.0
"""A study in one file: a zip archive of stored (not compressed) files that is read in place.

A path below an archive, such as `demo.zip/simclr/seed-0007/run.json`, is read like one below a folder; nothing is
written.
"""

import io
import os
import stat
import zipfile
from collections.abc import Generator, Iterable
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path, PosixPath
from typing import Any, NamedTuple

from dynamics import files
from dynamics.errors import UserError

SUFFIX = ".zip"


class Packed(PosixPath):
    """An archive, or a file or folder in one; made by :func:`opened`, and by what a path makes of it: `/`, `parent`."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return type, size and the archive's time of change."""
        index, inner = self._place()
        if inner in index.sizes:
            return _status(stat.S_IFREG | 0o444, index.sizes[inner], index.changed)
        if inner in index.children:
            return _status(stat.S_IFDIR | 0o555, 0, index.changed)
        raise FileNotFoundError(2, "No such file or directory", str(self))

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is such a file or folder."""
        return self.is_file() or self.is_dir()

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether this is a file."""
        index, inner = self._place()
        return inner in index.sizes

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether this is a folder; the archive itself is one."""
        index, inner = self._place()
        return inner in index.children

    def iterdir(self) -> Generator["Packed", None, None]:
        """Yield what is in a folder."""
        index, inner = self._place()
        if inner not in index.children:
            raise FileNotFoundError(2, "No such file or directory", str(self))
        yield from (self / name for name in sorted(index.children[inner]))

    def glob(self, pattern: str, **_: Any) -> Generator["Packed", None, None]:
        """Yield what fits a pattern without `**`."""
        first, _slash, rest = pattern.partition("/")
        for path in self.iterdir() if self.is_dir() else ():
            if fnmatch(path.name, first):
                yield from path.glob(rest) if rest else [path]

    def rglob(self, pattern: str, **_: Any) -> Generator["Packed", None, None]:
        """Yield what fits a pattern of one name, at any depth."""
        for path in self.iterdir() if self.is_dir() else ():
            if fnmatch(path.name, pattern):
                yield path
            yield from path.rglob(pattern)

    def read_bytes(self) -> bytes:
        """Read a file, whose checksum in the archive is compared."""
        index, inner = self._place()
        if inner not in index.sizes:
            raise FileNotFoundError(2, "No such file or directory", str(self))
        return index.archive.read(inner)

    def read_text(
        self, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> str:
        """Read a file of text."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *args: Any, **options: Any) -> Any:
        """Open a file for reading."""
        if "r" not in mode or "+" in mode:
            raise PermissionError(30, "Read-only file system", str(self))
        return io.BytesIO(self.read_bytes()) if "b" in mode else io.StringIO(self.read_text())

    def _place(self) -> tuple["_Index", str]:
        archive, inner = _split(str(self))
        status = os.stat(archive)  # noqa: PTH116 - of the file, not of the folder that it is here
        return _index(archive, status.st_mtime_ns, status.st_size), inner


class _Index(NamedTuple):
    archive: zipfile.ZipFile
    changed: float
    sizes: dict[str, int]
    children: dict[str, set[str]]


def opened(path: Path) -> Path:
    """Return a path as one in an archive if it is the path of an archive; otherwise as it is.

    Examples
    --------
    >>> opened(Path("runs/demo"))
    PosixPath('runs/demo')
    """
    packed = (
        path.suffix == SUFFIX and not isinstance(path, Packed) and path.is_file() and zipfile.is_zipfile(path)
    )
    return Packed(path) if packed else path


def pack(members: Iterable[tuple[str, bytes]], to: Path) -> int:
    """Write files into an archive, which appears when it is complete; return its size in bytes.

    Parameters
    ----------
    members
        Names of files in the archive, and their content.
    to
        The archive, which must not exist.

    Raises
    ------
    UserError
        If it exists, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> size = pack([("simclr/seed-0000/run.json", b"{}")], folder / "demo.zip")
    >>> [path.name for path in opened(folder / "demo.zip").rglob("*")]
    ['simclr', 'seed-0000', 'run.json']
    """
    if to.exists():
        raise UserError(f"{to} exists: remove it first, or name another with `to`")
    aside = to.with_name(f"{to.name}.{os.getpid()}{files.ASIDE}")
    with files.full_disk_explained(to.parent):
        files.make_folder(to.parent)
        try:
            with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
                for name, content in members:
                    info = zipfile.ZipInfo(name)  # without the time of day: equal studies make equal bytes
                    info.external_attr = (stat.S_IFREG | 0o644) << 16  # for those who extract it
                    archive.writestr(info, content)
            files.sync(aside)
            aside.rename(to)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        files.sync(to.parent)
    return to.stat().st_size


@lru_cache(maxsize=65536)
def _split(path: str) -> tuple[str, str]:
    """Split a path into that of the archive and that in it."""
    parts = path.split("/")
    for place, part in enumerate(parts, 1):
        if part.endswith(SUFFIX) and os.path.isfile(archive := "/".join(parts[:place])):  # noqa: PTH113
            return archive, "/".join(parts[place:])
    raise FileNotFoundError(2, "No such file or directory", path)


@lru_cache(maxsize=8)
def _index(archive: str, changed: int, size: int) -> _Index:
    """List an archive that has not changed since."""
    there = zipfile.ZipFile(archive)
    sizes = {info.filename: info.file_size for info in there.infolist() if not info.is_dir()}
    children: dict[str, set[str]] = {"": set()}
    for name in sizes:
        while name:
            folder, _, last = name.rpartition("/")
            known = folder in children
            children.setdefault(folder, set()).add(last)
            if known:
                break
            name = folder
    return _Index(there, changed / 1e9, sizes, children)


def _status(mode: int, size: int, changed: float) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, 0, 0, size, changed, changed, changed))
