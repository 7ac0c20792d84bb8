# SPDX-License-Identifier: Apache-2.0
"""On which images is it timed: pieces of two photographs that ship with scikit-learn, of any number and size.

Speed does not depend on what a picture shows, but a comparison of views does: noise has no colours to jitter.
"""

from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor

from dynamics.data import Dataset

CLASSES = 10
TEST = 100


@cache
def photographs() -> tuple[np.ndarray, ...]:
    """Return a temple and a flower, 427 x 640 pixels each."""
    return tuple(load_sample_image(name) for name in ("china.jpg", "flower.jpg"))


def pieces(count: int, size: int = 32, *, seed: int = 0) -> Tensor:
    """Return `count` random squares as bytes, with the axes image, channel, row, column."""
    rng = np.random.default_rng(seed)
    found = np.empty((count, 3, size, size), dtype=np.uint8)
    for index in range(count):
        picture = photographs()[index % 2]
        step = int(rng.integers(1, 4))  # neighbouring pixels, or every second or third
        top, left = (int(rng.integers(0, side - step * size)) for side in picture.shape[:2])
        piece = picture[top : top + step * size : step, left : left + step * size : step]
        found[index] = piece.transpose(2, 0, 1)
    return torch.from_numpy(found)


def dataset(count: int, size: int = 32) -> Dataset:
    """Return pieces with ten classes of equal size, by brightness: a label that can be learnt."""
    images = pieces(count + TEST, size)
    rank = images.float().mean((1, 2, 3)).argsort().argsort()
    labels = rank * CLASSES // len(images)
    return Dataset.build(
        "photographs",
        train=(images[:count], labels[:count]),
        test=(images[count:], labels[count:]),
        classes=[f"brightness {index}" for index in range(CLASSES)],
    )
