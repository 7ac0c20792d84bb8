# SPDX-License-Identifier: Apache-2.0
"""Barlow Twins: the cross-correlation of two views should be the identity (Zbontar et al., 2021, arXiv:2103.03230).

    L = sum_i (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2        (eq. 1)

C is the correlation of the dimensions of the two views, each standardised over its own batch (biased variance plus
1e-5, as batch norm does). The authors' implementation multiplies the loss by 0.024; here it is the paper's.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from dynamics.config import check_non_negative
from dynamics.methods.views import CropRecipe, JointMethod


@dataclass(frozen=True, kw_only=True)
class Recipe(CropRecipe):
    """Barlow Twins with the coursework's projector and views."""

    projector: tuple[int, ...] = (8192, 8192, 8192)
    projector_norm: bool = False
    redundancy_weight: float = 0.005
    """Weight of the redundancy term, the correlations of different dimensions, lambda."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_non_negative(self, "redundancy_weight")


class Method(JointMethod):
    """Two views; their cross-correlation is compared with the identity."""

    recipe_type = Recipe
    terms: ClassVar[tuple[str, ...]] = ("loss", "invariance", "redundancy")

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the loss, and its sums over the diagonal and off the diagonal, unweighted."""
        terms = barlow_terms(*self.embed(views))
        return {"loss": terms["invariance"] + self.recipe.redundancy_weight * terms["redundancy"], **terms}

    def compared(self, outputs: Float[Tensor, "view batch output"]) -> Float[Tensor, "view batch output"]:
        """Return the standardised embeddings: what the loss correlates."""
        return torch.stack([standardised(view) for view in outputs])


def standardised(
    embeddings: Float[Tensor, "batch output"], *, eps: float = 1e-5
) -> Float[Tensor, "batch output"]:
    """Return embeddings with mean 0 and variance 1 in every dimension, over the batch.

    Examples
    --------
    >>> standardised(torch.tensor([[1.0], [3.0]])).flatten().round(decimals=3)
    tensor([-1.,  1.])
    """
    centred = embeddings - embeddings.mean(dim=0)
    return centred / (centred.square().mean(dim=0) + eps).sqrt()


def barlow_terms(
    first: Float[Tensor, "batch output"], second: Float[Tensor, "batch output"]
) -> dict[str, Tensor]:
    """Return the sums of (1 - C_ii)^2 and of C_ij^2, i != j; both are 0 for the identity.

    Examples
    --------
    >>> view = torch.tensor([[1.0], [-1.0]])
    >>> f"{barlow_terms(view, -view)['invariance'].item():.3f}"  # perfectly anticorrelated
    '4.000'
    """
    correlation = standardised(first).T @ standardised(second) / len(first)
    diagonal = torch.eye(len(correlation), dtype=torch.bool, device=correlation.device)
    return {
        "invariance": (1 - correlation.diagonal()).square().sum(),
        "redundancy": correlation.masked_fill(diagonal, 0).square().sum(),
    }
