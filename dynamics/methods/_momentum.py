# SPDX-License-Identifier: Apache-2.0
"""A network that follows another: an exponential moving average of its weights (He et al., 2020, arXiv:1911.05722).

Batch norm's running statistics are not averaged: the copy has its own, from the batches that it sees.
"""

import copy
import math

import torch
from torch import Tensor, nn


class MomentumCopy(nn.Module):
    """Encoder and head whose weights trail behind those that are trained; nothing here has a gradient."""

    decay: Tensor
    """Share of itself that the copy keeps at a step, 0 to 1: 1 never moves, 0 follows at once."""

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
        """Take over weights and buffers."""
        self.encoder.load_state_dict(encoder.state_dict())
        self.head.load_state_dict(head.state_dict())

    @torch.no_grad()
    def follow(self, encoder: nn.Module, head: nn.Module) -> None:
        """Move by the share 1 - decay towards the trained weights."""
        for own, trained in ((self.encoder, encoder), (self.head, head)):
            for mine, its in zip(own.parameters(), trained.parameters(), strict=True):
                mine.lerp_(its, 1 - self.decay)


def rising_decay(epoch: int, *, base: float, epochs: int) -> float:
    """Return the decay of an epoch, from `base` in the first along a cosine towards 1 (BYOL, section 3.3).

    The paper moves it every step; here it is constant within an epoch.
    """
    return 1 - (1 - base) * (math.cos(math.pi * (epoch - 1) / epochs) + 1) / 2
