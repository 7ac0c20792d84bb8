# SPDX-License-Identifier: Apache-2.0
"""What an encoder is: a module from images to as many features as it says."""

from torch import nn


class ImageEncoder(nn.Module):
    """Images (batch, 3, height, width) to features (batch, num_features)."""

    num_features: int
    """Width of the last but one layer: what probes, t-SNE and divergences look at."""
