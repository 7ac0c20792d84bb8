# SPDX-License-Identifier: Apache-2.0
"""Handwritten digits of 8 x 8 pixels that come with scikit-learn: real images without a download.

1797 images (Alpaydin and Kaynak, 1998, UCI "Optical recognition of handwritten digits", its test part). The
grey value is repeated in three channels; its 17 steps are spread over 0 to 255.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Num, UInt8

from dynamics.data._dataset import Dataset, Track
from dynamics.data._labels import rank_within_class

TEST_EVERY = 5
"""The 5th, 10th, 15th ... image of each class is a test image: a split without random numbers."""


def load(*, data_root: Path, download: bool, progress: Track | None) -> Dataset:
    """Return 1442 training and 355 test images from scikit-learn's files.

    Examples
    --------
    >>> len(load(data_root=Path(), download=False, progress=None).test_labels)
    355
    """
    from sklearn.datasets import load_digits  # slow to import; other data sets do not need it

    bunch = load_digits()
    images = torch.from_numpy(_to_bytes(bunch.images))
    labels = bunch.target.astype(np.int64)
    test = torch.from_numpy(rank_within_class(labels) % TEST_EVERY == TEST_EVERY - 1)
    target = torch.from_numpy(labels)
    return Dataset.build(
        "digits",
        train=(images[~test], target[~test]),
        test=(images[test], target[test]),
        classes=[str(name) for name in bunch.target_names],
    )


def _to_bytes(
    grey: Num[np.ndarray, "example height width"],
) -> UInt8[np.ndarray, "example 3 height width"]:
    """Map integer grey values from 0..16 to 0..255, rounded, and repeat them in three channels."""
    pixels = ((grey.astype(np.int64) * 255 + 8) // 16).astype(np.uint8)
    return np.repeat(pixels[:, None], 3, axis=1)
