# SPDX-License-Identifier: Apache-2.0
"""What joint-embedding methods share: encoder and projector see each view on its own, the loss compares them.

Batch norm's statistics are those of one view's batch, as in the published codes, which call the network once a view.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from dynamics.config import check_above_zero
from dynamics.console import UserError
from dynamics.methods._base import ImageStatistics
from dynamics.methods._retrieval import ViewMethod, ViewRecipe
from dynamics.projectors import mlp


@dataclass(frozen=True, kw_only=True)
class JointRecipe(ViewRecipe):
    """Views, encoder, projector."""

    projector: tuple[int, ...] = (1024, 1024, 1024)
    """Outputs of the projector's linear layers; batch norm and ReLU between them."""
    projector_norm: bool = True
    """Batch norm after the projector's last layer, too."""
    panel_temperature: float = 0.07
    """Divisor of the cosines in the probability that the panel records; training does not use it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(width < 1 for width in self.projector):
            raise UserError(f"--projector {self.projector}: use widths of 1 or more")
        check_above_zero(self, "panel_temperature")


@dataclass(frozen=True, kw_only=True)
class CropRecipe(JointRecipe):
    """The VICReg coursework's: resized crops and flips only, Adam, 30 epochs.

    It prints neither the learning rate nor a schedule; 1e-3 along one cosine are ours.
    """

    epochs: int = 30
    lr: float = 1e-3
    weight_decay: float = 1e-6
    schedule_period: int = 30
    jitter_probability: float = 0.0
    grayscale_probability: float = 0.0
    blur: bool = False


QUICK: dict[str, Any] = {
    "epochs": 40,
    "lr": 2e-3,
    "schedule_period": 40,
    "crop_scale_min": 0.5,  # 8 x 8 pixels: less of them is no digit any more
    "flip_probability": 0.0,  # a mirrored digit is another one
    "jitter_probability": 0.8,
    "jitter_strength": 0.5,
    "projector": (96, 96),
}
"""What the preset `quick` changes for all of them."""


class JointMethod(ViewMethod):
    """Two or more views of each image, embedded by encoder and projector."""

    recipe: Any

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.head = mlp(self.encoder.num_features, recipe.projector, norm_last=recipe.projector_norm)

    @property
    def temperature(self) -> float:
        """Divisor of the cosines in the recorded probability."""
        return self.recipe.panel_temperature

    @property
    def dimensions(self) -> int:
        """Outputs of the projector, d."""
        return self.recipe.projector[-1] if self.recipe.projector else self.encoder.num_features

    def embed(
        self, views: Float[Tensor, "view batch channel height width"]
    ) -> Float[Tensor, "view batch output"]:
        """Return the embeddings of each view, one call of the network a view."""
        return torch.stack([self(view) for view in views])
