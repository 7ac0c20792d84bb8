# SPDX-License-Identifier: Apache-2.0
"""VICReg: invariance, variance, covariance (Bardes, Ponce and LeCun, 2022, arXiv:2105.04906).

    L = lambda s(Z, Z') + mu [v(Z) + v(Z')] + nu [c(Z) + c(Z')]

Three conventions are in use, and the weights 25, 25, 1 mean a different loss in each; `convention` chooses:

| convention | invariance s | variance v(Z) + v(Z') |
| --- | --- | --- |
| coursework (default) | mean over images and dimensions | summed |
| paper (eqs. 1 to 6) | mean over images of the squared distance | summed |
| official (the authors' implementation, and lightly) | mean over images and dimensions | halved |

The covariance term is the same in all. The coursework takes the standard deviation without epsilon, whose gradient
is infinite where a dimension is constant; `variance_eps` 0 reproduces that.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float, Int64
from torch import Tensor

from dynamics.config import check_non_negative
from dynamics.methods.terms import infinite_at_no_eps, squared_covariance, squared_distance, variance_hinge
from dynamics.methods.views import CropRecipe, JointMethod

Convention = Literal["coursework", "paper", "official"]


@dataclass(frozen=True, kw_only=True)
class Recipe(CropRecipe):
    """VICReg as the coursework trained it."""

    invariance_weight: float = 25.0
    """Weight of the invariance term, the distance of the views, lambda."""
    variance_weight: float = 25.0
    """Weight of the hinge on the standard deviations, mu; at 0, embeddings collapse to a point."""
    covariance_weight: float = 1.0
    """Weight of the squared covariances, nu; at 0, embeddings collapse to few dimensions."""
    variance_eps: float = 1e-4
    """Added to a variance before its square root is taken."""
    convention: Convention = "coursework"
    """Definition of the terms: coursework, paper or official (the authors' implementation)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_non_negative(self, "invariance_weight", "variance_weight", "covariance_weight")
        check_non_negative(self, "variance_eps")


class Method(JointMethod):
    """Two views; the three terms of VICReg."""

    recipe_type = Recipe
    terms: ClassVar[tuple[str, ...]] = ("loss", "invariance", "variance", "covariance")

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
        terms = vicreg_terms(first, second, eps=recipe.variance_eps, convention=recipe.convention)
        loss = (
            recipe.invariance_weight * terms["invariance"]
            + recipe.variance_weight * terms["variance"]
            + recipe.covariance_weight * terms["covariance"]
        )
        return {"loss": loss, **terms}


def vicreg_terms(
    first: Float[Tensor, "batch output"],
    second: Float[Tensor, "batch output"],
    *,
    eps: float,
    convention: Convention,
) -> dict[str, Tensor]:
    """Return invariance, variance and covariance of two views' embeddings, each 0 or more, by a convention.

    Examples
    --------
    >>> import torch
    >>> zeros, ones = torch.zeros(4, 2), torch.ones(4, 2)
    >>> terms = vicreg_terms(zeros, ones, eps=1e-4, convention="paper")
    >>> {name: round(value.item(), 2) for name, value in terms.items()}
    {'invariance': 2.0, 'variance': 1.98, 'covariance': 0.0}
    """
    per_image = convention == "paper"
    halved = convention == "official"
    variance = variance_hinge(first, eps=eps) + variance_hinge(second, eps=eps)
    return {
        "invariance": squared_distance(first, second) / (1 if per_image else first.shape[1]),
        "variance": variance / (2 if halved else 1),
        "covariance": squared_covariance(first) + squared_covariance(second),
    }
