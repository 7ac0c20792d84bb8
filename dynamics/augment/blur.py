# SPDX-License-Identifier: Apache-2.0
"""Gaussian blur of a batch, with a standard deviation per image and one small window for all.

Equal to torchvision's `GaussianBlur`, as SimCLR uses it (Chen et al. 2020, appendix A).
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def kernel_size(size: int) -> int:
    """Return the width of the window in pixels: a tenth of the image's size, made odd; 1, no blur, below 20 px.

    Examples
    --------
    >>> kernel_size(32), kernel_size(64)
    (3, 7)
    """
    return 2 * (int(0.1 * size) // 2) + 1


def _gaussian(sigma: Float[Tensor, " example"], taps: int) -> Float[Tensor, "example tap"]:
    """Return each example's Gaussian weights at the pixels around the centre; they sum to 1."""
    distance = torch.arange(taps, device=sigma.device) - (taps - 1) / 2
    # With sigma zero the exponent would be 0 / 0 at the centre; at 1e-3 all other weights are exactly zero.
    weights = torch.exp(-0.5 * (distance / sigma.clamp_min(1e-3)[:, None]) ** 2)
    return weights / weights.sum(1, keepdim=True)


def blur(
    images: Float[Tensor, "example channel size size"], sigma: Float[Tensor, " example"], *, taps: int
) -> Float[Tensor, "example channel size size"]:
    """Smooth each image by a Gaussian of its own, rows and columns in turn, mirrored at the edges.

    Parameters
    ----------
    images
        Any values.
    sigma
        Standard deviation in pixels; an image with 0 keeps every bit.
    taps
        Width of the window in pixels, odd, less than twice the image's size.

    Examples
    --------
    >>> step = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 3, 4, 4)
    >>> [f"{value:.2f}" for value in blur(step, torch.tensor([1.0]), taps=3)[0, 0, 0]]
    ['0.00', '0.27', '0.73', '1.00']
    """
    size, edge = images.shape[-1], taps // 2
    weights = _gaussian(sigma, taps)[:, :, None, None, None].unbind(1)
    padded = functional.pad(images, (edge, edge, edge, edge), mode="reflect")
    rows = padded[:, :, :size] * weights[0]
    for tap in range(1, taps):
        rows.addcmul_(padded[:, :, tap : tap + size], weights[tap])
    columns = rows[..., :size] * weights[0]
    for tap in range(1, taps):
        columns.addcmul_(rows[..., tap : tap + size], weights[tap])
    return columns
