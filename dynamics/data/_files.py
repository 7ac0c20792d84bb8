# SPDX-License-Identifier: Apache-2.0
"""The image files of each split, and their pixels: from the cache, or decoded and cached."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dynamics.data import _cache, _decode
from dynamics.data._dataset import Track
from dynamics.errors import UserError

LOGGER = logging.getLogger(__name__)

DECODER_VERSION = 2
"""Part of the cache's key: to be incremented when the same files give different pixels."""

Files = dict[str, list[os.DirEntry[str]]]
"""Image files of each group (a class, or a folder of all), in the order of their images in the data set."""


def images_in(folder: Path, suffixes: tuple[str, ...]) -> list[os.DirEntry[str]]:
    """Return the image files that lie directly in a folder, sorted by name; what is left out is said.

    Raises
    ------
    UserError
        When a link has no target, or a folder would lose more files than it keeps: both are surely mistakes.
    """
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    images = [entry for entry in entries if _is_image(entry.name, suffixes) and entry.is_file()]
    left_out = {
        "in a folder one level deeper": sum(
            _images_below(entry.path, suffixes) for entry in entries if entry.is_dir()
        ),
        "of another type": sum(entry.is_file() and not _is_image(entry.name, suffixes) for entry in entries)
        - (hidden := sum(entry.is_file() and entry.name.startswith(".") for entry in entries)),
        "hidden": hidden,
    }
    for entry in entries:
        if entry.is_symlink() and not Path(entry.path).exists():
            raise UserError(
                f"{entry.path} is a link without a target: fetch the files that the links point to"
            )
    reasons = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
    if images and sum(left_out.values()) - hidden > len(images):
        raise UserError(
            f"{folder} has {len(images)} images and loses more files ({reasons}): move or convert them"
        )
    if reasons:
        LOGGER.warning("%s: %d images; left out: %s", folder, len(images), reasons)
    return images


def _images_below(folder: str, suffixes: tuple[str, ...]) -> int:
    """Return how many images lie in a folder, however deep."""
    return sum(_is_image(name, suffixes) for _, _, names in os.walk(folder) for name in names)


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
    if images is None or not _fits(images, splits):
        images = _decoded(splits, progress)
        _cache.write(root, key, images)
    return images


def _fits(images: Mapping[str, np.ndarray], splits: Mapping[str, Files]) -> bool:
    """Return whether cached arrays can be the images of these files."""
    shapes = {split: (sum(map(len, files.values())), 3) for split, files in splits.items()}
    return (
        {split: array.shape[:2] for split, array in images.items()} == shapes
        and len({array.shape[2:] for array in images.values()}) == 1
        and all(a.dtype == np.uint8 and a.ndim == 4 and a.shape[2] == a.shape[3] for a in images.values())
    )


def _is_image(name: str, suffixes: tuple[str, ...]) -> bool:
    return not name.startswith(".") and name.lower().endswith(suffixes)


def _key(splits: Mapping[str, Files]) -> str:
    """Hash the names, sizes and times of all files.

    The time is that of the last change of any kind (ctime), which no program can set: other pixels with the name, size
    and modification time of those before them have another.
    """
    digest = hashlib.sha256(f"decoder {DECODER_VERSION}".encode())
    for split, files in splits.items():
        for name, entries in files.items():
            stats = [(entry.name, entry.stat().st_size, entry.stat().st_ctime_ns) for entry in entries]
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
