# SPDX-License-Identifier: Apache-2.0
"""Are our views distributed as torchvision's: each parameter by Kolmogorov and Smirnov, pixels by their moments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torchvision import transforms

from benchmarks._images import pieces
from benchmarks._rows import Row
from benchmarks.peers.torchvision_views import PilImages, pil_transform
from dynamics.augment import CropFlipViews, SimCLRViews, Views
from dynamics.streams import generator

Pair = tuple[np.ndarray, np.ndarray]


def compare(name: str, views: Views, *, size: int, count: int) -> list[Row]:
    """Return the least p-value over all parameters, and the largest differences of the channels' moments."""
    draw: Any = views.draw(count, size, generator=generator(0, "control"))
    pairs = strong_parameters(views, draw, size) if isinstance(views, SimCLRViews) else weak_parameters(draw)
    p_values = {key: float(stats.ks_2samp(*pair).pvalue) for key, pair in pairs.items()}
    worst = min(p_values, key=lambda key: p_values[key])
    mean, spread = moment_differences(views, size, count)
    return [
        Row(
            key=f"augment.{name}.ks_least_p",
            what=f"{name} views: least p of {len(p_values)} parameters (Kolmogorov-Smirnov, {count} draws)",
            value=p_values[worst],
            unit="p",
            note=f"{worst}; equal distributions give about {1 / (1 + len(p_values)):.2f}",
        ),
        Row(
            key=f"augment.{name}.mean_difference",
            what=f"{name} views: largest difference of a channel's mean ({count} views)",
            value=mean,
            unit="/ 255",
            note="PIL rounds to bytes after every change of colour",
        ),
        Row(
            key=f"augment.{name}.spread_difference",
            what=f"{name} views: largest difference of a channel's standard deviation ({count} views)",
            value=spread,
            unit="/ 255",
        ),
    ]


def strong_parameters(views: SimCLRViews, draw: Any, size: int) -> dict[str, Pair]:
    """Return our draw beside as many of torchvision's random functions, parameter by parameter."""
    count = len(draw)
    image = torch.zeros(3, size, size)
    scale, ratio = [views.crop_scale_min, 1.0], list(views.crop_ratio)
    boxes = _repeat(count, lambda: transforms.RandomResizedCrop.get_params(image, scale, ratio))
    pairs = {
        name: (draw.box[:, column].numpy(), boxes[:, column])
        for column, name in enumerate(("top", "left", "height", "width"))
    }
    spread, turn = 0.8 * views.jitter_strength, 0.2 * views.jitter_strength
    blend = [max(0.0, 1 - spread), 1 + spread]
    ranges = (blend, blend, blend, [-turn, turn])
    jitter = _repeat(count, lambda: [float(x) for x in transforms.ColorJitter.get_params(*ranges)[1:]])
    jittered = draw.factors[draw.factors[:, 0] != 1].numpy()
    for column, name in enumerate(("brightness", "contrast", "saturation", "hue")):
        pairs[name] = (jittered[:, column], jitter[:, column])
    sigma = _repeat(count, lambda: transforms.GaussianBlur.get_params(*views.blur_sigma))
    pairs["sigma"] = (draw.sigma.numpy(), sigma)
    return pairs


def weak_parameters(draw: Any) -> dict[str, Pair]:
    """Return the offsets of our padded crops beside torchvision's, for a window of 32 in 40 pixels."""
    padded = torch.zeros(3, 40, 40)
    theirs = _repeat(len(draw), lambda: transforms.RandomCrop.get_params(padded, (32, 32))[:2])
    return {name: (draw.offset[:, at].numpy(), theirs[:, at]) for at, name in enumerate(("row", "column"))}


def moment_differences(views: Views, size: int, count: int) -> tuple[float, float]:
    """Return by how many levels of 255 a channel's mean and standard deviation differ at most.

    Both make one view of each of the same images; the standard deviation is over all pixels of all views.
    """
    images = pieces(count, size)
    draw = views.draw(count, size, generator=generator(1, "control"))
    ours = _bytes(views, views.render(images, draw))
    labels = torch.zeros(count, dtype=torch.int64)
    items = PilImages(images, labels, pil_transform(views, size), views=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = _bytes(views, torch.stack([items[index][0][0] for index in range(count)]))
    differences = [
        (one(ours) - one(theirs)).abs().max().item() for one in (_mean, lambda x: x.std((0, 2, 3)))
    ]
    return differences[0], differences[1]


def _mean(views: Tensor) -> Tensor:
    return views.mean((0, 2, 3))


def _bytes(views: Views, rendered: Tensor) -> Tensor:
    """Undo the normalisation, to levels of 255."""
    pixels = rendered.double()
    if isinstance(views, CropFlipViews):
        mean, std = (torch.tensor(value).view(3, 1, 1) for value in (views.mean, views.std))
        pixels = pixels * std + mean
    return pixels * 255


def _repeat(count: int, sample: Callable[[], object]) -> np.ndarray:
    """Call one of torchvision's random functions, which read the ambient generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return np.array([sample() for _ in range(count)])
