# SPDX-License-Identifier: Apache-2.0
"""Where are decoded images kept, so that files are decoded once: one array file, remade when they change."""

import contextlib
import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

FILE = "training-dynamics-cache.npz"


def read(folder: Path, key: str) -> dict[str, np.ndarray] | None:
    """Return the arrays kept for `folder` under `key`, or None where there are none, or damaged ones."""
    for path in _places(folder):
        # A file cut short, altered, of another format or half replaced is no cache; nothing is unpickled.
        with (
            contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
            path.open("rb") as file,  # np.load would leave it open when it cannot read it
            np.load(file, allow_pickle=False) as stored,
        ):
            if stored["key"].item() == key:
                return {name: stored[name] for name in stored.files if name != "key"}
    return None


def write(folder: Path, key: str, arrays: Mapping[str, np.ndarray]) -> Path | None:
    """Keep arrays in `folder`, or in the user's cache folder where that cannot be written.

    The file appears whole, by renaming, and replaces the one for an earlier key.

    Returns
    -------
    Path or None
        Where they are; None when there is no room anywhere, which costs time only.
    """
    for path in _places(folder):
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.savez(file, allow_pickle=False, key=np.array(key), **arrays)
            partial.replace(path)
            return path
        except OSError:
            continue
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()
    return None


def _places(folder: Path) -> Iterator[Path]:
    yield folder / FILE
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    yield _user_cache() / "training-dynamics" / f"{name}.npz"


def _user_cache() -> Path:
    """Return the folder that the platform has for files that can be made again."""
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path.home() / ".cache"
