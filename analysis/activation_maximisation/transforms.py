# SPDX-License-Identifier: Apache-2.0
"""Small random motions of images: without them, ascent finds noise that only works at one position.

Each image of a batch is shifted, rotated and scaled by its own random amount at each step (Olah et al., 2017,
"Feature Visualization", section "Transformation robustness", with less motion: images here have 8 to 128 pixels).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Maximum motion of images; motions are uniform and symmetric about 0."""

    shift: float = 2.0
    """Pixels."""
    degrees: float = 5.0
    """Rotation about the centre, in degrees."""
    scale: float = 0.05
    """Fraction by which an image grows or shrinks."""

    def draw(self, count: int, size: int, *, generator: torch.Generator) -> Float[Tensor, "tile 2 3"]:
        """Draw for each image the affine map from places in the result to places in the image.

        Places run from -1 to 1 over the image, as :func:`torch.nn.functional.affine_grid` has them.
        """
        uniform = 2 * torch.rand(count, 4, generator=generator) - 1
        angle = uniform[:, 0] * math.radians(self.degrees)
        factor = 1 / (1 + uniform[:, 1] * self.scale)
        across, down = (uniform[:, 2:] * 2 * self.shift / size).unbind(1)
        cosine, sine = angle.cos() * factor, angle.sin() * factor
        rows = torch.stack((cosine, -sine, across, sine, cosine, down), dim=1)
        return rows.view(count, 2, 3)


def move(
    images: Float[Tensor, "tile channel size size"],
    maps: Float[Tensor, "tile 2 3"],
    *,
    fill: Float[Tensor, " channel"],
) -> Float[Tensor, "tile channel size size"]:
    """Move each image by its map, with linear interpolation; `fill` is the colour beyond the edges.

    Examples
    --------
    >>> image = torch.eye(3).view(1, 1, 3, 3)
    >>> one_pixel = torch.tensor([[[1.0, 0.0, 2 / 3], [0.0, 1.0, 0.0]]])  # to the left
    >>> move(image, one_pixel, fill=torch.tensor([0.5])).round(decimals=2).abs()[0, 0]
    tensor([[0.0000, 0.0000, 0.5000],
            [1.0000, 0.0000, 0.5000],
            [0.0000, 1.0000, 0.5000]])
    """
    background = fill.view(1, -1, 1, 1)
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images - background, grid, padding_mode="zeros", align_corners=False)
    return moved + background
