# SPDX-License-Identifier: Apache-2.0
"""Views of the methods that learn from labels: padded crops and flips, or the image itself.

The weak augmentation of the memorization thesis, as torchvision would compose it, with parameters drawn for
every image; and none, which the thesis's random-label setting needs.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from dynamics.augment.crop import shifted_crop
from dynamics.augment.pixels import check_normalisation, normalise, unit
from dynamics.augment.views import Draw
from dynamics.config import check_fraction
from dynamics.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CropFlipDraw(Draw):
    """Parameters of a padded crop and a flip."""

    offset: Int64[Tensor, "example 2"]
    """First row and column of the window in the padded image."""
    flip: Bool[Tensor, " example"]


@dataclass(frozen=True, kw_only=True)
class CropFlipViews:
    """A window of the zero-padded image, mirrored or not, then normalised per channel."""

    padding: int = 4
    """Black pixels on each side before a crop of the image's own size."""
    flip_probability: float = 0.5
    """Probability that a view is mirrored left to right."""
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Mean per channel, subtracted from the pixels in [0, 1]."""
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Standard deviation per channel, by which the difference is divided."""

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise UserError(f"`padding` must be >= 0, got {self.padding}")
        check_fraction(self, "flip_probability")
        check_normalisation(self.mean, self.std)

    @property
    def deterministic(self) -> bool:
        """Whether neither the crop nor the flip has a choice."""
        return self.padding == 0 and self.flip_probability in (0, 1)

    def draw(
        self, n: int, size: int, *, generator: torch.Generator, device: torch.device | str | None = None
    ) -> CropFlipDraw:
        """Draw the parameters of `n` views; see :class:`~dynamics.augment.views.Views`."""
        uniform = torch.rand(n, 3, generator=generator, device=generator.device)
        draw = CropFlipDraw(
            offset=(uniform[:, :2] * (2 * self.padding + 1)).long(),
            flip=uniform[:, 2] < self.flip_probability,
        )
        return draw if device is None else draw.to(device)

    def render(
        self, images: UInt8[Tensor, "batch 3 size size"], draw: CropFlipDraw
    ) -> Float[Tensor, "batch 3 size size"]:
        """Make the views that were drawn, normalised; see :class:`~dynamics.augment.views.Views`."""
        draw.check(images)
        cut = shifted_crop(images, draw.offset, draw.flip, padding=self.padding)
        return normalise(unit(cut), self.mean, self.std)

    def clean(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 3 size size"]:
        """Return the images, normalised; see :class:`~dynamics.augment.views.Views`."""
        return normalise(unit(images), self.mean, self.std)


@dataclass(frozen=True, kw_only=True)
class IdentityDraw(Draw):
    """No parameters: only the number of examples is kept."""

    example: Int64[Tensor, " example"]


@dataclass(frozen=True, kw_only=True)
class IdentityViews:
    """The image itself, normalised per channel where asked."""

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Mean per channel, subtracted from the pixels in [0, 1]."""
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Standard deviation per channel, by which the difference is divided."""

    def __post_init__(self) -> None:
        check_normalisation(self.mean, self.std)

    @property
    def deterministic(self) -> bool:
        """True: there is only one view."""
        return True

    def draw(
        self, n: int, size: int, *, generator: torch.Generator, device: torch.device | str | None = None
    ) -> IdentityDraw:
        """Draw nothing; the generator is left as it was."""
        return IdentityDraw(example=torch.arange(n, device=generator.device if device is None else device))

    def render(
        self, images: UInt8[Tensor, "batch 3 size size"], draw: IdentityDraw
    ) -> Float[Tensor, "batch 3 size size"]:
        """Return the images themselves, normalised; see :class:`~dynamics.augment.views.Views`."""
        draw.check(images)
        return self.clean(images)

    def clean(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 3 size size"]:
        """Return the images, normalised; see :class:`~dynamics.augment.views.Views`."""
        return normalise(unit(images), self.mean, self.std)
