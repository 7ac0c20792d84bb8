# SPDX-License-Identifier: Apache-2.0
"""The image files of each split, and their pixels: from the cache, or decoded and cached."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dynamics.data import _cache, _decode
from dynamics.data._dataset import Track

DECODER_VERSION = 1
"""Part of the cache's key: to be incremented when the same files give different pixels."""

Files = dict[str, list[os.DirEntry[str]]]
"""Image files of each group (a class, or a folder of all), in the order of their images in the data set."""


def images_in(folder: Path, suffixes: tuple[str, ...]) -> list[os.DirEntry[str]]:
    """Return the image files that lie directly in a folder, sorted by name; hidden files are skipped."""
    with os.scandir(folder) as entries:
        images = [e for e in entries if _is_image(e.name, suffixes) and e.is_file()]
    return sorted(images, key=lambda entry: entry.name)


def pixels(root: Path, splits: Mapping[str, Files], progress: Track | None) -> dict[str, np.ndarray]:
    """Return the images of each split as one array, decoded at most once.

    Parameters
    ----------
    root
        Folder of the data set, where the cache is kept.
    splits
        The files; the first image of the first split sets the size that all images must have.
    progress
        Shows the progress of decoding.

    Returns
    -------
    dict
        Array of bytes by split, of shape (example, 3, size, size), in the order of the files.

    Raises
    ------
    UserError
        On the first file that is not an image, is not square or has another size.
    """
    key = _key(splits)
    images = _cache.read(root, key)
    if images is None:
        images = _decoded(splits, progress)
        _cache.write(root, key, images)
    return images


def _is_image(name: str, suffixes: tuple[str, ...]) -> bool:
    return not name.startswith(".") and name.lower().endswith(suffixes)


def _key(splits: Mapping[str, Files]) -> str:
    """Hash the names, sizes and modification times of all files."""
    digest = hashlib.sha256(f"decoder {DECODER_VERSION}".encode())
    for split, files in splits.items():
        for name, entries in files.items():
            stats = [(entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in entries]
            digest.update(json.dumps([split, name, stats]).encode())
    return digest.hexdigest()


def _decoded(splits: Mapping[str, Files], progress: Track | None) -> dict[str, np.ndarray]:
    paths = {split: [Path(e.path) for es in files.values() for e in es] for split, files in splits.items()}
    first = next(path for files in paths.values() for path in files)
    size = _decode.image_size(first)
    return {
        split: _decode.decode(
            paths[split], size=size, first=first, progress=progress, description=f"decoding {split} images"
        )
        for split in paths
    }
