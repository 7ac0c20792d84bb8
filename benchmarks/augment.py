# SPDX-License-Identifier: Apache-2.0
"""Views per second, ours and torchvision's, and whether both draw the same views.

Each parameter of the views is compared by Kolmogorov and Smirnov's test, pixels by the moments of their channels.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import stats
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision import transforms

from benchmarks.harness import Conditions, Measurement, about, alternate, median, ratio
from benchmarks.peers.torchvision_views import (
    PilImages,
    jitter_range,
    loader,
    pil_transform,
    tensor_transform,
)
from dynamics.augment import CropFlipViews, SimCLRViews, Views
from dynamics.data import Dataset
from dynamics.provenance import available_cores
from dynamics.streams import generator
from dynamics.study_file import preset

SIZE = 32
"""Height of an image in pixels."""

Way = tuple[str, Callable[[], object], int]
"""Title of a way to make views, a function that makes some, and their number."""
Pair = tuple[np.ndarray, np.ndarray]


def measure(conditions: Conditions) -> list[Measurement]:
    """Time the strong and the weak views of 32-pixel images; on the CPU, then compare their distributions."""
    rows = []
    recipe: Any = preset("supervised", "thesis")
    weak = CropFlipViews(padding=recipe.crop_padding, mean=recipe.mean, std=recipe.std)
    strong_and_weak: dict[str, Views] = {"simclr": SimCLRViews(), "supervised": weak}
    for name, views in strong_and_weak.items():
        key, subject = f"augment.{name}", f"{name} views"
        if conditions.cuda:
            if conditions.time_for(f"{subject} on the GPU"):
                rows += about(f"{key}.gpu", f"{subject}, GPU", on_gpu(views, conditions))
            continue
        if conditions.time_for(f"{subject} on the CPU"):
            rows += about(key, subject, on_cpu(views, conditions))
        if conditions.time_for(f"are {subject} distributed as torchvision's?"):
            rows += about(key, subject, compare(views, count=200 if conditions.quick else 10_000))
    return rows


def on_cpu(views: Views, conditions: Conditions) -> list[Measurement]:
    """Time ours against torchvision, all with as many threads or processes as there are cores (two at most)."""
    cores = min(2, available_cores())
    count, few = (64, 32) if conditions.quick else (4096, 1024)
    images, before = pieces(count), torch.get_num_threads()
    half, pil = images[: few // 2], "torchvision on PIL images"
    ways = {
        "ours": (f"ours, {cores} threads", threaded(cores, render, views, images), count),
        "ours_single": ("ours, one thread", threaded(1, render, views, images), count),
        "pil": (f"{pil}, one process", each(pil_items(views, images[:few])), few),
        "pil_workers": (
            f"{pil}, DataLoader with {cores} workers",
            through_workers(views, images, cores),
            count,
        ),
        "v2": (
            f"torchvision v2 on tensors, one image at a time, {cores} threads",
            threaded(cores, each_tensor, views, half),
            len(half),
        ),
    }
    torch.set_num_threads(cores)
    try:
        return paces(ways, rounds=1 if conditions.quick else 7, device=images.device)
    finally:
        torch.set_num_threads(before)


def on_gpu(views: Views, conditions: Conditions) -> list[Measurement]:
    """Time ours on the GPU against torchvision v2 there, and against PIL images in all the machine's cores."""
    cores = available_cores()
    count, few = (64, 16) if conditions.quick else (50_000, 500)
    images = pieces(min(count, 10_000))
    there = images.repeat(-(-count // len(images)), 1, 1, 1)[:count].to(conditions.device)
    pil = f"torchvision on PIL images, DataLoader with {cores} workers (the CPU)"
    ways = {
        "ours": ("ours, on the GPU", render(views, there), count),
        "v2": ("torchvision v2 on the GPU, one image at a time", each_tensor(views, there[:few]), few),
        "pil_workers": (pil, through_workers(views, images, cores), len(images)),
    }
    return paces(ways, rounds=1 if conditions.quick else 5, device=conditions.device)


def paces(ways: dict[str, Way], *, rounds: int, device: torch.device) -> list[Measurement]:
    """Return views per second of each way, and the ratio of ours to each other way."""
    seconds = alternate({name: call for name, (_, call, _) in ways.items()}, rounds=rounds, device=device)
    rates = {name: [ways[name][2] / value for value in found] for name, found in seconds.items()}
    rows = [median(name, ways[name][0], "views/s", found) for name, found in rates.items()]
    for name, found in rates.items():
        if not name.startswith("ours"):
            ours = "ours_single" if name == "pil" else "ours"  # one core beside one core
            rows.append(ratio(f"ratio_{name}", f"{ways[ours][0]} / {ways[name][0]}", rates[ours], found))
    return rows


def pieces(count: int, size: int = SIZE) -> Tensor:
    """Return random squares of two photographs that come with scikit-learn: uint8, (image, channel, row, column).

    Speed does not depend on what a picture shows, but a comparison of views does: noise has no colours to jitter.

    Examples
    --------
    >>> pieces(5).shape
    torch.Size([5, 3, 32, 32])
    """
    pictures = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    rng = np.random.default_rng(0)
    found = np.empty((count, 3, size, size), dtype=np.uint8)
    for index in range(count):
        picture = pictures[index % 2]
        step = int(rng.integers(1, 4))  # neighbouring pixels, or every second or third
        top, left = (int(rng.integers(0, side - step * size)) for side in picture.shape[:2])
        piece = picture[top : top + step * size : step, left : left + step * size : step]
        found[index] = piece.transpose(2, 0, 1)
    return torch.from_numpy(found)


def photographs(count: int) -> Dataset:
    """Return this many pieces to train on, in ten classes of equal size by their brightness, which can be learnt."""
    images = pieces(count + 100)
    labels = images.float().mean((1, 2, 3)).argsort().argsort() * 10 // len(images)
    train, test = (images[:count], labels[:count]), (images[count:], labels[count:])
    return Dataset.build(
        "photographs", train=train, test=test, classes=[f"brightness {i}" for i in range(10)]
    )


def threaded(
    threads: int, make: Callable[..., Callable[[], object]], *arguments: Any
) -> Callable[[], object]:
    """Return a call that runs with this number of PyTorch threads."""
    call = make(*arguments)

    def changed() -> None:
        torch.set_num_threads(threads)
        call()

    return changed


def render(views: Views, images: Tensor) -> Callable[[], object]:
    """Return a call that draws and makes a view of every image, in batches of 1024."""
    draws = generator(0, "augmentation", 1, device=images.device)

    def call() -> None:
        for batch in images.split(1024):
            draw = views.draw(len(batch), SIZE, generator=draws, device=images.device)
            views.render(batch, draw)

    return call


def pil_items(views: Views, images: Tensor) -> PilImages:
    """Return images of which each item is one view by PIL."""
    labels = torch.zeros(len(images), dtype=torch.int64)
    return PilImages(images, labels, pil_transform(views, SIZE), views=1)


def each(items: PilImages) -> Callable[[], list[Any]]:
    """Return a call that makes a view of every image with PIL, in this process."""
    return lambda: [items[index] for index in range(len(items))]


def each_tensor(views: Views, images: Tensor) -> Callable[[], list[Tensor]]:
    """Return a call that makes a view of every image with torchvision v2, each with its own draw."""
    transform = tensor_transform(views, SIZE)
    return lambda: [transform(image) for image in images]


def through_workers(views: Views, images: Tensor, workers: int) -> Callable[[], object]:
    """Return a call that reads one pass of PIL views through a loader with persistent workers."""
    batches = loader(pil_items(views, images), 256, workers=workers)

    def call() -> None:
        with warnings.catch_warnings():
            # Newer Pythons warn of forking a process with threads; loaders do it all the same.
            warnings.simplefilter("ignore", DeprecationWarning)
            for _ in batches:
                pass

    return call


def compare(views: Views, *, count: int) -> list[Measurement]:
    """Return the smallest p-value over all parameters, and the largest differences of the channels' moments."""
    draw: Any = views.draw(count, SIZE, generator=generator(0, "control"))
    if isinstance(views, SimCLRViews):
        pairs = strong_parameters(views, draw)
    else:  # a window of 32 in 40 pixels
        padded = torch.zeros(3, 40, 40)
        offsets = _repeat(count, lambda: transforms.RandomCrop.get_params(padded, (32, 32))[:2])
        pairs = _columns(("row", "column"), draw.offset, offsets)
    p_values = {name: float(stats.ks_2samp(*pair).pvalue) for name, pair in pairs.items()}
    worst = min(p_values, key=p_values.__getitem__)
    what = f"smallest p of {len(pairs)} parameters (Kolmogorov-Smirnov, {count} draws)"
    note = f"{worst}; equal distributions give about {1 / (1 + len(pairs)):.2f}"
    mean, spread = moment_differences(views, count)
    difference, rounding = (
        "largest difference of a channel's",
        "PIL rounds to bytes after every change of colour",
    )
    return [
        Measurement("ks_least_p", what, p_values[worst], "p", note=note),
        Measurement("mean_difference", f"{difference} mean ({count} views)", mean, "/ 255", note=rounding),
        Measurement("spread_difference", f"{difference} standard deviation ({count} views)", spread, "/ 255"),
    ]


def strong_parameters(views: SimCLRViews, draw: Any) -> dict[str, Pair]:
    """Return our draw beside as many of torchvision's random functions, parameter by parameter."""
    image = torch.zeros(3, SIZE, SIZE)
    crop = ([views.crop_scale_min, 1.0], list(views.crop_ratio))
    boxes = _repeat(len(draw), lambda: transforms.RandomResizedCrop.get_params(image, *crop))
    spread, turn = jitter_range(views)
    blend = [max(0.0, 1 - spread), 1 + spread]
    ranges = (blend, blend, blend, [-turn, turn])
    factors = _repeat(len(draw), lambda: [float(x) for x in transforms.ColorJitter.get_params(*ranges)[1:]])
    jittered = draw.factors[draw.factors[:, 0] != 1]
    sigma = _repeat(len(draw), lambda: transforms.GaussianBlur.get_params(*views.blur_sigma))
    return {
        **_columns(("top", "left", "height", "width"), draw.box, boxes),
        **_columns(("brightness", "contrast", "saturation", "hue"), jittered, factors),
        "sigma": (draw.sigma.numpy(), sigma),
    }


def _columns(names: tuple[str, ...], ours: Tensor, theirs: np.ndarray) -> dict[str, Pair]:
    return {name: (ours[:, place].numpy(), theirs[:, place]) for place, name in enumerate(names)}


def _repeat(count: int, sample: Callable[[], Any]) -> np.ndarray:
    """Call one of torchvision's random functions, which read the ambient generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return np.array([sample() for _ in range(count)])


def moment_differences(views: Views, count: int) -> tuple[float, float]:
    """Return the largest differences of a channel's mean and standard deviation, in levels of 255.

    Both make one view of each of the same images; the standard deviation is over all pixels of all views.
    """
    images = pieces(count)
    items = pil_items(views, images)
    places = iter(range(count))
    theirs = torch.from_numpy(_repeat(count, lambda: items[next(places)][0][0].numpy()))
    ours = views.render(images, views.draw(count, SIZE, generator=generator(1, "control")))
    # Before normalisation, which is the same for both.
    std = torch.tensor(views.std).double() if isinstance(views, CropFlipViews) else 1.0
    first, second = (
        (pixels.double().mean((0, 2, 3)), pixels.double().std((0, 2, 3))) for pixels in (ours, theirs)
    )
    mean, spread = (
        float((255 * std * (one - other)).abs().max()) for one, other in zip(first, second, strict=True)
    )
    return mean, spread
