# SPDX-License-Identifier: Apache-2.0
"""What lies between features and loss: a few linear layers with batch norm, a projector or a predictor."""

from collections.abc import Sequence

from torch import nn


def mlp(inputs: int, widths: Sequence[int], *, norm_last: bool, bias_last: bool = False) -> nn.Module:
    """Return linear layers to `widths` outputs each, with batch norm and ReLU between them.

    Parameters
    ----------
    inputs
        Number of features.
    widths
        Outputs of each layer; none at all gives the identity.
    norm_last
        Whether batch norm follows the last layer too (without ReLU).
    bias_last
        Whether the last layer has a bias; one that batch norm follows would do nothing.
    """
    layers: list[nn.Module] = []
    for place, outputs in enumerate(widths):
        last = place == len(widths) - 1
        layers.append(nn.Linear(inputs, outputs, bias=last and bias_last and not norm_last))
        if not last or norm_last:
            layers.append(nn.BatchNorm1d(outputs))
        if not last:
            layers.append(nn.ReLU())
        inputs = outputs
    return nn.Sequential(*layers) if layers else nn.Identity()
