# SPDX-License-Identifier: Apache-2.0
"""Your own images: `train/<class>/*` and `test/<class>/*` (or `val/<class>/*`) under `--data-root`.

Any type that PIL reads, all square and of one size. They are decoded once; the result is kept beside them and
made again when a file's name, size or time changes.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from dynamics.console import UserError
from dynamics.data import _cache, _decode
from dynamics.data._dataset import Dataset, Progress

TEST_FOLDERS = ("test", "val")
LAYOUT = "images belong in train/CLASS/ and test/CLASS/ (or val/CLASS/) under --data-root DIR"
DECODER_VERSION = 1
"""Part of the cache's key: to be raised when the same files give other pixels."""

Files = dict[str, list[os.DirEntry[str]]]
"""Image files of each class, both sorted by name."""


def load(*, data_root: Path, download: bool, progress: Progress | None) -> Dataset:
    """Read the images under `data_root`; of `test` and `val`, `test` counts where there are both.

    Raises
    ------
    UserError
        No `train` or test folder, no images, an empty class, a class that one split lacks, a file that is no
        image, images that are not square or not of one size; the message names the first file or class.
    """
    train_folder, test_folder = _split_folders(data_root)
    suffixes = _decode.suffixes()
    train, test = (_scan(folder, suffixes) for folder in (train_folder, test_folder))
    _check_classes(train_folder, train, test_folder, test)
    key = _key({train_folder.name: train, test_folder.name: test})
    images = _cache.read(data_root, key)
    if images is None:
        images = _decode_splits({"train": train, "test": test}, progress)
        _cache.write(data_root, key, images)
    return Dataset.build(
        "folder",
        train=(torch.from_numpy(images["train"]), _labels(train)),
        test=(torch.from_numpy(images["test"]), _labels(test)),
        classes=train,
    )


def _split_folders(data_root: Path) -> tuple[Path, Path]:
    train = data_root / "train"
    if not train.is_dir():
        raise UserError(f"no folder {train.resolve()}: {LAYOUT}")
    for name in TEST_FOLDERS:
        if (data_root / name).is_dir():
            return train, data_root / name
    raise UserError(f"neither test nor val beside {train.resolve()}: {LAYOUT}")


def _scan(folder: Path, suffixes: tuple[str, ...]) -> Files:
    with os.scandir(folder) as entries:
        classes = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    if not classes:
        raise UserError(f"no images in {folder}: {LAYOUT}")
    files: Files = {}
    for name in classes:
        with os.scandir(folder / name) as entries:
            images = [e for e in entries if _is_image(e.name, suffixes) and e.is_file()]
        if not images:
            raise UserError(
                f"class {name!r} is empty: no image lies directly in {folder / name}; fill or remove it"
            )
        files[name] = sorted(images, key=lambda entry: entry.name)
    return files


def _is_image(name: str, suffixes: tuple[str, ...]) -> bool:
    return not name.startswith(".") and name.lower().endswith(suffixes)


def _check_classes(train_folder: Path, train: Files, test_folder: Path, test: Files) -> None:
    for folder, has, other, lacks in (
        (train_folder, train, test_folder, test),
        (test_folder, test, train_folder, train),
    ):
        missing = [name for name in has if name not in lacks]
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise UserError(
                f"class {missing[0]!r}{more} is in {folder} but not in {other}: add it there or remove it"
            )


def _key(splits: dict[str, Files]) -> str:
    """Hash the names, sizes and times of all files."""
    digest = hashlib.sha256(f"decoder {DECODER_VERSION}".encode())
    for split, files in splits.items():
        for name, entries in files.items():
            stats = [(entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in entries]
            digest.update(json.dumps([split, name, stats]).encode())
    return digest.hexdigest()


def _decode_splits(splits: dict[str, Files], progress: Progress | None) -> dict[str, np.ndarray]:
    paths = {split: [Path(e.path) for es in files.values() for e in es] for split, files in splits.items()}
    first = paths["train"][0]
    size = _decode.image_size(first)
    return {
        split: _decode.decode(
            paths[split], size=size, first=first, progress=progress, description=f"decoding {split} images"
        )
        for split in paths
    }


def _labels(files: Files) -> Int64[Tensor, " example"]:
    counts = torch.tensor([len(entries) for entries in files.values()])
    return torch.arange(len(files)).repeat_interleave(counts)
