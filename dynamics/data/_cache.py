# SPDX-License-Identifier: Apache-2.0
"""Cache of decoded images: one array file per data set, written again when its image files change."""

import contextlib
import hashlib
import io
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from dynamics import files
from dynamics.errors import UserError

FILE = "training-dynamics-cache.npz"


def read(folder: Path, key: str) -> dict[str, np.ndarray] | None:
    """Return the arrays cached for `folder` under `key`, or None where there are none or they are damaged."""
    for path in _places(folder):
        # A truncated, altered, foreign or half-replaced file counts as absent; nothing is unpickled.
        with contextlib.suppress(
            OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error
        ):
            if not path.is_file():  # a pipe would block
                continue
            with zipfile.ZipFile(path) as stored:
                if _array(stored, "key").item() == key:
                    names = [name.removesuffix(".npy") for name in stored.namelist()]
                    return {name: _array(stored, name) for name in names if name != "key"}
    return None


def _array(stored: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read an array once its bytes agree with their checksum: a damaged header may ask for any size."""
    content = io.BytesIO(stored.read(f"{name}.npy"))
    return np.lib.format.read_array(content, allow_pickle=False)


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
            files.check_regular(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.savez(file, allow_pickle=False, key=np.array(key), **arrays)
            partial.replace(path)
            return path
        except (OSError, UserError):
            continue
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()
    return None


def _places(folder: Path) -> Iterator[Path]:
    yield folder / FILE
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    with contextlib.suppress(RuntimeError):  # there is no home
        yield _user_cache() / "training-dynamics" / f"{name}.npz"


def _user_cache() -> Path:
    """Return the platform's folder for files that can be made again."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        return chosen
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
