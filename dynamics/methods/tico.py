# SPDX-License-Identifier: Apache-2.0
"""TiCo: transformation invariance and covariance contrast (Zhu et al., 2022, arXiv:2206.10698).

    L = -mean_i cos(z_i, z'_i) + rho mean_i z_i^T C z_i,    C <- beta C + (1 - beta) z^T z / n

z are the L2-normalised embeddings of the first view; C carries no gradient and is updated before it is used. z' are
those of the second view by a momentum copy of the network, as in the paper, which adds the constant 1.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from dynamics.config import check_fraction, check_non_negative
from dynamics.methods.base import ImageStatistics
from dynamics.methods.momentum import MomentumFields, MomentumMethod
from dynamics.methods.terms import along_moments, updated_moments
from dynamics.methods.views import CropRecipe


@dataclass(frozen=True, kw_only=True)
class Recipe(MomentumFields, CropRecipe):
    """TiCo with its paper's weights and the coursework's views."""

    projector: tuple[int, ...] = (4096, 256)
    projector_norm: bool = False
    contrast_weight: float = 8.0
    """Weight of the covariance contrast, rho; without it, embeddings collapse."""
    moment_decay: float = 0.9
    """Share of the second moments that is kept at a step, beta."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_non_negative(self, "contrast_weight")
        check_fraction(self, "moment_decay")


class Method(MomentumMethod):
    """Two views; their cosine, and a contrast with the second moments of earlier embeddings."""

    recipe_type = Recipe
    terms: ClassVar[tuple[str, ...]] = ("loss", "invariance", "contrast")
    moments: Tensor

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.register_buffer("moments", torch.zeros(self.dimensions, self.dimensions))

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the loss; `invariance` is -1 (views agree) to 1, `contrast` is without its weight."""
        first, second = self(views[0]), self.target(views[1])
        terms, self._next = tico_terms(first, second, self.moments, decay=self.recipe.moment_decay)
        return {"loss": terms["invariance"] + self.recipe.contrast_weight * terms["contrast"], **terms}

    def after_step(self) -> None:
        """Keep the second moments, and let the copy follow."""
        super().after_step()
        self.moments.copy_(self._next)


def tico_terms(
    first: Float[Tensor, "batch output"],
    second: Float[Tensor, "batch output"],
    moments: Float[Tensor, "output output"],
    *,
    decay: float,
) -> tuple[dict[str, Tensor], Tensor]:
    """Return invariance and contrast of two views' embeddings, of any length, and the updated second moments."""
    first, second = functional.normalize(first, dim=-1), functional.normalize(second, dim=-1)
    updated = updated_moments(moments, first, decay=decay)
    terms = {
        "invariance": -(first * second).sum(dim=-1).mean(),
        "contrast": along_moments(first, updated),
    }
    return terms, updated
