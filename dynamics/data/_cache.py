# SPDX-License-Identifier: Apache-2.0
"""Cache of decoded images: one array file per data set, written again when its image files change."""

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
    """Return the arrays cached for `folder` under `key`, or None where there are none or they are damaged."""
    for path in _places(folder):
        # A truncated, altered, foreign or half-replaced file counts as absent; nothing is unpickled.
        with (
            contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
            path.open("rb") as file,  # np.load would leave a file that it cannot read open
            np.load(file, allow_pickle=False) as stored,
        ):
            if stored["key"].item() == key:
                return {name: stored[name] for name in stored.files if name != "key"}
    return None


def write(folder: Path, key: str, arrays: Mapping[str, np.ndarray]) -> Path | None:
    """Cache arrays in `folder`, or in the user's cache folder where `folder` cannot be written.

    The file appears atomically, by renaming, and replaces the one for an earlier key.

    Returns
    -------
    Path or None
        The file; None when neither can be written, and images will be decoded again.
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
    """Return the platform's folder for files that can be made again."""
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path.home() / ".cache"
