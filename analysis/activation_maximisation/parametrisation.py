# SPDX-License-Identifier: Apache-2.0
"""The parameters of an image that is optimised: a Fourier spectrum, in the colours and contrast of the data.

An image is sigmoid(m + z), z = R s. Here m and C = R R are the mean and the covariance of the colours of the
data, as logits, and s is the inverse Fourier transform of the parameters, each divided by its frequency.
Gradient steps then move slow and fast changes as much as natural images have of them, along the colours
that the data have (Olah et al., 2017, "Feature Visualization", section "Preconditioning and parameterization"):
grey data give grey images. All pixels stay within [0, 1].

Without a bound, ascent ends in black and white. As in Erhan et al. (2009), "Visualizing higher-layer features of
a deep network", section 3, the norm is bounded by that of the data: the mean of |z|^2 over the pixels of an
image is at most trace C. Real images and these then drive a unit with the same contrast.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

START_SD = 0.5
"""Standard deviation of the spectrum at the start: clouds, of the contrast of the data. Small compared with
the distance that a parameter moves in some dozen steps, so that little of the start is left."""

PIXEL_RANGE = (0.02, 0.98)
"""Pixels are clipped to this range: the logits of 0 and 1 are infinite."""


class Colours(NamedTuple):
    """Mean and spread of the colours of a data set, as logits of pixels in [0, 1]."""

    mean: Float[Tensor, " channel"]
    root: Float[Tensor, "channel channel"]
    """Symmetric root of the covariance."""

    @property
    def contrast(self) -> Float[Tensor, ""]:
        """Mean squared distance of a colour from the mean: the trace of the covariance."""
        return self.root.square().sum()


def colours_of(images: UInt8[Tensor, "example channel height width"], *, batch: int = 1000) -> Colours:
    """Measure the colours of all pixels of a data set.

    Examples
    --------
    >>> grey = torch.tensor([0, 100, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 4, 4)
    >>> colours = colours_of(grey)
    >>> colours.mean.sigmoid().round(decimals=2)
    tensor([0.4600, 0.4600, 0.4600])
    >>> int(torch.linalg.matrix_rank(colours.root, rtol=1e-3))  # grey data have one direction of colours
    1
    """
    channels = images.shape[1]
    logits = (torch.arange(256, dtype=torch.float64) / 255).clamp(*PIXEL_RANGE).logit()
    total = torch.zeros(channels, dtype=torch.float64)
    products = torch.zeros(channels, channels, dtype=torch.float64)
    for part in images.split(batch):
        pixels = logits[part.transpose(0, 1).flatten(1).cpu().int()]
        total += pixels.sum(dim=1)
        products += pixels @ pixels.T
    count = images[:, 0].numel()
    mean = total / count
    variance, axes = torch.linalg.eigh(products / count - mean.outer(mean))
    root = (axes * variance.clamp(min=0).sqrt()) @ axes.T
    return Colours(mean.float(), root.float())


class FourierImages:
    """A batch of square images whose parameters are their spectra.

    Parameters
    ----------
    count, size
        Number of images, and their height in pixels.
    colours
        Colours of the data set, on the device of the images.
    generator
        Source of the start, on the CPU: the same on every device.
    """

    def __init__(self, count: int, size: int, colours: Colours, *, generator: torch.Generator) -> None:
        device = colours.mean.device
        self._shape = (count, len(colours.mean), size, size // 2 + 1, 2)
        self.spectrum = torch.empty(self._shape, device=device)
        """The parameters: real and imaginary part for each frequency."""
        self.spectrum.copy_(self.start(generator)).requires_grad_()
        down, across = torch.fft.fftfreq(size, device=device), torch.fft.rfftfreq(size, device=device)
        frequency = torch.hypot(down.unsqueeze(1), across.unsqueeze(0))
        # Parameters of 1 make each frequency f of f * size waves an amplitude of the order 1 / (f * size).
        self._scale = 1 / frequency.clamp(min=1 / size)
        self._colours = colours

    def start(self, generator: torch.Generator) -> Float[Tensor, "tile channel size half 2"]:
        """Draw a spectrum to start from."""
        return torch.randn(self._shape, generator=generator) * START_SD

    def images(self) -> Float[Tensor, "tile channel size size"]:
        """Return the images, in [0, 1]."""
        size = self._shape[2]
        scaled = torch.view_as_complex(self.spectrum) * self._scale
        plain = torch.fft.irfft2(scaled, s=(size, size), norm="ortho")
        moved = torch.einsum("cd,tdhw->tchw", self._colours.root, plain)
        norm = moved.square().sum(dim=1).mean(dim=(1, 2)).clamp(min=1e-12)
        moved = moved * (self._colours.contrast / norm).sqrt().clamp(max=1).view(-1, 1, 1, 1)
        return torch.sigmoid(self._colours.mean.view(1, -1, 1, 1) + moved)
