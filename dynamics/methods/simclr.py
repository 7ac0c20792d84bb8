# SPDX-License-Identifier: Apache-2.0
"""SimCLR: the two views of an image should be nearest neighbours (Chen et al., 2020, arXiv:2002.05709).

NT-Xent (eq. 1), averaged over all 2B views i with positive j:

    l(i) = -log( exp(cos(z_i, z_j) / tau) / sum over k != i of exp(cos(z_i, z_k) / tau) )

As in the memorization thesis there is no projection MLP: one linear layer maps the features to the embedding.
"""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from dynamics.config import check_min
from dynamics.methods.base import ImageStatistics
from dynamics.methods.views import ViewMethod, ViewRecipe, cosines, partners


@dataclass(frozen=True, kw_only=True)
class Recipe(ViewRecipe):
    """SimCLR as the thesis trained it."""

    epochs: int = 200
    schedule_period: int = 195
    schedule_start: int = 10
    embedding: int = 128
    """Dimensions of the embedding that the loss is computed on, d."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_min(self, 1, "embedding")


class Method(ViewMethod):
    """Two views, NT-Xent; correct = the positive is the nearest of the 2B - 1 other views."""

    recipe_type = Recipe
    recipe: Recipe

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.head = nn.Linear(self.encoder.num_features, recipe.embedding)

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return NT-Xent in nats; log(2B - 1) at chance."""
        first, second = self(views.flatten(0, 1)).chunk(2)
        return {"loss": nt_xent(first, second, self.recipe.temperature)}


def nt_xent(
    first: Float[Tensor, "batch output"], second: Float[Tensor, "batch output"], temperature: float
) -> Float[Tensor, ""]:
    """Return the mean NT-Xent loss of both directions (eq. 1 of the paper), in nats.

    Parameters
    ----------
    first, second
        Embeddings of the two views of the same images, in the same order; any length but zero.
    temperature
        tau > 0. The smaller, the more the nearest negatives count.

    Examples
    --------
    >>> import torch
    >>> views = torch.eye(2)  # two images: both views of each are the same, the images orthogonal
    >>> f"{nt_xent(views, views, 0.5).item():.4f}"  # log(1 + 2 exp(-1 / 0.5))
    '0.2395'
    """
    first, second = functional.normalize(first, dim=-1), functional.normalize(second, dim=-1)
    logits = cosines(first, second) / temperature
    return functional.cross_entropy(logits, partners(len(first), first.device))
