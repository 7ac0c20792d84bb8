# SPDX-License-Identifier: Apache-2.0
"""Tiny ImageNet: 100 000 training and 10 000 validation images of 64 x 64 pixels in 200 classes.

The published layout, or a part of it with fewer classes or images:

    wnids.txt                    one class a line
    train/<wnid>/images/*.JPEG   its training images
    val/images/*.JPEG            validation images, in no order; they serve as the test split
    val/val_annotations.txt      file name, class and bounding box of each of them, separated by tabs

Only val_annotations.txt holds the validation labels: programs that read `val` as class folders find a single class,
and programs that sort the images into folders and number those find different labels. Inconsistent data are refused.

Classes are numbered in the order of their sorted names, as torchvision's ImageFolder numbers the training
folders, and not by the lines of wnids.txt, so that labels agree with those of most other programs.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from dynamics.data import _decode
from dynamics.data._dataset import Dataset, Track
from dynamics.data._files import Files, images_in, pixels
from dynamics.errors import UserError

FOLDER = "tiny-imagenet-200"
"""Folder that the published archive unpacks to."""
ANNOTATIONS = "val_annotations.txt"
RESTORE = "unpack the published archive again, or the same part of wnids.txt, train and val"


def load(*, data_root: Path, download: bool, progress: Track | None) -> Dataset:
    """Read the images in `data_root`, or in its folder tiny-imagenet-200; they are decoded once.

    Raises
    ------
    UserError
        When there are none (they are not downloaded), when classes, images and validation labels are inconsistent,
        or when a file is not an image; the message names the first one that is wrong.

    Examples
    --------
    >>> load(data_root=Path("nowhere"), download=False, progress=None)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    dynamics.errors.UserError: no Tiny ImageNet in ...: unpack tiny-imagenet-200.zip there by hand, ...
    """
    root = _find(data_root)
    classes = _classes(root / "wnids.txt")
    suffixes = _decode.suffixes()
    train = _train_images(root / "train", classes, suffixes)
    test, test_labels = _validation(root / "val", classes, suffixes)
    images = pixels(root, {"train": train, "test": {"": test}}, progress)
    counts = torch.tensor([len(entries) for entries in train.values()])
    return Dataset.build(
        "tiny-imagenet",
        train=(torch.from_numpy(images["train"]), torch.arange(len(classes)).repeat_interleave(counts)),
        test=(torch.from_numpy(images["test"]), test_labels),
        classes=classes,
    )


def _find(data_root: Path) -> Path:
    for folder in (data_root, data_root / FOLDER):
        if (folder / "wnids.txt").is_file():
            return folder
    raise UserError(
        f"no Tiny ImageNet in {data_root.resolve()} (looked for wnids.txt there and in {FOLDER}): unpack "
        f"{FOLDER}.zip there by hand, or name the folder that holds it with `data_root`"
    )


def _classes(path: Path) -> list[str]:
    """Return the names of the classes, sorted."""
    names = path.read_text(encoding="utf-8", errors="replace").split()
    if not names:
        raise UserError(f"{path} names no class: {RESTORE}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path} names class {twice} twice: {RESTORE}")
    return sorted(names)


def _train_images(folder: Path, classes: list[str], suffixes: tuple[str, ...]) -> Files:
    if not folder.is_dir():
        raise UserError(f"no folder {folder.resolve()}: {RESTORE}")
    unknown = sorted(_subfolders(folder) - set(classes))
    if unknown:
        raise UserError(
            f"class {unknown[0]}{_more(unknown)} is in {folder} but not in wnids.txt: add it there or remove it"
        )
    files: Files = {}
    for name in classes:
        images = folder / name / "images"
        files[name] = images_in(images, suffixes) if images.is_dir() else []
        if not files[name]:
            raise UserError(f"class {name} is in wnids.txt but has no image in {images}: {RESTORE}")
    return files


def _validation(
    folder: Path, classes: list[str], suffixes: tuple[str, ...]
) -> tuple[list[os.DirEntry[str]], Int64[Tensor, " example"]]:
    """Return the validation images by name, with their labels, after checking that the two match."""
    path = folder / ANNOTATIONS
    if not path.is_file():
        rearranged = folder.is_dir() and _subfolders(folder) & set(classes)
        why = " (its images were sorted into class folders)" if rearranged else ""
        raise UserError(f"no {path}{why}: without it no validation image has a label; {RESTORE}")
    label_of = _annotations(path, classes)
    images = images_in(folder / "images", suffixes) if (folder / "images").is_dir() else []
    _check_same(path, label_of, folder / "images", {image.name for image in images})
    lacking = sorted(set(classes) - set(label_of.values()))
    if len(lacking) == len(classes) - 1 > 0:
        raise UserError(
            f"{path} gives all {len(images)} images one class of {len(classes)}: labels must differ; {RESTORE}"
        )
    if lacking:
        raise UserError(
            f"class {lacking[0]}{_more(lacking)} is in wnids.txt but no image of {path} has it: {RESTORE}"
        )
    index = {name: number for number, name in enumerate(classes)}
    labels = [index[label_of[image.name]] for image in images]
    return images, torch.tensor(labels, dtype=torch.int64)


def _annotations(path: Path, classes: Iterable[str]) -> dict[str, str]:
    """Read the class of each validation image, by file name."""
    known, label_of = set(classes), dict[str, str]()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        name, *rest = line.split("\t")
        label = rest[0].strip() if rest else ""
        if label not in known:
            wrong = f"names class {label!r}, which is not in wnids.txt" if label else "names no class"
            raise UserError(f"line {number} of {path} {wrong}: {RESTORE}")
        if label_of.setdefault(name, label) != label:
            raise UserError(f"{path} gives {name} two classes, {label_of[name]} and {label}: {RESTORE}")
    return label_of


def _check_same(path: Path, label_of: Mapping[str, str], folder: Path, names: set[str]) -> None:
    """Refuse labels without an image and images without a label."""
    absent, unlabelled = sorted(label_of.keys() - names), sorted(names - label_of.keys())
    if absent:
        raise UserError(f"{absent[0]}{_more(absent)} is in {path} but not in {folder}: {RESTORE}")
    if unlabelled:
        raise UserError(f"{unlabelled[0]}{_more(unlabelled)} is in {folder} but not in {path}: {RESTORE}")
    if not names:
        raise UserError(f"no images in {folder}: {RESTORE}")


def _subfolders(folder: Path) -> set[str]:
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")}


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
