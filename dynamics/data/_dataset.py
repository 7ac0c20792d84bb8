# SPDX-License-Identifier: Apache-2.0
"""A data set: all images as bytes on one device, their labels, and a fingerprint of both."""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from dynamics.data._labels import balanced_subset
from dynamics.errors import UserError
from dynamics.kinds import of_kind

Array = Tensor | np.ndarray
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
    train_files: tuple[str, ...] | None = None
    """Names of the training images, where they are files: what tells a user which image an example is."""

    @classmethod
    def build(
        cls,
        name: str,
        *,
        train: tuple[Array, Array],
        test: tuple[Array, Array],
        classes: Iterable[str],
    ) -> "Dataset":
        """Make a data set of (images, labels) for each split, and compute its fingerprint.

        Parameters
        ----------
        name
            Its name on the command line.
        train, test
            Images of a split, uint8 (example, 3, height, width) with height equal to width, and their labels, integers
            (example): tensors or NumPy arrays, which are copied.
        classes
            Names of the classes that the labels are indices into.

        Raises
        ------
        UserError
            When something has another type or shape, a split is empty, a label is no index into the classes, or two
            classes have one name.

        Examples
        --------
        >>> images, labels = torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.arange(6) % 2
        >>> mine = Dataset.build("mine", train=(images, labels), test=(images, labels), classes=["cat", "dog"])
        >>> mine.num_train, mine.image_size
        (6, 8)
        """
        if not isinstance(name, str) or not name or not name.isprintable():
            raise UserError(f"`name` must be a text, got {name!r}")
        classes = _class_names(classes)
        train, test = (_split(of, pair, classes) for of, pair in (("train", train), ("test", test)))
        if train[0].shape[1:] != test[0].shape[1:]:
            sizes = " and ".join(str(tuple(images.shape[1:])) for images, _ in (train, test))
            raise UserError(
                f"images of `train` and `test` must be of one size, got {sizes}: resize one of them"
            )
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
        (:func:`~dynamics.data.balanced_subset`).

        Raises
        ------
        UserError
            When `n` is below the number of classes or above the number of training images.
        """
        n = of_kind("train_examples", n, int)
        if not self.num_classes <= n <= self.num_train:
            raise UserError(
                f"`train_examples` must be in [{self.num_classes}, {self.num_train}] for {self.name}, which has "
                f"{self.num_train} training images in {self.num_classes} classes, got {n}; None is all of them"
            )
        chosen = torch.from_numpy(balanced_subset(self.train_labels.cpu().numpy(), n))
        chosen = chosen.to(self.train_labels.device)
        part = self.build(
            self.name,
            train=(self.train_images[chosen], self.train_labels[chosen]),
            test=(self.test_images, self.test_labels),
            classes=self.classes,
        )
        if self.train_files is None:
            return part
        return dataclasses.replace(
            part, train_files=tuple(self.train_files[place] for place in chosen.tolist())
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


def _class_names(classes: Iterable[str]) -> tuple[str, ...]:
    unordered = isinstance(classes, (str, set, frozenset))
    listed = tuple(classes) if isinstance(classes, Iterable) and not unordered else ()
    if not listed or not all(isinstance(name, str) and name for name in listed):
        raise UserError(
            f"`classes` must be a list of the names of the classes, such as ['cat', 'dog'], got {classes!r}"
        )
    if repeated := [name for name, count in Counter(listed).items() if count > 1]:
        raise UserError(f"`classes` must have different names, got {repeated[0]!r} twice")
    return listed


def _split(of: str, pair: tuple[Array, Array], classes: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return a split's images and labels as tensors, after checking them."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise UserError(f"`{of}` must be a pair (images, labels), got {type(pair).__name__}")
    images, labels = pair
    for array, what in ((images, "images"), (labels, "labels")):
        if not isinstance(array, (Tensor, np.ndarray)):
            raise UserError(
                f"{what} of `{of}` must be a tensor or a NumPy array, got {type(array).__name__}: convert them"
            )
        if (kind := _unusual(array)) is not None:
            raise UserError(f"{what} of `{of}` must be an ordinary array, got a {kind} one: convert them")
    got = f"got {str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}"
    if images.dtype not in (torch.uint8, np.uint8):
        raise UserError(
            f"images of `{of}` must be uint8, pixels 0 to 255, {got}: scale, round and convert them"
        )
    if (
        images.ndim != 4
        or images.shape[1] != 3
        or images.shape[2] != images.shape[3]
        or 0 in images.shape[1:]
    ):
        raise UserError(
            f"images of `{of}` must have the axes (example, 3 channels, height, width) and be square, {got}: "
            "move the channels to the second axis, repeat grey ones three times, or crop"
        )
    if labels.ndim != 1 or len(labels) != len(images) or not len(labels):
        raise UserError(
            f"`{of}` must have one label for each image and at least one image, "
            f"got {len(images)} images and labels {tuple(labels.shape)}"
        )
    if not _holds_integers(labels):
        kind = str(labels.dtype).removeprefix("torch.")
        raise UserError(
            f"labels of `{of}` must be integers, indices into `classes`, got {kind}: convert them"
        )
    values = np.asarray(
        labels.cpu() if isinstance(labels, Tensor) else labels
    )  # torch finds no largest uint64
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= len(classes):
        raise UserError(
            f"labels of `{of}` must be in [0, {len(classes) - 1}], indices into the {len(classes)} `classes`, "
            f"got {low} to {high}"
        )
    return _tensor(images), _tensor(labels).to(torch.int64)


def _unusual(array: Array) -> str | None:
    """Return what is unusual about how an array holds its values; None if they are simply there."""
    if isinstance(array, np.ndarray):
        return "masked" if isinstance(array, np.ma.MaskedArray) else None
    if array.is_nested or array.layout is not torch.strided:
        return "nested" if array.is_nested else "sparse"
    return "meta" if array.is_meta else "quantised" if array.is_quantized else None


def _holds_integers(labels: Array) -> bool:
    if isinstance(labels, np.ndarray):
        return labels.dtype.kind in "iu"  # np.issubdtype takes durations for integers
    return not (labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex())


def _tensor(array: Array) -> Tensor:
    """Return a copy of an array as a tensor: its owner may change it later, the fingerprint stays."""
    if isinstance(array, Tensor):
        return array.detach().clone(memory_format=torch.contiguous_format)
    return torch.from_numpy(np.array(array, dtype=np.uint8 if array.dtype == np.uint8 else np.int64))


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
