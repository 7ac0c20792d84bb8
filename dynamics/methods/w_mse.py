# SPDX-License-Identifier: Apache-2.0
"""Whitening-MSE: views should agree after whitening (Ermolov et al., 2021, arXiv:2007.06346).

All K = N d views of a batch are whitened together, W W^T = Sigma^-1 by Cholesky (eqs. 3 and 4), projected to the unit
sphere, and the squared distances of the views of an image are averaged over all pairs (eq. 2). d is at least 2.

The coursework gives the projector 1024 outputs. The covariance of 1024 dimensions from the 512 views of a batch of
256 is singular, so that this cannot be trained; here a layer of 1024 is followed by one of the paper's 64. The paper
whitens parts of a batch of twice as many views as dimensions; here the entire batch is whitened, as in the coursework.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from dynamics.config import check_min
from dynamics.errors import UserError
from dynamics.methods.base import ImageStatistics
from dynamics.methods.views import CropRecipe, JointMethod

SINGULAR = 1e-11
"""Fraction of a dimension's variance that other dimensions leave unexplained, at or below which it is rounding."""


@dataclass(frozen=True, kw_only=True)
class Recipe(CropRecipe):
    """W-MSE with the coursework's views."""

    num_views: int = 2
    """Views of each image in a training step, d."""
    projector: tuple[int, ...] = (1024, 64)
    projector_norm: bool = False
    whitening_eps: float = 0.0
    """Weight of the identity in the covariance that is whitened; 1e-4 helps when it is nearly singular."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_min(self, 2, "num_views")
        if not 0 <= self.whitening_eps < 1:
            raise UserError(f"`whitening_eps` must be in [0, 1), got {self.whitening_eps}")
        if not self.projector:
            raise UserError("`projector` must have at least one width, whose outputs are whitened, got none")
        outputs = self.projector[-1]
        for field, views in (
            (f"`batch_size` {self.batch_size}", self.batch_size * self.num_views),
            (f"`panel_batch` {self.panel_batch}", min(self.panel_batch, self.panel_examples) * 2),
        ):
            if views <= outputs:
                raise UserError(
                    f"{field} gives {views} views, whose covariance in the projector's {outputs} outputs is "
                    f"singular: end `projector` with fewer than {views}, or use more images"
                )


class Method(JointMethod):
    """Two or more views, whitened together; correct = the positive is the nearest after whitening."""

    recipe_type = Recipe
    captured: ClassVar[bool] = False
    """The library of the Cholesky decomposition is not guaranteed to work in a CUDA graph."""

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        inputs = (self.encoder.num_features, *recipe.projector)[-2]
        if recipe.whitening_eps == 0 and inputs < recipe.projector[-1]:
            raise UserError(
                f"`projector` must end with at most {inputs} outputs, the inputs of its last layer, got "
                f"{recipe.projector[-1]}: their covariance is singular; or use `whitening_eps=0.0001`"
            )

    def why_not_finite(self) -> str:
        """Name the covariance, which has no inverse where embeddings fill fewer dimensions than they have."""
        if self.recipe.whitening_eps > 0:
            return super().why_not_finite()
        return (
            f"the covariance of the {self.dimensions} outputs was probably singular; use `whitening_eps=0.0001`, "
            f"a narrower end of `projector`, or a lower `lr` than {self.recipe.lr}"
        )

    @property
    def training_views(self) -> int:
        """Number of views of each image in a training step."""
        return self.recipe.num_views

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the mean squared distance of whitened views on the sphere, 0 to 4; 2 at chance."""
        return {"loss": whitened_distance(self.embed(views), eps=self.recipe.whitening_eps)}

    def compared(self, outputs: Float[Tensor, "view batch output"]) -> Float[Tensor, "view batch output"]:
        """Return the embeddings of a panel batch whitened together, as the loss does."""
        return whiten(outputs.flatten(0, 1), eps=self.recipe.whitening_eps).unflatten(0, outputs.shape[:2])


def whiten(embeddings: Float[Tensor, "view output"], *, eps: float = 0.0) -> Float[Tensor, "view output"]:
    """Return embeddings whose mean is 0 and whose covariance (unbiased) is the identity.

    Computed in float64: in lower precision, a nearly singular matrix has no Cholesky factor.

    Parameters
    ----------
    embeddings
        More vectors than dimensions.
    eps
        Whiten with (1 - eps) Sigma + eps I instead: the result is then only approximately white.

    Returns
    -------
    Tensor
        NaN where the covariance is singular, up to the rounding of float32.

    Examples
    --------
    >>> white = whiten(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0], [1.0, 7.0]]))
    >>> torch.allclose(white.T.cov(), torch.eye(2), atol=1e-5)
    True
    """
    centred = embeddings.double() - embeddings.double().mean(dim=0)
    covariance = centred.T @ centred / (len(centred) - 1)
    if eps > 0:
        identity = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
        covariance = (1 - eps) * covariance + eps * identity
    factor, info = torch.linalg.cholesky_ex(covariance)
    # A pivot is the variance that the dimensions before it leave unexplained: of a singular matrix, rounding is left.
    unexplained = (factor.diagonal().square() / covariance.diagonal()).min()
    # Without a branch, for which the host would wait: the loss is then not finite, which is reported.
    factor = torch.where((info == 0) & (unexplained > SINGULAR), factor, torch.nan)
    white = torch.linalg.solve_triangular(factor, centred.T, upper=False).T
    return white.to(embeddings.dtype)


def whitened_distance(
    embeddings: Float[Tensor, "view batch output"], *, eps: float = 0.0
) -> Float[Tensor, ""]:
    """Return the mean over images and pairs of views of the squared distance of whitened unit vectors.

    Examples
    --------
    >>> view = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> f"{whitened_distance(torch.stack([view, view])).item():.3f}"  # the two views agree
    '0.000'
    """
    white = whiten(embeddings.flatten(0, 1), eps=eps).unflatten(0, embeddings.shape[:2])
    unit = functional.normalize(white, dim=-1)
    pairs = [(a - b).square().sum(dim=-1).mean() for a, b in combinations(unit, 2)]
    return torch.stack(pairs).mean()
