# SPDX-License-Identifier: Apache-2.0
"""How is a view blurred: a Gaussian of its own width per image, on a fixed small window.

Equal to torchvision's `GaussianBlur` (SimCLR, Chen et al. 2020, appendix A), for a whole batch.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def kernel_size(size: int) -> int:
    """Return a tenth of the image's size, made odd: 3 at 32 px, 7 at 64; 1, no blur, below 20."""
    return 2 * (int(0.1 * size) // 2) + 1


def gaussian(sigma: Float[Tensor, " example"], taps: int) -> Float[Tensor, "example tap"]:
    """Return each example's Gaussian weights at whole pixels around the centre; they sum to one."""
    distance = torch.arange(taps, device=sigma.device) - (taps - 1) / 2
    # With sigma zero the exponent would be 0 / 0 at the centre; at 1e-3 all other weights are exactly zero.
    weights = torch.exp(-0.5 * (distance / sigma.clamp_min(1e-3)[:, None]) ** 2)
    return weights / weights.sum(1, keepdim=True)


def blur(
    images: Float[Tensor, "example channel size size"], sigma: Float[Tensor, " example"], *, taps: int
) -> Float[Tensor, "example channel size size"]:
    """Smooth each image by its own Gaussian, rows and columns in turn, mirrored at the edges.

    Parameters
    ----------
    images
        Any values.
    sigma
        Standard deviation in pixels; an image with 0 keeps every bit.
    taps
        Width of the window in pixels, odd, less than twice the image's size.
    """
    size, edge = images.shape[-1], taps // 2
    weights = gaussian(sigma, taps)[:, :, None, None, None].unbind(1)
    padded = functional.pad(images, (edge, edge, edge, edge), mode="reflect")
    rows = padded[:, :, :size] * weights[0]
    for tap in range(1, taps):
        rows.addcmul_(padded[:, :, tap : tap + size], weights[tap])
    columns = rows[..., :size] * weights[0]
    for tap in range(1, taps):
        columns.addcmul_(rows[..., tap : tap + size], weights[tap])
    return columns
