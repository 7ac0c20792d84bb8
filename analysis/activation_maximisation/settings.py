# SPDX-License-Identifier: Apache-2.0
"""Settings of the search: how images are found, how large they are, how many there are. Does not import torch."""

from dataclasses import dataclass
from typing import Literal

from dynamics.kinds import check_fields

Preset = Literal["robust", "thesis"]
CanvasKind = Literal["receptive-field", "image", "thesis"]

THESIS_STEPS = 1000
"""Number of steps of the thesis's ascent."""

STEPS_PER_PIXEL = 8
"""Steps of the robust ascent for each pixel of a training image's height: larger images take longer to form."""


@dataclass(frozen=True, kw_only=True)
class AscentSettings:
    """How images are found."""

    preset: Preset = "robust"
    """How to find images: robust (natural-looking images in [0, 1]) or thesis (plain ascent on pixels)."""
    canvas: CanvasKind | None = None
    """Size of the images. receptive-field: all that a unit sees, at most 4 training images wide. image: that,
    at most one training image. thesis: 11, 19, 27, 35 pixels. By default thesis for that preset, otherwise
    receptive-field where the last block's field is at most 4 images wide, and image where it is not."""
    steps: int | None = None
    """Steps of ascent; by default 1000 for thesis, and for robust 8 for each pixel of an image's height."""
    tiles: int = 36
    """Channels of each block, drawn at random; all where there are fewer."""
    random_state: int = 0
    """Seed of channels, starts and motions, the same for all methods."""

    def __post_init__(self) -> None:
        check_fields(self)

    def steps_for(self, image_size: int) -> int:
        """Return the number of steps in the settings, or one that suits training images of this height."""
        if self.steps is not None:
            return self.steps
        return THESIS_STEPS if self.preset == "thesis" else STEPS_PER_PIXEL * image_size
