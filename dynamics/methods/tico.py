# SPDX-License-Identifier: Apache-2.0
"""TiCo: transformation invariance and covariance contrast (Zhu et al., 2022, arXiv:2206.10698).

    L = -mean_i cos(z_i, z'_i) + rho mean_i z_i^T C z_i,    C <- beta C + (1 - beta) z^T z / n

z are the L2-normalised embeddings of the first view; C has no gradient and is updated before it is used. z' are
those of the second view by a momentum copy of the network, as in the paper, whose loss is larger by the constant 1.
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
    """Weight of the covariance contrast, rho; embeddings collapse when it is 0."""
    moment_decay: float = 0.9
    """Weight of the earlier second moments in a step's average, beta."""

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
        """Return the loss; `invariance` is -1 (views agree) to 1, `contrast` is unweighted."""
        first, second = self(views[0]), self.target(views[1])
        terms, self._next = tico_terms(first, second, self.moments, decay=self.recipe.moment_decay)
        return {"loss": terms["invariance"] + self.recipe.contrast_weight * terms["contrast"], **terms}

    def after_step(self) -> None:
        """Store the updated second moments, and move the copy."""
        super().after_step()
        self.moments.copy_(self._next)


def tico_terms(
    first: Float[Tensor, "batch output"],
    second: Float[Tensor, "batch output"],
    moments: Float[Tensor, "output output"],
    *,
    decay: float,
) -> tuple[dict[str, Tensor], Tensor]:
    """Return invariance and contrast of two views' embeddings, of any length, and the updated second moments.

    Examples
    --------
    >>> view = torch.tensor([[3.0, 4.0]])
    >>> terms, moments = tico_terms(view, view, torch.zeros(2, 2), decay=0.5)
    >>> {name: round(value.item(), 3) for name, value in terms.items()}
    {'invariance': -1.0, 'contrast': 0.5}
    """
    first, second = functional.normalize(first, dim=-1), functional.normalize(second, dim=-1)
    updated = updated_moments(moments, first, decay=decay)
    terms = {
        "invariance": -(first * second).sum(dim=-1).mean(),
        "contrast": along_moments(first, updated),
    }
    return terms, updated
