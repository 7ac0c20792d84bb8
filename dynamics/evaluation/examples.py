# SPDX-License-Identifier: Apache-2.0
"""What does a network that is evaluated look at: rows of features, flat pixels, or images as the encoder saw them."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from dynamics.augment import CropFlipViews, Views
from dynamics.augment.crop import shifted_crop
from dynamics.evaluation.recipe import Augment

FLIPS: dict[Augment, float] = {"crop": 0.0, "crop-flip": 0.5}


@runtime_checkable
class Examples(Protocol):
    """Labelled examples that can be looked at batch by batch."""

    labels: Int64[Tensor, " example"]
    """Class of each, on the device where the inputs are made."""

    def inputs(self, index: Int64[Tensor, " batch"]) -> Tensor:
        """Return some of them as they are."""

    def training_inputs(self, index: Int64[Tensor, " batch"], draws: torch.Generator) -> Tensor:
        """Return some of them, augmented where that is wanted."""


class Rows:
    """Features that were computed before."""

    def __init__(
        self, features: Float32[Tensor, "example feature"], labels: Int64[Tensor, " example"]
    ) -> None:
        self.features = features
        self.labels = labels

    def inputs(self, index: Int64[Tensor, " batch"]) -> Float32[Tensor, "batch feature"]:
        """Return some rows."""
        return self.features[index]

    def training_inputs(
        self, index: Int64[Tensor, " batch"], draws: torch.Generator
    ) -> Float32[Tensor, "batch feature"]:
        """Return the same."""
        return self.inputs(index)


class Pixels:
    """Images as flat rows of pixels in [0, 1]; kept as bytes, a quarter of the memory."""

    def __init__(
        self, images: UInt8[Tensor, "example 3 size size"], labels: Int64[Tensor, " example"]
    ) -> None:
        self.images = images
        self.labels = labels

    def inputs(self, index: Int64[Tensor, " batch"]) -> Float32[Tensor, "batch pixel"]:
        """Return some rows."""
        return self.images[index].flatten(1).to(torch.float32).div_(255)

    def training_inputs(
        self, index: Int64[Tensor, " batch"], draws: torch.Generator
    ) -> Float32[Tensor, "batch pixel"]:
        """Return the same."""
        return self.inputs(index)


class Images:
    """Images in the units of a method's views; for training with light augmentation where asked."""

    def __init__(
        self,
        images: UInt8[Tensor, "example 3 size size"],
        labels: Int64[Tensor, " example"],
        *,
        views: Views,
        augment: Augment,
    ) -> None:
        self.images = images
        self.labels = labels
        self.views = views
        self.light = None
        if augment != "none":
            self.light = CropFlipViews(padding=images.shape[-1] // 8, flip_probability=FLIPS[augment])

    def inputs(self, index: Int64[Tensor, " batch"]) -> Float[Tensor, "batch 3 size size"]:
        """Return some images, unaugmented."""
        return self.views.clean(self.images[index])

    def training_inputs(
        self, index: Int64[Tensor, " batch"], draws: torch.Generator
    ) -> Float[Tensor, "batch 3 size size"]:
        """Return some images, cropped and mirrored where asked."""
        if self.light is None:
            return self.inputs(index)
        images = self.images[index]
        draw = self.light.draw(len(images), images.shape[-1], generator=draws, device=images.device)
        return self.views.clean(shifted_crop(images, draw.offset, draw.flip, padding=self.light.padding))
