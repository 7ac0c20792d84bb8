# SPDX-License-Identifier: Apache-2.0
"""The interface of an encoder, a module from images to features, and the initialisation of its weights."""

import math

import torch
from torch import nn


class ImageEncoder(nn.Module):
    """Images (batch, 3, height, width) to features (batch, num_features).

    An encoder is a subclass called `Encoder` in a file here, or one of any name that is given to
    :func:`dynamics.train`. It is made with the recipe's `width`.

    Examples
    --------
    >>> class Pooled(ImageEncoder):
    ...     def __init__(self, width: int = 64) -> None:
    ...         super().__init__()
    ...         self.conv = nn.Conv2d(3, width, 3)
    ...         self.num_features = width
    ...
    ...     def forward(self, images: torch.Tensor) -> torch.Tensor:
    ...         return self.conv(images).relu().mean(dim=(2, 3))
    >>> Pooled(width=8)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 8])
    """

    num_features: int
    """Width of the penultimate layer, whose outputs probes, t-SNE and divergences use."""


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights from `generator`, with PyTorch's default distributions, and reset batch norm.

    Weights and biases of convolutions and linear layers are uniform on +-1/sqrt(fan_in), as when the layers are
    constructed, but drawn from `generator` instead of the global one.

    Examples
    --------
    >>> layer = nn.Linear(4, 2)
    >>> initialise(layer, torch.Generator().manual_seed(0))
    >>> bool((layer.weight.abs() <= 1 / 4**0.5).all())
    True
    """
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                bound = 1 / math.sqrt(layer.weight[0].numel())
                layer.weight.uniform_(-bound, bound, generator=generator)
                if layer.bias is not None:
                    layer.bias.uniform_(-bound, bound, generator=generator)
            elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                layer.reset_running_stats()
                layer.reset_parameters()
