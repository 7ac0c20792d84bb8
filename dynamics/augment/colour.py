# SPDX-License-Identifier: Apache-2.0
"""Colour jitter of a batch: brightness, contrast, saturation and hue, with factors and an order per image.

Equal to torchvision's `ColorJitter` and `RandomGrayscale` on float images (the colour distortion of SimCLR,
Chen et al. 2020, appendix A).

Brightness, contrast and saturation are one operation, clamp(f * image + (1 - f) * base), with base zero,
the image's mean grey, or its grey. Hue is the expensive one and is evaluated once: the three places
before it and the three after it each hold one blend, and those that an image's order leaves empty blend
with f = 1, which changes no bit. So every order is the same seven steps, without control flow that depends on data.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
"""The operations, in the order of the columns of `factors` and as the entries of `order`."""

GREY = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in grey: ITU-R BT.601, to the digits that torchvision has."""


def grey(images: Float[Tensor, "example 3 size size"]) -> Float[Tensor, "example size size"]:
    """Return the luminance of each pixel.

    Examples
    --------
    >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    >>> f"{grey(red).item():.4f}"
    '0.2989'
    """
    red, green, blue = images.unbind(1)
    return (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])


def grayscale(
    images: Float[Tensor, "example 3 size size"], chosen: Bool[Tensor, " example"]
) -> Float[Tensor, "example 3 size size"]:
    """Replace the chosen images' three channels by their grey; the other images keep every bit.

    Examples
    --------
    >>> red = torch.tensor([1.0, 0.0, 0.0]).expand(2, 3).reshape(2, 3, 1, 1)
    >>> grayscale(red, torch.tensor([True, False])).flatten(1).tolist()[1]
    [1.0, 0.0, 0.0]
    """
    weight = _per_image(chosen.to(images.dtype))
    return torch.addcmul((grey(images) * weight)[:, None], images, 1 - weight[:, None])


def shift_hue(
    images: Float[Tensor, "example 3 size size"], shift: Float[Tensor, " example"]
) -> Float[Tensor, "example 3 size size"]:
    """Rotate every pixel's hue, keeping its largest and smallest channel (HSV's value and saturation).

    A hue h in sixths of the circle, 0 being red, lies at a distance of
    ((max - red) + (green - min) + (blue - min)) / (max - min) from red, on the side of green or of blue;
    the new channels follow from inverting this relation.

    Parameters
    ----------
    images
        In [0, 1].
    shift
        Rotation of the hue as a fraction of the circle, -0.5 to 0.5; 0 changes a pixel by rounding only.

    Examples
    --------
    >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    >>> shift_hue(red, torch.tensor([1 / 3])).flatten().round().abs()
    tensor([0., 1., 0.])
    """
    red, green, blue = images.unbind(1)
    largest = torch.maximum(torch.maximum(red, green), blue)
    smallest = torch.minimum(torch.minimum(red, green), blue)
    chroma = largest - smallest
    distance = (largest - red) + (green - smallest) + (blue - smallest)
    # Grey pixels have chroma and distance zero: any hue gives them back.
    hue = torch.copysign(distance, green - blue) / chroma.clamp_min(1e-12) + 6 * _per_image(shift)
    hue = hue - 6 * torch.floor(hue * (1 / 6))
    channels = (
        smallest + chroma * ((hue - 3).abs() - 1).clamp(0, 1),
        largest - chroma * ((hue - 2).abs() - 1).clamp(0, 1),
        largest - chroma * ((hue - 4).abs() - 1).clamp(0, 1),
    )
    return torch.stack(channels, 1)


class _Blends(NamedTuple):
    """Weights of one blend per place and example: clamp(keep * image + mean * mean grey + grey * grey)."""

    keep: Float[Tensor, "place example"]
    mean: Float[Tensor, "place example"]
    grey: Float[Tensor, "place example"]


def _blends(factors: Float[Tensor, "example 4"], order: Int[Tensor, "example 4"]) -> _Blends:
    """Put each example's three blends into six places, three before its hue shift and three after it.

    The k-th operation in an example's order (k = 0 to 3) goes to place k of the first half when hue comes
    later, and to place k - 1 of the second half when hue came earlier.
    """
    factor = factors.gather(1, order)
    step = torch.arange(4, device=order.device)
    turn = (order == HUE).to(torch.int8).argmax(1, keepdim=True)  # the step at which hue is shifted
    filled = _two_halves(step < turn, step > turn)
    rest = 1 - factor
    weights = (factor, rest * (order == CONTRAST), rest * (order == SATURATION))
    keep, mean, grey_weight = (
        torch.where(filled, _two_halves(weight, weight), empty).T
        for weight, empty in zip(weights, (1.0, 0.0, 0.0), strict=True)
    )
    return _Blends(keep, mean, grey_weight)


def _two_halves(before: Tensor, after: Tensor) -> Tensor:
    """Join what may come before hue (the first three steps of an order) and after it (the last three)."""
    return torch.cat((before[:, :3], after[:, 1:]), 1)


def jitter(
    images: Float[Tensor, "example 3 size size"],
    factors: Float[Tensor, "example 4"],
    order: Int[Tensor, "example 4"],
) -> Float[Tensor, "example 3 size size"]:
    """Change brightness, contrast, saturation and hue of each image, in an order of its own.

    Parameters
    ----------
    images
        In [0, 1].
    factors
        Brightness, contrast, saturation (from 0 up, 1 changes nothing), hue (-0.5 to 0.5, 0 changes nothing).
    order
        For each image a permutation of BRIGHTNESS, CONTRAST, SATURATION, HUE: the first operation first.

    Examples
    --------
    >>> image = torch.full((1, 3, 2, 2), 0.5)
    >>> brighter, order = torch.tensor([[1.5, 1.0, 1.0, 0.0]]), torch.tensor([[0, 1, 2, 3]])
    >>> f"{jitter(image, brighter, order).mean().item():.3f}"
    '0.750'
    """
    places = list(zip(*_blends(factors, order), strict=True))
    for weights in places[:3]:
        images = _blend(images, *weights)
    images = shift_hue(images, factors[:, HUE])
    for weights in places[3:]:
        images = _blend(images, *weights)
    return images


def _blend(images: Tensor, keep: Tensor, mean: Tensor, grey_weight: Tensor) -> Tensor:
    luminance = grey(images)
    offset = luminance.mean((1, 2), keepdim=True) * _per_image(mean)
    base = torch.addcmul(offset, luminance, _per_image(grey_weight))
    return torch.addcmul(base[:, None], images, _per_image(keep)[:, None]).clamp_(0, 1)


def _per_image(value: Tensor) -> Tensor:
    return value[:, None, None]
