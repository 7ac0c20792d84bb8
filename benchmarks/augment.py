# SPDX-License-Identifier: Apache-2.0
"""How many views are made in a second, ours beside torchvision's; and are they the same views."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks import _distribution
from benchmarks._images import pieces
from benchmarks._rows import Row, Setting
from benchmarks._timing import alternate, rate, ratio
from benchmarks.peers.torchvision_views import PilImages, pil_transform, tensor_transform
from dynamics.augment import CropFlipViews, SimCLRViews, Views
from dynamics.methods.labels import THESIS_NORMALISATION
from dynamics.provenance import available_cores
from dynamics.streams import generator

SIZE = 32
DISTRIBUTIONS: dict[str, Views] = {
    "simclr": SimCLRViews(),
    "supervised": CropFlipViews(
        padding=4, mean=THESIS_NORMALISATION["mean"], std=THESIS_NORMALISATION["std"]
    ),
}


def measure(setting: Setting) -> list[Row]:
    """Time the strong and the weak views of 32-pixel images; on the CPU, then compare their distributions."""
    rows = []
    for name, views in DISTRIBUTIONS.items():
        if setting.cuda:
            if setting.time_for(f"{name} views on the GPU"):
                rows += on_gpu(name, views, setting)
            continue
        if setting.time_for(f"{name} views on the CPU"):
            rows += on_cpu(name, views, setting)
        if setting.time_for(f"are {name} views distributed as torchvision's?"):
            rows += _distribution.compare(name, views, size=SIZE, count=200 if setting.quick else 10_000)
    return rows


def on_cpu(name: str, views: Views, setting: Setting) -> list[Row]:
    """Time ours against torchvision, all with as many threads or processes as there are cores (two at most)."""
    threads = min(2, available_cores())
    count, few = (64, 32) if setting.quick else (4096, 1024)
    images = pieces(count, SIZE)
    calls = {
        "ours": with_threads(render(views, images), threads),
        "ours_single": with_threads(render(views, images), 1),
        "pil": each_pil(views, images[:few]),
        "pil_workers": through_workers(views, images, workers=threads),
        "v2": with_threads(each_tensor(views, images[: few // 2]), threads),
    }
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        seconds = alternate(
            calls, rounds=1 if setting.quick else 7, device=torch.device("cpu"), warm_up=not setting.quick
        )
    finally:
        torch.set_num_threads(before)
    amounts = {"ours": count, "ours_single": count, "pil": few, "pil_workers": count, "v2": few // 2}
    return _rows(
        f"augment.{name}",
        f"{name} views",
        {name: [amounts[name] / value for value in found] for name, found in seconds.items()},
        {
            "ours": f"ours, {threads} threads",
            "ours_single": "ours, one thread",
            "pil": "torchvision on PIL images, one process",
            "pil_workers": f"torchvision on PIL images, DataLoader with {threads} workers",
            "v2": f"torchvision v2 on tensors, one image at a time, {threads} threads",
        },
    )


def on_gpu(name: str, views: Views, setting: Setting) -> list[Row]:
    """Time ours on the GPU against torchvision v2 there, and against PIL images in all the machine's cores."""
    device, cores = setting.device, available_cores()
    count, few = (64, 16) if setting.quick else (50_000, 500)
    images = pieces(min(count, 10_000), SIZE)
    there = images.repeat(-(-count // len(images)), 1, 1, 1)[:count].to(device)
    calls = {
        "ours": render(views, there),
        "v2": each_tensor(views, there[:few]),
        "pil_workers": through_workers(views, images, workers=cores),
    }
    seconds = alternate(calls, rounds=1 if setting.quick else 5, device=device)
    amounts = {"ours": count, "v2": few, "pil_workers": len(images)}
    return _rows(
        f"augment.{name}.gpu",
        f"{name} views, GPU",
        {name: [amounts[name] / value for value in found] for name, found in seconds.items()},
        {
            "ours": "ours, on the GPU",
            "v2": "torchvision v2 on the GPU, one image at a time",
            "pil_workers": f"torchvision on PIL images, DataLoader with {cores} workers (the CPU)",
        },
    )


def _rows(key: str, what: str, rates: dict[str, list[float]], spelled: dict[str, str]) -> list[Row]:
    rows = [
        rate(f"{key}.{name}", f"{what}: {spelled[name]}", "views/s", 1.0, [1 / value for value in found])
        for name, found in rates.items()
    ]
    for name, found in rates.items():
        if not name.startswith("ours"):
            ours = "ours_single" if name == "pil" else "ours"  # one core beside one core
            title = f"{what}: {spelled[ours]} / {spelled[name]}"
            rows.append(ratio(f"{key}.ratio_{name}", title, rates[ours], found))
    return rows


def with_threads(call: Callable[[], object], threads: int) -> Callable[[], object]:
    """Return the same call with another number of PyTorch's threads."""

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


def each_pil(views: Views, images: Tensor) -> Callable[[], object]:
    """Return a call that makes a view of every image with PIL, in this process."""
    labels = torch.zeros(len(images), dtype=torch.int64)
    items = PilImages(images, labels, pil_transform(views, SIZE), views=1)
    return lambda: [items[index] for index in range(len(items))]


def each_tensor(views: Views, images: Tensor) -> Callable[[], object]:
    """Return a call that makes a view of every image with torchvision v2, each with a draw of its own."""
    transform = tensor_transform(views, SIZE)
    return lambda: [transform(image) for image in images]


def through_workers(views: Views, images: Tensor, *, workers: int) -> Callable[[], object]:
    """Return a call that reads one pass of PIL views through a loader whose processes stay."""
    labels = torch.zeros(len(images), dtype=torch.int64)
    items = PilImages(images, labels, pil_transform(views, SIZE), views=1)
    loader: DataLoader[Any] = DataLoader(
        items, batch_size=256, num_workers=workers, persistent_workers=workers > 0
    )

    def call() -> None:
        with warnings.catch_warnings():
            # Newer Pythons warn of forking a process with threads; loaders do it all the same.
            warnings.simplefilter("ignore", DeprecationWarning)
            for _ in loader:
                pass

    return call
