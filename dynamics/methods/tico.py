# SPDX-License-Identifier: Apache-2.0
"""TiCo: transformation invariance and covariance contrast (Zhu et al., 2022, arXiv:2206.10698).

    L = -mean_i cos(z_i, z'_i) + rho mean_i z_i^T C z_i,    C <- beta C + (1 - beta) z^T z / n

z are the L2-normalised embeddings of the first view; C carries no gradient and is updated before it is used. z' are
those of the second view by a momentum copy of the network, as in the paper (`--momentum-copy False` for none). The
paper adds the constant 1.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from dynamics.methods._base import ImageStatistics
from dynamics.methods._joint import QUICK, CropRecipe, JointMethod
from dynamics.methods._moment_memory import along_moments, updated_moments
from dynamics.methods._momentum import MomentumCopy, rising_decay


@dataclass(frozen=True, kw_only=True)
class Recipe(CropRecipe):
    """TiCo with its paper's weights and the coursework's views."""

    projector: tuple[int, ...] = (4096, 256)
    projector_norm: bool = False
    contrast_weight: float = 8.0
    """Weight of the covariance contrast, rho; without it, embeddings collapse."""
    moment_decay: float = 0.9
    """Share of the second moments that is kept at a step, beta."""
    momentum_copy: bool = True
    """Whether the second view is embedded by a momentum copy of the network."""
    momentum_decay: float = 0.99
    """Share of itself that this copy keeps at a step in the first epoch; it rises to 1 in the last."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {"quick": QUICK | {"momentum_decay": 0.9}}


class Method(JointMethod):
    """Two views; their cosine, and a contrast with the second moments of earlier embeddings."""

    recipe_type = Recipe
    terms: ClassVar[tuple[str, ...]] = ("loss", "invariance", "contrast")
    moments: Tensor

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.register_buffer("moments", torch.zeros(self.dimensions, self.dimensions))
        self.copy = MomentumCopy(self.encoder, self.head) if recipe.momentum_copy else None

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the loss; `invariance` is -1 (views agree) to 1, `contrast` is without its weight."""
        first = self(views[0])
        if self.copy is None:
            second = self(views[1])
        else:
            with self.autocast(views.device):
                second = self.copy(views[1]).float()
        terms, self._next = tico_terms(first, second, self.moments, decay=self.recipe.moment_decay)
        return {"loss": terms["invariance"] + self.recipe.contrast_weight * terms["contrast"], **terms}

    def after_initialise(self, generator: torch.Generator) -> None:
        """Let the copy start from the first weights."""
        if self.copy is not None:
            self.copy.match(self.encoder, self.head)

    def start_epoch(self, epoch: int) -> None:
        """Set the copy's decay."""
        if self.copy is not None:
            recipe = self.recipe
            self.copy.decay.fill_(rising_decay(epoch, base=recipe.momentum_decay, epochs=recipe.epochs))

    def after_step(self) -> None:
        """Keep the second moments, and let the copy follow."""
        self.moments.copy_(self._next)
        if self.copy is not None:
            self.copy.follow(self.encoder, self.head)


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
