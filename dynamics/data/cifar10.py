# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10: 50 000 training and 10 000 test images of 32 x 32 pixels in 10 classes (Krizhevsky, 2009).

torchvision reads it and refuses files whose MD5 is not that of the published ones.
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
    """Read `data_root`/cifar-10-batches-py; where it is absent, download it (170 MB) if `download` is set.

    An intact `data_root`/cifar-10-python.tar.gz is unpacked instead of downloaded. torchvision draws its own
    progress bar.

    Raises
    ------
    UserError
        When the files are missing and `download` is not set, cannot be downloaded, or are damaged.

    Examples
    --------
    >>> load(data_root=Path("nowhere"), download=False, progress=None)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    dynamics.errors.UserError: no CIFAR-10 in ...: use download=True to fetch it there, ...
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
    except RuntimeError as error:  # its text does not name the file
        raise UserError(
            f"CIFAR-10 in {folder.resolve()} is damaged ({_first_fault(folder)}): remove that folder and use "
            f"`download=True`, or name another with `data_root`; {ALTERNATIVE}"
        ) from error
    return Dataset.build(
        "cifar10",
        train=_to_tensors(train.data, train.targets),
        test=_to_tensors(test.data, test.targets),
        classes=train.classes,
    )


def _to_tensors(
    images: UInt8[np.ndarray, "example height width 3"], labels: list[int]
) -> tuple[UInt8[Tensor, "example 3 height width"], Int64[Tensor, " example"]]:
    """Turn torchvision's arrays (channels last) into tensors (channels first)."""
    channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return torch.from_numpy(channels_first), torch.tensor(labels, dtype=torch.int64)


def _read(data_root: Path, *, train: bool) -> Any:
    from torchvision.datasets import CIFAR10

    with warnings.catch_warnings():
        # The published pickles hold a dtype's flags as 0 and 1, of which NumPy 2.4 warns.
        warnings.filterwarnings("ignore", message=r"dtype\(\): align")
        return CIFAR10(data_root, train=train)


def _download(data_root: Path) -> None:
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import download_and_extract_archive

    if _first_fault(data_root / CIFAR10.base_folder) is None:
        return
    try:
        download_and_extract_archive(CIFAR10.url, data_root, filename=CIFAR10.filename, md5=CIFAR10.tgz_md5)
    except (OSError, EOFError, RuntimeError) as error:  # no network, a full disk, or a wrong MD5
        raise UserError(
            f"could not download {CIFAR10.url} to {data_root.resolve()} ({error}): try again, or put "
            f"{CIFAR10.filename} there by hand and repeat the command; {ALTERNATIVE}"
        ) from error


def _first_fault(folder: Path) -> str | None:
    """Describe the first published file that is missing or altered; None when all are intact."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    meta = [CIFAR10.meta["filename"], CIFAR10.meta["md5"]]
    for name, md5 in [*CIFAR10.train_list, *CIFAR10.test_list, meta]:
        if not (folder / name).is_file():
            return f"{name} is missing"
        if not check_integrity(folder / name, md5):
            return f"{name} does not have the published MD5"
    return None
