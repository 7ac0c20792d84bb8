# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10: 50 000 training and 10 000 test images of 32 x 32 pixels in 10 classes (Krizhevsky, 2009).

torchvision reads it; it loads nothing whose MD5 is not that of the published files.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from dynamics.data._dataset import Dataset, Track
from dynamics.errors import UserError

ALTERNATIVE = "`dataset=digits` needs no download"


def load(*, data_root: Path, download: bool, progress: Track | None) -> Dataset:
    """Read `data_root`/cifar-10-batches-py; where it is absent, fetch it if asked to (170 MB).

    A `data_root`/cifar-10-python.tar.gz that is whole is unpacked instead of fetched. torchvision draws its
    own progress bar.

    Raises
    ------
    UserError
        When the files are absent and not to be downloaded, cannot be downloaded, or are broken.
    """
    from torchvision.datasets import CIFAR10  # slow to import; other data sets do not need it

    folder = data_root / CIFAR10.base_folder
    if download:
        _download(data_root)
    elif not folder.is_dir():
        raise UserError(
            f"no CIFAR-10 in {data_root.resolve()} (looked for {CIFAR10.base_folder}): use `download=True` "
            f"to fetch it there, or name the folder that holds it with `data_root`; {ALTERNATIVE}"
        )
    try:
        train, test = (_read(data_root, train=train) for train in (True, False))
    except RuntimeError as error:  # its text does not tell which file
        raise UserError(
            f"CIFAR-10 in {folder.resolve()} is broken ({_first_fault(folder)}): remove that folder and use "
            f"`download=True`, or name another with `data_root`; {ALTERNATIVE}"
        ) from error
    return Dataset.build(
        "cifar10",
        train=to_tensors(train.data, train.targets),
        test=to_tensors(test.data, test.targets),
        classes=train.classes,
    )


def to_tensors(
    images: UInt8[np.ndarray, "example height width 3"], labels: list[int]
) -> tuple[UInt8[Tensor, "example 3 height width"], Int64[Tensor, " example"]]:
    """Turn torchvision's arrays, whose channels come last, into tensors with the channels first."""
    channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return torch.from_numpy(channels_first), torch.tensor(labels, dtype=torch.int64)


def _read(data_root: Path, *, train: bool) -> Any:
    from torchvision.datasets import CIFAR10

    with warnings.catch_warnings():
        # The published pickles spell a dtype's flags as 0 and 1; NumPy 2.4 warns of it.
        warnings.filterwarnings("ignore", message=r"dtype\(\): align")
        return CIFAR10(data_root, train=train)


def _download(data_root: Path) -> None:
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import download_and_extract_archive

    if _first_fault(data_root / CIFAR10.base_folder) is None:
        return
    try:
        download_and_extract_archive(CIFAR10.url, data_root, filename=CIFAR10.filename, md5=CIFAR10.tgz_md5)
    except (
        OSError,
        EOFError,
        RuntimeError,
    ) as error:  # no network, no room, or other bytes than were published
        raise UserError(
            f"could not download {CIFAR10.url} to {data_root.resolve()} ({error}): try again, or put "
            f"{CIFAR10.filename} there by hand and repeat the command; {ALTERNATIVE}"
        ) from error


def _first_fault(folder: Path) -> str | None:
    """Name the first published file that is absent or altered; None when all are whole."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    meta = [CIFAR10.meta["filename"], CIFAR10.meta["md5"]]
    for name, md5 in [*CIFAR10.train_list, *CIFAR10.test_list, meta]:
        if not (folder / name).is_file():
            return f"{name} is missing"
        if not check_integrity(folder / name, md5):
            return f"{name} does not have the published MD5"
    return None
