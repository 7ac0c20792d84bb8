# SPDX-License-Identifier: Apache-2.0
"""Crops of a batch: boxes of random resized crops, resized crops, and padded crops, with a box per image.

Equal to torchvision's `RandomResizedCrop`, `RandomCrop` with zero padding and `RandomHorizontalFlip`. Random
resized crops are those of Szegedy et al. 2015 (section 6) as used by SimCLR (Chen et al. 2020, appendix A).
"""

import math

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

TRIES = 10
"""Boxes drawn for an image before the fallback is used, as in torchvision."""


def resized_boxes(
    uniform: Float[Tensor, "example columns"],
    size: int,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Float[Tensor, "example 4"]:
    """Turn uniform numbers into boxes whose area and log aspect ratio are uniform, rounded to pixels.

    The first of ten tries that fits into the image is taken; where none fits, the largest central box of
    an allowed ratio.

    Parameters
    ----------
    uniform
        2 * TRIES + 2 columns of numbers in [0, 1): areas, ratios, vertical and horizontal position.
    size
        Height and width of the images in pixels.
    scale
        Smallest and largest area, as a fraction of the image's.
    ratio
        Smallest and largest width / height.

    Returns
    -------
    Tensor
        Top, left, height, width in integer pixels, inside the image.

    Examples
    --------
    >>> uniform = torch.full((1, 2 * TRIES + 2), 0.5)
    >>> resized_boxes(uniform, 32, scale=(0.25, 0.25), ratio=(1.0, 1.0))
    tensor([[ 8.,  8., 16., 16.]])
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
    any_fits = fits.any(1)
    fallback = _central_box(size, ratio)
    return torch.stack([torch.where(any_fits, box[:, i], fallback[i]) for i in range(4)], 1)


def _central_box(size: int, ratio: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return the largest box of an allowed ratio in the middle of a square image."""
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

    Examples
    --------
    >>> image = torch.arange(4.0).view(1, 1, 2, 2)
    >>> bottom_right = torch.tensor([[1.0, 1.0, 1.0, 1.0]])
    >>> resized_crop(image, bottom_right, torch.tensor([False])).flatten()
    tensor([3., 3., 3., 3.])
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
    """Pad each image with zeros, cut a window of the image's size out of it, mirror it where asked.

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

    Examples
    --------
    >>> image = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8).view(1, 1, 2, 2)
    >>> shifted_crop(image, torch.tensor([[1, 2]]), torch.tensor([False]), padding=1).flatten().tolist()
    [2, 0, 4, 0]
    """
    n, channels, size, _ = images.shape
    padded = size + 2 * padding
    step = torch.arange(size, device=images.device)
    row = offset[:, :1] + step
    column = offset[:, 1:] + torch.where(flip[:, None], size - 1 - step, step)
    pixel = (row[:, :, None] * padded + column[:, None, :]).view(n, 1, size * size)
    flat = functional.pad(images, (padding, padding, padding, padding)).view(n, channels, padded * padded)
    return flat.gather(2, pixel.expand(n, channels, size * size)).view_as(images)
