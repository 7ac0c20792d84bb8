# SPDX-License-Identifier: Apache-2.0
"""MoCo v2: tell the positive from a queue of earlier keys (He et al., 2020, arXiv:1911.05722; v2 arXiv:2003.04297).

    L = -log( exp(q k+ / tau) / (exp(q k+ / tau) + sum over the queue of exp(q k- / tau)) )        (eq. 1)

q embeds the first view by the network, k+ the second view by its momentum copy, both L2-normalised. Batch norm is
not shuffled over devices: a batch is on one device. The panel compares embeddings within its batches, not with a queue.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from dynamics.config import Optimizer
from dynamics.errors import UserError
from dynamics.methods.base import ImageStatistics
from dynamics.methods.momentum import MomentumFields, MomentumMethod
from dynamics.methods.views import JointRecipe


@dataclass(frozen=True, kw_only=True)
class Recipe(MomentumFields, JointRecipe):
    """MoCo v2 in a size for CIFAR-10, SimCLR's views."""

    optimizer: Optimizer = "sgd"
    lr: float = 0.06
    weight_decay: float = 5e-4
    projector: tuple[int, ...] = (512, 128)
    projector_norm: bool = False
    temperature: float = 0.2
    queue: int = 4096
    """Number of negatives: keys of earlier batches."""
    momentum_rises: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.queue < self.batch_size:
            raise UserError(f"`queue` must be >= `batch_size` ({self.batch_size}), got {self.queue}")


class Method(MomentumMethod):
    """Two views; a momentum copy makes the keys, a queue keeps them."""

    recipe_type = Recipe
    keys: Tensor
    """The queue: unit vectors, oldest overwritten first."""
    cursor: Tensor
    """Index of the next key to be overwritten."""

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.register_buffer("keys", torch.zeros(recipe.queue, self.dimensions))
        self.register_buffer("cursor", torch.zeros((), dtype=torch.int64))

    def loss(
        self,
        views: Float[Tensor, "view batch channel height width"],
        labels: Int64[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Return the mean cross-entropy in nats; log(1 + queue) at chance."""
        queries, keys = self(views[0]), self.target(views[1])
        self._new = functional.normalize(keys, dim=-1)
        return {"loss": info_nce(queries, keys, self.keys, self.recipe.temperature)}

    def after_initialise(self, generator: torch.Generator) -> None:
        """Start the copy from the initial weights, and the queue from random directions."""
        super().after_initialise(generator)
        self.keys.copy_(functional.normalize(torch.randn(self.keys.shape, generator=generator), dim=-1))

    def after_step(self) -> None:
        """Move the copy, and replace the oldest keys by those of the batch."""
        super().after_step()
        places = (self.cursor + torch.arange(len(self._new), device=self.cursor.device)) % len(self.keys)
        self.keys.index_copy_(0, places, self._new)
        self.cursor.add_(len(self._new)).remainder_(len(self.keys))


def info_nce(
    queries: Float[Tensor, "batch output"],
    keys: Float[Tensor, "batch output"],
    negatives: Float[Tensor, "negative output"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of finding each query's key among the negatives, in nats.

    Parameters
    ----------
    queries, keys
        Embeddings of two views of the same images, of any length; keys get no gradient.
    negatives
        Unit vectors.
    temperature
        tau > 0.

    Examples
    --------
    >>> query, negatives = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> f"{info_nce(query, query, negatives, 0.2).item():.4f}"  # log(1 + exp(-1 / 0.2))
    '0.0067'
    """
    queries = functional.normalize(queries, dim=-1)
    keys = functional.normalize(keys.detach(), dim=-1)
    positive = (queries * keys).sum(dim=-1, keepdim=True)
    logits = torch.cat([positive, queries @ negatives.T], dim=1) / temperature
    first = torch.zeros(len(queries), dtype=torch.int64, device=queries.device)
    return functional.cross_entropy(logits, first)
