# SPDX-License-Identifier: Apache-2.0
"""The units to maximise: channels at the spatial centre of the outputs of blocks 1 to 4, in eval mode.

A block ends with a ReLU. Ascent looks at the sum before it, which has a gradient for a silent unit too; where
that sum is positive, it is the activation.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from dynamics.encoders.resnet18 import BasicBlock
from dynamics.encoders.resnet18 import Encoder as ResNet18

BATCH = 256
"""Number of real images that pass through a network at once."""


class Units(NamedTuple):
    """One unit for each tile, those of the first blocks first."""

    counts: tuple[int, ...]
    """Number of tiles of each block, from the first; later blocks than listed have none."""
    channels: Int64[Tensor, " tile"]
    """Each tile's channel of its block."""


class Normalisation(NamedTuple):
    """A network's normalisation of pixels in [0, 1], per channel: subtract `mean`, divide by `std`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(
        self, images: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Return normalised images."""
        mean, std = (images.new_tensor(values).view(1, -1, 1, 1) for values in self)
        return (images - mean) / std


RAW = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""No normalisation: the network receives the numbers unchanged."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Maps images in [0, 1], one per tile, to the preactivations of the tiles' units."""

    encoder: ResNet18
    """The encoder, in eval mode, whose parameters need no gradient."""
    units: Units
    margin: int = 0
    """Pixels to add above and to the left; no unit sees them, they move its field onto the canvas."""
    normalisation: Normalisation = RAW

    def __call__(self, images: Float[Tensor, "tile channel height width"]) -> Float[Tensor, " tile"]:
        """Return the sum before the last ReLU at the centre of each tile's block and channel."""
        shown = functional.pad(self.normalisation.apply(images), (self.margin, 0, self.margin, 0))
        return preactivations(self.encoder, shown, self.units)


def choose_channels(available: int, wanted: int, rng: np.random.Generator) -> Int64[np.ndarray, " tile"]:
    """Draw `wanted` different channels, or all where there are fewer, in increasing order.

    Examples
    --------
    >>> choose_channels(64, 3, np.random.default_rng(0)).shape, choose_channels(2, 3, np.random.default_rng(0))
    ((3,), array([0, 1]))
    """
    return np.sort(rng.permutation(available)[:wanted])


def preactivations(
    encoder: ResNet18, inputs: Float[Tensor, "tile channel height width"], units: Units
) -> Float[Tensor, " tile"]:
    """Return the input of the ReLU of each tile's unit, for a network's inputs.

    A tile leaves the batch after its block; nothing is computed beyond the last one.

    Examples
    --------
    >>> encoder = ResNet18(width=2).eval()
    >>> units = Units((1, 2), torch.tensor([0, 1, 3]))  # one tile for block 1, two for block 2
    >>> tuple(preactivations(encoder, torch.rand(3, 3, 8, 8), units).shape)
    (3,)
    """
    x = encoder.bn1(encoder.conv1(inputs)).relu()
    values, start = [], 0
    for stage, count in zip(encoder.stages, units.counts, strict=False):
        received = before_last_relu(stage, x)
        channels = units.channels[start : start + count]
        values.append(centre(received[:count]).gather(1, channels.unsqueeze(1)).squeeze(1))
        x = received[count:].relu()
        start += count
    return torch.cat(values)


def before_last_relu(stage: nn.Module, x: Float[Tensor, "batch channel height width"]) -> Tensor:
    """Return the output of a stage of residual blocks without its last ReLU.

    Examples
    --------
    >>> stage = next(iter(ResNet18(width=2).eval().stages))
    >>> x = torch.rand(1, 2, 8, 8)
    >>> torch.allclose(before_last_relu(stage, x).relu(), stage(x))
    True
    """
    *earlier, last = stage.children()
    for residual in earlier:
        x = residual(x)
    assert isinstance(last, BasicBlock)
    return last.bn2(last.conv2(last.bn1(last.conv1(x)).relu())) + last.shortcut(x)


def centre(maps: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel"]:
    """Return the middle pixel of each map; for an even size, the one after the middle.

    Examples
    --------
    >>> centre(torch.arange(9.0).view(1, 1, 3, 3))
    tensor([[4.]])
    """
    return maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]


@torch.no_grad()
def real_activations(
    encoder: ResNet18,
    images: UInt8[Tensor, "example channel height width"],
    normalisation: Normalisation,
    *,
    device: torch.device,
) -> list[Float[np.ndarray, "example feature"]]:
    """Return for each block the activations (after the ReLU) of all channels at the centre, for real images.

    Examples
    --------
    >>> images = torch.zeros(5, 3, 8, 8, dtype=torch.uint8)
    >>> found = real_activations(ResNet18(width=2).eval(), images, RAW, device=torch.device("cpu"))
    >>> [activations.shape for activations in found]
    [(5, 2), (5, 4), (5, 8), (5, 16)]
    """
    batches: list[list[Tensor]] = []
    for batch in images.split(BATCH):
        x = normalisation.apply(batch.to(device=device, dtype=torch.float32) / 255)
        x = encoder.bn1(encoder.conv1(x)).relu()
        batches.append([])
        for stage in encoder.stages:
            x = stage(x)
            batches[-1].append(centre(x).cpu())
    return [torch.cat(parts).numpy() for parts in zip(*batches, strict=True)]
