# SPDX-License-Identifier: Apache-2.0
"""SimCLR's views: resized crop, flip, colour jitter, grey, blur.

The strong augmentation of Chen et al. 2020 (appendix A) with the memorization thesis's defaults, as
torchvision would compose it on float images, with parameters drawn for every image.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from dynamics.augment import blur, colour, crop
from dynamics.augment.pixels import unit
from dynamics.augment.views import Draw
from dynamics.config import check_fraction
from dynamics.errors import UserError

CACHED_PIXELS = 2**18
"""Pixels that a CPU processes at a time: 256 images of 32 px; at 64 px, 256 at once take 1.5 times as long."""


@dataclass(frozen=True, kw_only=True)
class SimCLRDraw(Draw):
    """Parameters of SimCLR's views; those of an operation that is switched off are absent."""

    box: Float[Tensor, "example 4"]
    """Top, left, height, width of the crop in pixels."""
    flip: Bool[Tensor, " example"]
    factors: Float[Tensor, "example 4"] | None
    """Brightness, contrast, saturation, hue; 1, 1, 1, 0 where the colours stay."""
    order: Int64[Tensor, "example 4"] | None
    """The order in which those four are applied, as indices into them."""
    grey: Bool[Tensor, " example"] | None
    sigma: Float[Tensor, " example"] | None
    """Standard deviation of the blur in pixels."""


@dataclass(frozen=True, kw_only=True)
class SimCLRViews:
    """Resized crop, flip, colour jitter, grey, blur: pixels in [0, 1] (Chen et al. 2020, appendix A).

    The defaults are the thesis's. Every view uses the same number of random numbers, so changing one field
    leaves the other operations' parameters as they were.
    """

    crop_scale_min: float = 0.08
    """Smallest fraction of the image's area that a crop keeps; the largest is all of it."""
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Smallest and largest width / height of a crop."""
    flip_probability: float = 0.5
    """Probability that a view is mirrored left to right."""
    jitter_probability: float = 0.8
    """Probability that brightness, contrast, saturation and hue change; 0 switches the operation off."""
    jitter_strength: float = 1.0
    """Strength s of that change: factors within 0.8 s of 1 (but >= 0), hue within 0.2 s of the circle."""
    grayscale_probability: float = 0.2
    """Probability of a grey view; 0 switches the operation off."""
    blur: bool = True
    """Whether views are blurred, over a tenth of the image's size (3 px at 32, none below 20)."""
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    """Smallest and largest standard deviation of the blur, in pixels."""

    def __post_init__(self) -> None:
        check_fraction(self, "flip_probability", "jitter_probability", "grayscale_probability")
        if not 0 < self.crop_scale_min <= 1:
            raise UserError(f"`crop_scale_min` must be in (0, 1], got {self.crop_scale_min}")
        if not 0 < self.crop_ratio[0] <= self.crop_ratio[1] < float("inf"):
            raise UserError(f"`crop_ratio` must be two numbers > 0, the smaller first, got {self.crop_ratio}")
        if not 0 <= self.jitter_strength <= 2.5:
            raise UserError(
                f"`jitter_strength` must be in [0, 2.5] (at most half a rotation of hue), got {self.jitter_strength}"
            )
        if not 0 < self.blur_sigma[0] <= self.blur_sigma[1] < float("inf"):
            raise UserError(f"`blur_sigma` must be two numbers > 0, the smaller first, got {self.blur_sigma}")

    @property
    def deterministic(self) -> bool:
        """False: the crop is random whatever else is switched off."""
        return False

    def draw(
        self, n: int, size: int, *, generator: torch.Generator, device: torch.device | str | None = None
    ) -> SimCLRDraw:
        """Draw the parameters of `n` views; see :class:`~dynamics.augment.views.Views`."""
        widths = [2 * crop.TRIES + 2, 3, 4, 4, 1]
        uniform = torch.rand(n, sum(widths), generator=generator, device=generator.device)
        boxes, chance, factors, order, sigma = torch.split(uniform, widths, dim=1)
        jittered = self.jitter_probability > 0
        low, high = self.blur_sigma
        draw = SimCLRDraw(
            box=crop.resized_boxes(boxes, size, scale=(self.crop_scale_min, 1.0), ratio=self.crop_ratio),
            flip=chance[:, 0] < self.flip_probability,
            factors=self._factors(factors, chance[:, 1:2] < self.jitter_probability) if jittered else None,
            order=order.argsort(1) if jittered else None,
            grey=chance[:, 2] < self.grayscale_probability if self.grayscale_probability > 0 else None,
            sigma=low + (high - low) * sigma[:, 0] if self.blur else None,
        )
        return draw if device is None else draw.to(device)

    def _factors(self, uniform: Tensor, chosen: Tensor) -> Tensor:
        """Return brightness, contrast, saturation (around 1) and hue (around 0)."""
        spread, turn = 0.8 * self.jitter_strength, 0.2 * self.jitter_strength
        smallest = max(0.0, 1 - spread)
        blends = smallest + (1 + spread - smallest) * uniform[:, :3]
        hue = turn * (2 * uniform[:, 3:] - 1)
        return torch.cat((torch.where(chosen, blends, 1.0), torch.where(chosen, hue, 0.0)), 1)

    def render(
        self, images: UInt8[Tensor, "batch 3 size size"], draw: SimCLRDraw
    ) -> Float[Tensor, "batch 3 size size"]:
        """Make the views that were drawn, in [0, 1]; see :class:`~dynamics.augment.views.Views`."""
        draw.check(images)
        size = images.shape[-1]
        chunk = max(1, CACHED_PIXELS // size**2)
        if images.device.type != "cpu" or len(images) <= chunk:
            return self._render(images, draw)
        starts = range(0, len(images), chunk)
        return torch.cat([self._render(images[i : i + chunk], draw[i : i + chunk]) for i in starts])

    def _render(self, images: Tensor, draw: SimCLRDraw) -> Tensor:
        views = crop.resized_crop(unit(images), draw.box, draw.flip)
        if draw.factors is not None and draw.order is not None:
            views = colour.jitter(views, draw.factors, draw.order)
        if draw.grey is not None:
            views = colour.grayscale(views, draw.grey)
        taps = blur.kernel_size(images.shape[-1])
        if draw.sigma is not None and taps > 1:
            views = blur.blur(views, draw.sigma, taps=taps)
        return views

    def clean(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 3 size size"]:
        """Return the images in [0, 1]; see :class:`~dynamics.augment.views.Views`."""
        return unit(images)
