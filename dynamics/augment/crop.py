# SPDX-License-Identifier: Apache-2.0
"""Where is each view cut out of its image: the boxes of random resized crops, and both kinds of cropping.

Equal to torchvision's `RandomResizedCrop`, `RandomCrop` with zero padding and `RandomHorizontalFlip`, for
a whole batch with a box per image. Random resized crops are those of Szegedy et al. 2015 (section 6)
as used by SimCLR (Chen et al. 2020, appendix A).
"""

import math

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

TRIES = 10
"""Boxes drawn for an image before the fallback, as in torchvision."""


def resized_boxes(
    uniform: Float[Tensor, "example columns"],
    size: int,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Float[Tensor, "example 4"]:
    """Turn uniform numbers into boxes whose area and log aspect ratio are uniform, rounded to pixels.

    The first of ten tries that fits into the image counts; where none fits, the largest central box of
    an allowed ratio does.

    Parameters
    ----------
    uniform
        2 * TRIES + 2 columns of numbers in [0, 1): areas, ratios, vertical and horizontal place.
    size
        Height and width of the images in pixels.
    scale
        Smallest and largest area, as a share of the image's.
    ratio
        Smallest and largest width / height.

    Returns
    -------
    Tensor
        Top, left, height, width in whole pixels, inside the image.
    """
    area, log_ratio, place = torch.split(uniform, [TRIES, TRIES, 2], dim=1)
    area = (scale[0] + (scale[1] - scale[0]) * area) * size**2
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = torch.exp(low + (high - low) * log_ratio)
    width, height = torch.sqrt(area * aspect).round(), torch.sqrt(area / aspect).round()
    fits = (width > 0) & (width <= size) & (height > 0) & (height <= size)
    first = fits.to(torch.int8).argmax(1, keepdim=True)  # of equal values, the first
    lengths = torch.stack((height.gather(1, first), width.gather(1, first)), 2).squeeze(1)
    room = torch.floor(place * (size - lengths + 1))
    box = torch.cat((room, lengths), 1)
    found = fits.any(1)
    fallback = _central_box(size, ratio)
    return torch.stack([torch.where(found, box[:, i], fallback[i]) for i in range(4)], 1)


def _central_box(size: int, ratio: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return the largest box in the middle of a square image whose ratio is allowed."""
    height, width = size, size
    if min(ratio) > 1:
        height = max(1, round(size / min(ratio)))
    elif max(ratio) < 1:
        width = max(1, round(size * max(ratio)))
    return float((size - height) // 2), float((size - width) // 2), float(height), float(width)


def resized_crop(
    images: Float[Tensor, "example channel size size"],
    box: Float[Tensor, "example 4"],
    flip: Bool[Tensor, " example"],
) -> Float[Tensor, "example channel size size"]:
    """Cut a box out of each image, enlarge it bilinearly to the image's size, mirror it where asked.

    Parameters
    ----------
    images
        Any values.
    box
        Top, left, height, width in pixels, inside the image.
    flip
        Which views are mirrored left to right.
    """
    size = images.shape[-1]
    step = torch.arange(size, device=images.device)
    top, left, height, width = (column[:, None] for column in box.unbind(1))
    row = _source(step, top, height, size)
    column = _source(torch.where(flip[:, None], size - 1 - step, step), left, width, size)
    shape = (len(images), size, size)
    grid = torch.stack((column[:, None, :].expand(shape), row[:, :, None].expand(shape)), -1)
    # Samples lie inside the box by construction: the padding mode only guards against rounding.
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _source(step: Tensor, start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return where each output pixel lies in the input, in grid_sample's units (-1 to 1 over the image)."""
    inside = ((step + 0.5) * (length / size) - 0.5).clamp(min=0).minimum(length - 1)
    return (2 * (start + inside) + 1) / size - 1


def shifted_crop(
    images: UInt8[Tensor, "example channel size size"],
    offset: Int[Tensor, "example 2"],
    flip: Bool[Tensor, " example"],
    *,
    padding: int,
) -> UInt8[Tensor, "example channel size size"]:
    """Pad each image by zeros, cut a window of the image's size out of it, mirror it where asked.

    Parameters
    ----------
    images
        Any values.
    offset
        First row and column of the window in the padded image, 0 to 2 * padding.
    flip
        Which views are mirrored left to right.
    padding
        Pixels added on each of the four sides.
    """
    n, channels, size, _ = images.shape
    padded = size + 2 * padding
    step = torch.arange(size, device=images.device)
    row = offset[:, :1] + step
    column = offset[:, 1:] + torch.where(flip[:, None], size - 1 - step, step)
    pixel = (row[:, :, None] * padded + column[:, None, :]).view(n, 1, size * size)
    flat = functional.pad(images, (padding, padding, padding, padding)).view(n, channels, padded * padded)
    return flat.gather(2, pixel.expand(n, channels, size * size)).view_as(images)
