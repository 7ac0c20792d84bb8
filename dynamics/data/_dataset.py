# SPDX-License-Identifier: Apache-2.0
"""A data set: all images as bytes on one device, their labels, and a fingerprint of both."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from dynamics.data._labels import balanced_subset
from dynamics.errors import UserError

Track = Callable[..., Iterable[Any]]
"""Called like `rich.progress.track`, with an iterable, `description=` and `total=`; returns an iterable."""


class ChannelMoments(NamedTuple):
    """Mean and standard deviation of the pixels of each channel, with pixels in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Training and test images with their labels; make one with :meth:`build`."""

    name: str
    """Its name on the command line."""
    train_images: UInt8[Tensor, "train_example 3 height width"]
    """Pixels, 0 to 255; channels red, green, blue."""
    train_labels: Int64[Tensor, " train_example"]
    """Indices into `classes`."""
    test_images: UInt8[Tensor, "test_example 3 height width"]
    test_labels: Int64[Tensor, " test_example"]
    classes: tuple[str, ...]
    """Names of the classes."""
    fingerprint: str
    """SHA-256 of the images, the labels and the names of the classes; the same on every machine."""

    @classmethod
    def build(
        cls,
        name: str,
        *,
        train: tuple[UInt8[Tensor, "train_example 3 height width"], Int64[Tensor, " train_example"]],
        test: tuple[UInt8[Tensor, "test_example 3 height width"], Int64[Tensor, " test_example"]],
        classes: Iterable[str],
    ) -> "Dataset":
        """Make a data set of (images, labels) for each split, and compute its fingerprint.

        Examples
        --------
        >>> images, labels = torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.arange(6) % 2
        >>> mine = Dataset.build("mine", train=(images, labels), test=(images, labels), classes=["cat", "dog"])
        >>> mine.num_train, mine.image_size
        (6, 8)
        """
        classes = tuple(classes)
        for images, labels in (train, test):
            assert len(images) == len(labels) > 0
            assert 0 <= int(labels.min()) <= int(labels.max()) < len(classes)
        return cls(
            name=name,
            train_images=train[0],
            train_labels=train[1],
            test_images=test[0],
            test_labels=test[1],
            classes=classes,
            fingerprint=_fingerprint((*train, *test), classes),
        )

    @property
    def num_train(self) -> int:
        """Number of training images."""
        return len(self.train_labels)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def image_size(self) -> int:
        """Height of an image in pixels; its width is the same."""
        return self.train_images.shape[-1]

    def to(self, device: torch.device | str) -> "Dataset":
        """Return the same data on another device."""
        fields = ("train_images", "train_labels", "test_images", "test_labels")
        return dataclasses.replace(self, **{field: getattr(self, field).to(device) for field in fields})

    def subset(self, n: int) -> "Dataset":
        """Return a data set with `n` of the training images, balanced over classes, and all test images.

        The choice depends on `n` and the labels alone, so it is the same for every seed and method
        (:func:`~dynamics.data._labels.balanced_subset`).

        Raises
        ------
        UserError
            When `n` is below the number of classes or above the number of training images.
        """
        if not self.num_classes <= n <= self.num_train:
            raise UserError(
                f"`train_examples` must be in [{self.num_classes}, {self.num_train}] for {self.name}, which has "
                f"{self.num_train} training images in {self.num_classes} classes, got {n}"
            )
        chosen = torch.from_numpy(balanced_subset(self.train_labels.cpu().numpy(), n))
        chosen = chosen.to(self.train_labels.device)
        return self.build(
            self.name,
            train=(self.train_images[chosen], self.train_labels[chosen]),
            test=(self.test_images, self.test_labels),
            classes=self.classes,
        )

    def channel_moments(self) -> ChannelMoments:
        """Return mean and standard deviation per channel of the training images, each pixel divided by 255.

        Computed from exact counts of the 256 values, so the result is the same on every device. The standard deviation
        is the population's (divided by the number of pixels); a constant channel gets 1, so that one can divide by it.
        """
        moments = [_moments(self.train_images[:, channel].flatten()) for channel in range(3)]
        return ChannelMoments(
            mean=tuple(mean for mean, _ in moments), std=tuple(std or 1.0 for _, std in moments)
        )


def _moments(pixels: UInt8[Tensor, " pixel"]) -> tuple[float, float]:
    histogram = torch.bincount(pixels, minlength=256).cpu().to(torch.float64)
    fraction = histogram / histogram.sum()
    value = torch.arange(256, dtype=torch.float64) / 255
    mean = (fraction * value).sum()
    return float(mean), float((fraction * (value - mean).square()).sum().sqrt())


def _fingerprint(tensors: Iterable[Tensor], classes: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        array = tensor.cpu().contiguous().numpy()
        digest.update(json.dumps([str(array.dtype), array.shape]).encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    digest.update(json.dumps(classes).encode())
    return digest.hexdigest()
