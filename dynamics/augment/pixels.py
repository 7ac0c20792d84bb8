# SPDX-License-Identifier: Apache-2.0
"""How do bytes become the numbers that a network sees: [0, 1], then normalised per channel."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dynamics.errors import UserError


def unit(images: UInt8[Tensor, "batch channel size size"]) -> Float[Tensor, "batch channel size size"]:
    """Map 0..255 to [0, 1]."""
    return images.to(torch.float32).div_(255)


def normalise(
    images: Float[Tensor, "batch channel size size"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "batch channel size size"]:
    """Subtract the mean of each channel and divide by its standard deviation, in place.

    The constants are numbers, not tensors: moving a tensor to the device would make the host wait for it.
    """
    for channel, centre, spread in zip(images.unbind(1), mean, std, strict=True):
        if (centre, spread) != (0, 1):
            channel.sub_(centre).div_(spread)
    return images


def check_normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Refuse constants that no image can be normalised by."""
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise UserError(f"`mean` and `std` must be three numbers each, `std` > 0, got {mean} and {std}")


def check_probability(name: str, value: float) -> None:
    """Refuse what is no probability."""
    if not 0 <= value <= 1:
        raise UserError(f"`{name}` must be in [0, 1], got {value}")
