# SPDX-License-Identifier: Apache-2.0
"""What an evaluated network looks at, batch by batch: rows of features or pixels, or images as the encoder saw them."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from dynamics.augment import CropFlipViews, Views
from dynamics.augment.crop import shifted_crop
from dynamics.evaluation.recipes import Augment

FLIPS: dict[Augment, float] = {"crop": 0.0, "crop-flip": 0.5}
SCORED = 512
"""Examples that are looked at together where nothing is learnt from them."""


class Examples(ABC):
    """Labelled examples, on the device where the inputs are made."""

    def __init__(self, values: Tensor, labels: Int64[Tensor, " example"]) -> None:
        self.values = values
        self.labels = labels

    @abstractmethod
    def inputs(self, index: Int64[Tensor, " batch"]) -> Tensor:
        """Return some of them as they are."""

    def training_inputs(self, index: Int64[Tensor, " batch"], draws: torch.Generator) -> Tensor:
        """Return some of them, augmented where that is wanted."""
        return self.inputs(index)

    def in_order(self) -> tuple[Int64[Tensor, " batch"], ...]:
        """Return the indices of all, in batches."""
        return torch.arange(len(self.labels), device=self.labels.device).split(SCORED)


class Rows(Examples):
    """Features, or images as flat rows of pixels in [0, 1]: these are kept as bytes, a quarter of the memory.

    Examples
    --------
    >>> pixels = Rows(torch.full((2, 3, 1, 1), 255, dtype=torch.uint8), torch.tensor([0, 1]))
    >>> pixels.inputs(torch.tensor([1])).tolist()
    [[1.0, 1.0, 1.0]]
    """

    def inputs(self, index: Int64[Tensor, " batch"]) -> Float[Tensor, "batch feature"]:
        """Return some rows."""
        rows = self.values[index].flatten(1)
        return rows.to(torch.float32).div_(255) if rows.dtype == torch.uint8 else rows


class Images(Examples):
    """Images in the units of a method's views; for training with light augmentation where asked."""

    def __init__(
        self,
        images: UInt8[Tensor, "example 3 size size"],
        labels: Int64[Tensor, " example"],
        *,
        views: Views,
        augment: Augment,
    ) -> None:
        super().__init__(images, labels)
        self.views = views
        self.light = None
        if augment != "none":
            self.light = CropFlipViews(padding=images.shape[-1] // 8, flip_probability=FLIPS[augment])

    def inputs(self, index: Int64[Tensor, " batch"]) -> Float[Tensor, "batch 3 size size"]:
        """Return some images, unaugmented."""
        return self.views.clean(self.values[index])

    def training_inputs(
        self, index: Int64[Tensor, " batch"], draws: torch.Generator
    ) -> Float[Tensor, "batch 3 size size"]:
        """Return some images, cropped and mirrored where asked."""
        if self.light is None:
            return self.inputs(index)
        images = self.values[index]
        draw = self.light.draw(len(images), images.shape[-1], generator=draws, device=images.device)
        return self.views.clean(shifted_crop(images, draw.offset, draw.flip, padding=self.light.padding))
