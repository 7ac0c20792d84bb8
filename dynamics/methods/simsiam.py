# SPDX-License-Identifier: Apache-2.0
"""SimSiam: predict the other view's embedding, with a stop-gradient (Chen and He, 2021, arXiv:2011.10566).

    L = -[cos(h(z), z') + cos(h(z'), z)] / 2        (eqs. 1 to 4)

h is the predictor; the other view's z gets no gradient. The panel compares z, before the predictor.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from dynamics.config import Optimizer, check_min
from dynamics.methods.base import ImageStatistics
from dynamics.methods.terms import cosine_of_others
from dynamics.methods.views import JointMethod, JointRecipe, mlp


@dataclass(frozen=True, kw_only=True)
class Recipe(JointRecipe):
    """SimSiam with its paper's recipe for CIFAR-10 (appendix D), SimCLR's views."""

    optimizer: Optimizer = "sgd"
    lr: float = 0.03
    weight_decay: float = 5e-4
    projector: tuple[int, ...] = (2048, 2048)
    predictor_hidden: int = 512
    """Outputs of the predictor's hidden layer; its output has the projector's dimensions."""
    predictor_rate_fixed: bool = True
    """Keep the predictor's learning rate constant; the rest of the network follows the schedule."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_min(self, 1, "predictor_hidden")


class Method(JointMethod):
    """Two views; a predictor, and the other view without gradient as its target."""

    recipe_type = Recipe

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        widths = (recipe.predictor_hidden, self.dimensions)
        self.predictor = mlp(self.dimensions, widths, norm_last=False, bias_last=True)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the network's parameters, and the predictor's, whose learning rate may be constant."""
        network = [*self.encoder.parameters(), *self.head.parameters()]
        predictor = {"params": [*self.predictor.parameters()], "fixed": self.recipe.predictor_rate_fixed}
        return [{"params": network, "fixed": False}, predictor]

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return minus the mean cosine, -1 (predictions equal their targets) to 1."""
        with self.autocast(views.device):
            embeddings = [self.head(self.encoder(view)) for view in views]
            predictions = torch.stack([self.predictor(embedding) for embedding in embeddings]).float()
        return {"loss": -cosine_of_others(predictions, torch.stack(embeddings).float())}
