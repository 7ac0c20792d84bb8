# SPDX-License-Identifier: Apache-2.0
"""BYOL: predict the embedding of the other view by a momentum copy (Grill et al., 2020, arXiv:2006.07733).

    L = [2 - 2 cos(q(z), xi')] + [2 - 2 cos(q(z'), xi)]        (eqs. 2 and 3)

q is the predictor, xi the embedding by the momentum copy. The panel compares z, before the predictor.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from dynamics.config import check_min
from dynamics.methods.base import ImageStatistics
from dynamics.methods.momentum import MomentumFields, MomentumMethod
from dynamics.methods.terms import cosine_of_others
from dynamics.methods.views import JointRecipe, mlp


@dataclass(frozen=True, kw_only=True)
class Recipe(MomentumFields, JointRecipe):
    """BYOL's projector and predictor, SimCLR's views, Adam."""

    projector: tuple[int, ...] = (4096, 256)
    projector_norm: bool = False
    predictor_hidden: int = 4096
    """Outputs of the predictor's hidden layer; its output has the projector's dimensions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_min(self, 1, "predictor_hidden")


class Method(MomentumMethod):
    """Two views; a predictor, and a momentum copy that gives its targets."""

    recipe_type = Recipe

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        widths = (recipe.predictor_hidden, self.dimensions)
        self.predictor = mlp(self.dimensions, widths, norm_last=False, bias_last=True)

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the sum of both directions, 0 (predictions equal their targets) to 8."""
        with self.autocast(views.device):
            embeddings = [self.head(self.encoder(view)) for view in views]
            predictions = torch.stack([self.predictor(embedding) for embedding in embeddings]).float()
        targets = torch.stack([self.target(view) for view in views])
        return {"loss": 4 - 4 * cosine_of_others(predictions, targets)}
