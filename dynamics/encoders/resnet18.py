# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 for small images (He et al., 2016, arXiv:1512.03385).

The CIFAR variant: a 3x3 stem of stride 1, no max-pooling, four stages of two basic blocks with width, 2, 4 and
8 times width channels, global average pooling. With width 64 and a linear layer to 10 outputs it has
11 173 962 parameters.
"""

from jaxtyping import Float
from torch import Tensor, nn

from dynamics.encoders.base import ImageEncoder


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, and a shortcut (a 1x1 convolution where the shape changes)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, of half the height and width where the stride is 2."""
        out = self.bn1(self.conv1(x)).relu()
        out = self.bn2(self.conv2(out))
        return (out + self.shortcut(x)).relu()


class Encoder(ImageEncoder):
    """Images (batch, 3, height, width) to features (batch, 8 * width); images of 8 pixels a side or more."""

    def __init__(self, width: int = 64, *, channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs, stages = width, []
        for stage in range(4):
            outputs = width * 2**stage
            first = BasicBlock(inputs, outputs, stride=1 if stage == 0 else 2)
            stages.append(nn.Sequential(first, BasicBlock(outputs, outputs, stride=1)))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.num_features = inputs

    def forward(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch feature"]:
        """Return the features."""
        x = self.bn1(self.conv1(images)).relu()
        for stage in self.stages:
            x = stage(x)
        return x.mean(dim=(2, 3))
