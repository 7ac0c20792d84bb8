# SPDX-License-Identifier: Apache-2.0
"""How are an image's colours changed: brightness, contrast, saturation and hue, in an order of its own.

Equal to torchvision's `ColorJitter` and `RandomGrayscale` on float images (the colour distortion of SimCLR,
Chen et al. 2020, appendix A), for a whole batch with factors and an order per image.

Brightness, contrast and saturation are one operation, clamp(f * image + (1 - f) * base), with base zero,
the image's mean grey, or its grey. Hue is the expensive one and is evaluated once: the three places
before it and the three after it each hold one blend, and those that an image's order leaves empty blend
with f = 1, which changes no bit. So every order is the same seven steps, with nothing chosen by data.
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
    """Return the luminance of each pixel."""
    red, green, blue = images.unbind(1)
    return (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])


def grayscale(
    images: Float[Tensor, "example 3 size size"], chosen: Bool[Tensor, " example"]
) -> Float[Tensor, "example 3 size size"]:
    """Replace the chosen images' three channels by their grey; the others keep every bit."""
    weight = _per_image(chosen.to(images.dtype))
    return torch.addcmul((grey(images) * weight)[:, None], images, 1 - weight[:, None])


def shift_hue(
    images: Float[Tensor, "example 3 size size"], shift: Float[Tensor, " example"]
) -> Float[Tensor, "example 3 size size"]:
    """Turn every pixel's hue, keeping its largest and smallest channel (HSV's value and saturation).

    A hue h in sixths of the circle, 0 being red, lies at a distance of
    ((max - red) + (green - min) + (blue - min)) / (max - min) from red, on green's side or on blue's;
    the new channels are the same relation read backwards.

    Parameters
    ----------
    images
        In [0, 1].
    shift
        Turn of the hue as a share of the circle, -0.5 to 0.5; 0 changes a pixel by rounding only.
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


class Blends(NamedTuple):
    """Weights of one blend per place and example: clamp(keep * image + mean * mean grey + grey * grey)."""

    keep: Float[Tensor, "place example"]
    mean: Float[Tensor, "place example"]
    grey: Float[Tensor, "place example"]


def blends(factors: Float[Tensor, "example 4"], order: Int[Tensor, "example 4"]) -> Blends:
    """Put each example's three blends into six places, three before its hue shift and three after.

    An operation that comes k-th in an example's order (k = 0 to 3) takes place k of the first half when
    hue comes later, and place k - 1 of the second half when hue came before it.
    """
    factor = factors.gather(1, order)
    step = torch.arange(4, device=order.device)
    turn = (order == HUE).to(torch.int8).argmax(1, keepdim=True)  # when hue's turn is
    filled = _two_halves(step < turn, step > turn)
    rest = 1 - factor
    weights = (factor, rest * (order == CONTRAST), rest * (order == SATURATION))
    keep, mean, grey_weight = (
        torch.where(filled, _two_halves(weight, weight), empty).T
        for weight, empty in zip(weights, (1.0, 0.0, 0.0), strict=True)
    )
    return Blends(keep, mean, grey_weight)


def _two_halves(before: Tensor, after: Tensor) -> Tensor:
    """Join what can come before hue (the first three in an order) and after it (the last three)."""
    return torch.cat((before[:, :3], after[:, 1:]), 1)


def jitter(
    images: Float[Tensor, "example 3 size size"],
    factors: Float[Tensor, "example 4"],
    order: Int[Tensor, "example 4"],
) -> Float[Tensor, "example 3 size size"]:
    """Change brightness, contrast, saturation and hue of each image, in its own order.

    Parameters
    ----------
    images
        In [0, 1].
    factors
        Brightness, contrast, saturation (from 0 up, 1 changes nothing), hue (-0.5 to 0.5, 0 changes nothing).
    order
        For each image a permutation of BRIGHTNESS, CONTRAST, SATURATION, HUE: what is done first, second, ...
    """
    places = list(zip(*blends(factors, order), strict=True))
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
