# SPDX-License-Identifier: Apache-2.0
"""From bytes to the input of a network: scaled to [0, 1], then normalised per channel."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from dynamics.errors import UserError


def unit(images: UInt8[Tensor, "batch channel size size"]) -> Float[Tensor, "batch channel size size"]:
    """Map 0..255 to [0, 1].

    Examples
    --------
    >>> unit(torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)).flatten()
    tensor([0.0000, 0.2000, 1.0000])
    """
    return images.to(torch.float32).div_(255)


def normalise(
    images: Float[Tensor, "batch channel size size"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "batch channel size size"]:
    """Subtract the mean of each channel and divide by its standard deviation, in place.

    The constants are numbers, not tensors: moving a tensor to the device would make the host wait for it.

    Examples
    --------
    >>> normalise(torch.ones(1, 3, 1, 1), mean=(0.5, 0.5, 0.0), std=(0.25, 0.5, 1.0)).flatten()
    tensor([2., 1., 1.])
    """
    for channel, centre, spread in zip(images.unbind(1), mean, std, strict=True):
        if (centre, spread) != (0, 1):
            channel.sub_(centre).div_(spread)
    return images


def check_normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Refuse constants that no image can be normalised by.

    Raises
    ------
    UserError
        When there are not three of each, or a standard deviation is not positive.

    Examples
    --------
    >>> check_normalisation(mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    """
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise UserError(f"`mean` and `std` must be three numbers each, `std` > 0, got {mean} and {std}")
