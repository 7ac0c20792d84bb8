# SPDX-License-Identifier: Apache-2.0
"""VICReg + TiCo: VICReg with TiCo's covariance term (the loss-modification slides; arXiv:2105.04906, 2206.10698).

    L = lambda s(Z, Z') + mu [v(Z) + v(Z')] / 2 + rho mean_i z_i^T C z_i,    C <- beta C + (1 - beta) z^T z / n

As on the slides, s is the mean over images and dimensions, the variance term is halved, lambda 20 and mu 25 are those
of the slides' best VICReg, and z are the embeddings of the first view, not normalised. The slides do not give rho: in d
decorrelated dimensions of variance 1 the last term is about d, so that the default 0.001 makes it about 1 for d = 1024.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from dynamics.config import check_fraction, check_non_negative
from dynamics.methods.base import ImageStatistics
from dynamics.methods.terms import (
    along_moments,
    infinite_at_no_eps,
    squared_distance,
    updated_moments,
    variance_hinge,
)
from dynamics.methods.views import CropRecipe, JointMethod


@dataclass(frozen=True, kw_only=True)
class Recipe(CropRecipe):
    """The hybrid with the slides' weights."""

    invariance_weight: float = 20.0
    """Weight of the invariance term, the distance of the views, lambda."""
    variance_weight: float = 25.0
    """Weight of the hinge on the standard deviations, mu."""
    variance_eps: float = 1e-4
    """Added to a variance before its square root is taken."""
    contrast_weight: float = 0.001
    """Weight of TiCo's term, rho."""
    moment_decay: float = 0.9
    """Weight of the earlier second moments in a step's average, beta."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_non_negative(self, "invariance_weight", "variance_weight", "contrast_weight")
        check_non_negative(self, "variance_eps")
        check_fraction(self, "moment_decay")


class Method(JointMethod):
    """Two views; VICReg's invariance and variance, TiCo's contrast."""

    recipe_type = Recipe
    terms: ClassVar[tuple[str, ...]] = ("loss", "invariance", "variance", "contrast")
    moments: Tensor

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.register_buffer("moments", torch.zeros(self.dimensions, self.dimensions))

    def why_not_finite(self) -> str:
        """Name the epsilon without which the gradient of a constant dimension is infinite."""
        return f"{infinite_at_no_eps(self.recipe.variance_eps)}{super().why_not_finite()}"

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the weighted sum, and the three terms unweighted."""
        recipe = self.recipe
        first, second = self.embed(views)
        terms, self._next = hybrid_terms(
            first, second, self.moments, decay=recipe.moment_decay, eps=recipe.variance_eps
        )
        loss = (
            recipe.invariance_weight * terms["invariance"]
            + recipe.variance_weight * terms["variance"]
            + recipe.contrast_weight * terms["contrast"]
        )
        return {"loss": loss, **terms}

    def after_step(self) -> None:
        """Store the updated second moments."""
        self.moments.copy_(self._next)


def hybrid_terms(
    first: Float[Tensor, "batch output"],
    second: Float[Tensor, "batch output"],
    moments: Float[Tensor, "output output"],
    *,
    decay: float,
    eps: float,
) -> tuple[dict[str, Tensor], Tensor]:
    """Return invariance, variance and contrast of two views' embeddings, and the updated second moments.

    Examples
    --------
    >>> view = torch.tensor([[1.0], [-1.0]])
    >>> terms, moments = hybrid_terms(view, -view, torch.zeros(1, 1), decay=0.5, eps=1e-4)
    >>> {name: round(value.item(), 3) for name, value in terms.items()}
    {'invariance': 4.0, 'variance': 0.0, 'contrast': 0.5}
    """
    updated = updated_moments(moments, first, decay=decay)
    terms = {
        "invariance": squared_distance(first, second) / first.shape[1],
        "variance": (variance_hinge(first, eps=eps) + variance_hinge(second, eps=eps)) / 2,
        "contrast": along_moments(first, updated),
    }
    return terms, updated
