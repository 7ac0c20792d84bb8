# SPDX-License-Identifier: Apache-2.0
"""N1: the VICReg coursework's encoder, five 3x3 convolutions and 256 features.

Channels 8, 48, 64, 128, 256 with biases, batch norm after the first four; with a linear layer to 10 classes it
has the 403 530 parameters that the coursework gives. The figure with the strides is lost: here all but the first
convolution halve the image, then the pixels are averaged, so that images of any size are accepted.
"""

from jaxtyping import Float
from torch import Tensor, nn

from dynamics.encoders.base import ImageEncoder

CHANNELS = (8, 48, 64, 128, 256)


class Encoder(ImageEncoder):
    """Images (batch, 3, height, width) to features (batch, 256); `width` has no effect."""

    def __init__(self, width: int = 64, *, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for place, outputs in enumerate(CHANNELS):
            layers.append(nn.Conv2d(inputs, outputs, 3, stride=1 if place == 0 else 2, padding=1))
            if place < len(CHANNELS) - 1:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.ReLU())
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.num_features = inputs

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch feature"]:
        """Return the features."""
        return self.layers(images).mean(dim=(2, 3))
