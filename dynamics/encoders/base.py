# SPDX-License-Identifier: Apache-2.0
"""What an encoder is: a module from images to features, and where its first weights come from."""

import math

import torch
from torch import nn


class ImageEncoder(nn.Module):
    """Images (batch, 3, height, width) to features (batch, num_features)."""

    num_features: int
    """Width of the penultimate layer: what probes, t-SNE and divergences look at."""


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights from `generator`, with PyTorch's default distributions, and reset batch norm.

    Convolutions and linear layers are uniform on +-1/sqrt(fan_in), biases too: what the layers do when they
    are constructed, but from a stream of ours instead of the global one.
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
