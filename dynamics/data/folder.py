# SPDX-License-Identifier: Apache-2.0
"""Your own images: `train/<class>/*` and `test/<class>/*` (or `val/<class>/*`) under `data_root`.

Files of the usual types (PNG, JPEG, BMP, GIF, TIFF, WebP and more), all square and of the same size. They are decoded
once; the result is cached beside them and made again when a file changes.
"""

import dataclasses
import os
import unicodedata
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from dynamics.data import _decode
from dynamics.data._dataset import Dataset, Track
from dynamics.data._files import Files, images_in, pixels
from dynamics.errors import UserError

TEST_FOLDERS = ("test", "val")
LAYOUT = "images belong in train/CLASS/ and test/CLASS/ (or val/CLASS/) under `data_root`"


def load(*, data_root: Path, download: bool, progress: Track | None) -> Dataset:
    """Read the images under `data_root`; `test` takes precedence over `val` where both exist.

    Raises
    ------
    UserError
        When there is no `train` or test folder, no image, an empty class, a class that is missing in one split, a file
        that is not an image, or images are not square or of different sizes; the message names the first file or class.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> root = Path(tempfile.mkdtemp())
    >>> for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
    ...     (root / folder).mkdir(parents=True)
    ...     Image.new("RGB", (8, 8)).save(root / folder / "1.png")
    >>> load(data_root=root, download=False, progress=None).classes
    ('cat', 'dog')
    """
    train_folder, test_folder = _split_folders(data_root)
    suffixes = _decode.suffixes()
    train, test = (_scan(folder, suffixes) for folder in (train_folder, test_folder))
    _check_classes(train_folder, train, test_folder, test)
    images = pixels(data_root, {"train": train, "test": test}, progress)
    dataset = Dataset.build(
        "folder",
        train=(torch.from_numpy(images["train"]), _labels(train)),
        test=(torch.from_numpy(images["test"]), _labels(test)),
        classes=train,
    )
    return dataclasses.replace(dataset, train_files=_names(train))


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
        folders = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    if not folders:
        raise UserError(f"no images in {folder}: {LAYOUT}")
    files: Files = {}
    for name in folders:
        images = images_in(folder / name, suffixes)
        if not images:
            raise UserError(
                f"class {name!r} is empty: there is no image directly in {folder / name}; add images or remove it"
            )
        files.setdefault(_class_name(folder, name), []).extend(images)
    return {name: files[name] for name in sorted(files)}


def _class_name(folder: Path, name: str) -> str:
    """Return a folder's name as that of a class: one spelling of letters that Unicode can write in several ways."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{os.fsencode(folder / name)!r} is not a name in UTF-8: rename that folder"
        ) from None
    return unicodedata.normalize("NFC", name)


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


def _names(files: Files) -> tuple[str, ...]:
    """Return the files' names as texts, after those of their classes: cat/0001.jpg."""
    return tuple(
        f"{name}/{os.fsencode(entry.name).decode(errors='replace')}"
        for name, entries in files.items()
        for entry in entries
    )


def _labels(files: Files) -> Int64[Tensor, " example"]:
    counts = torch.tensor([len(entries) for entries in files.values()])
    return torch.arange(len(files)).repeat_interleave(counts)
