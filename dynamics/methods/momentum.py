# SPDX-License-Identifier: Apache-2.0
"""A momentum copy of a network: an exponential moving average of its weights (He et al., 2020, arXiv:1911.05722).

Batch norm's running statistics are not averaged: the copy has its own, from the batches that it sees.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dynamics.config import check_fraction
from dynamics.methods.base import ImageStatistics
from dynamics.methods.views import JointMethod


class MomentumCopy(nn.Module):
    """Encoder and head whose weights trail behind the trained ones; no parameter here has a gradient."""

    decay: Tensor
    """Weight of the copy's own parameters in a step's average, 0 (equals the network) to 1 (never moves)."""

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(requires_grad=False)
        self.head = copy.deepcopy(head).requires_grad_(requires_grad=False)
        self.register_buffer("decay", torch.ones(()))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings of images."""
        return self.head(self.encoder(images))

    def match(self, encoder: nn.Module, head: nn.Module) -> None:
        """Copy all weights and buffers."""
        self.encoder.load_state_dict(encoder.state_dict())
        self.head.load_state_dict(head.state_dict())

    @torch.no_grad()
    def follow(self, encoder: nn.Module, head: nn.Module) -> None:
        """Move by the fraction 1 - decay towards the trained weights."""
        for copied, trained in ((self.encoder, encoder), (self.head, head)):
            for average, current in zip(copied.parameters(), trained.parameters(), strict=True):
                average.lerp_(current, 1 - self.decay)


def rising_decay(epoch: int, *, base: float, epochs: int) -> float:
    """Return the decay of an epoch, from `base` in the first along a cosine towards 1 (BYOL, section 3.3).

    The paper changes it every step; here it is constant within an epoch.

    Examples
    --------
    >>> [round(rising_decay(epoch, base=0.9, epochs=100), 3) for epoch in (1, 51, 100)]
    [0.9, 0.95, 1.0]
    """
    return 1 - (1 - base) * (math.cos(math.pi * (epoch - 1) / epochs) + 1) / 2


@dataclass(frozen=True, kw_only=True)
class MomentumFields:
    """Fields of a momentum copy; a mixin for recipes."""

    momentum_decay: float = 0.99
    """Weight of the momentum copy's own parameters in a step's average, in the first epoch."""
    momentum_rises: bool = True
    """Whether that weight rises to 1 along a cosine, as in BYOL, or stays constant."""

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[misc]
        check_fraction(self, "momentum_decay")


class MomentumMethod(JointMethod):
    """A joint-embedding method that keeps a momentum copy of encoder and projector."""

    def __init__(self, recipe: Any, statistics: ImageStatistics) -> None:
        super().__init__(recipe, statistics)
        self.copy = MomentumCopy(self.encoder, self.head)

    def target(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch output"]:
        """Return the copy's embeddings, as float32 and without gradient."""
        with self.autocast(images.device):
            return self.copy(images).float()

    def after_initialise(self, generator: torch.Generator) -> None:
        """Start the copy from the initial weights."""
        self.copy.match(self.encoder, self.head)

    def start_epoch(self, epoch: int) -> None:
        """Set the copy's decay."""
        base, recipe = self.recipe.momentum_decay, self.recipe
        rises = recipe.momentum_rises
        self.copy.decay.fill_(rising_decay(epoch, base=base, epochs=recipe.epochs) if rises else base)

    def after_step(self) -> None:
        """Move the copy towards the trained weights."""
        self.copy.follow(self.encoder, self.head)
