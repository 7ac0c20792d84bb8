# SPDX-License-Identifier: Apache-2.0
"""The inputs of an evaluated network, in batches: rows of features or pixels, or images as the encoder saw them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from dynamics.augment import CropFlipViews
from dynamics.augment.crop import shifted_crop
from dynamics.evaluation.recipes import Augment

FLIPS: dict[Augment, float] = {"crop": 0.0, "crop-flip": 0.5}
SCORED = 512
"""Batch size where nothing is learnt."""


def as_rows(values: Tensor) -> Float[Tensor, "batch feature"]:
    """Return features unchanged, and images, which are kept as bytes, as flat rows of pixels in [0, 1].

    Examples
    --------
    >>> as_rows(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)).tolist()
    [[1.0, 1.0, 1.0]]
    """
    rows = values.flatten(1)
    return rows.to(torch.float32).div_(255) if rows.dtype == torch.uint8 else rows


def light_views(image_size: int, augment: Augment) -> CropFlipViews | None:
    """Return the light augmentation of training images; None where there is none.

    Examples
    --------
    >>> light_views(32, "crop").padding, light_views(32, "none")
    (4, None)
    """
    if augment == "none":
        return None
    return CropFlipViews(padding=image_size // 8, flip_probability=FLIPS[augment])


@dataclass(frozen=True)
class Examples:
    """Labelled examples, on the device where the inputs are made."""

    values: Tensor
    """Features or images, one per example."""
    labels: Int64[Tensor, " example"]
    look: Callable[[Tensor], Tensor] = as_rows
    """Turns values into inputs of the network."""
    light: CropFlipViews | None = None
    """Augmentation of training images."""

    def inputs(self, index: Int64[Tensor, " batch"]) -> Tensor:
        """Return the inputs of some examples, unaugmented."""
        return self.look(self.values[index])

    def training_inputs(self, index: Int64[Tensor, " batch"], draws: torch.Generator) -> Tensor:
        """Return the inputs of some examples, cropped and mirrored where requested."""
        if self.light is None:
            return self.inputs(index)
        images = self.values[index]
        draw = self.light.draw(len(images), images.shape[-1], generator=draws, device=images.device)
        return self.look(shifted_crop(images, draw.offset, draw.flip, padding=self.light.padding))

    def in_order(self) -> tuple[Int64[Tensor, " batch"], ...]:
        """Return the indices of all examples, in batches."""
        return torch.arange(len(self.labels), device=self.labels.device).split(SCORED)
