# SPDX-License-Identifier: Apache-2.0
"""On what does a GPU spend a training step: its five largest kernels, and how much of the time it does nothing."""

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks._epochs import in_turn
from benchmarks._rows import Row, missing
from dynamics.config import Recipe
from dynamics.data import Dataset

LARGEST = 5
STEPS = 20
"""Steps that are looked at."""


class Kernel(NamedTuple):
    """All launches of one kernel."""

    name: str
    seconds: float
    launches: int


def measure(key: str, name: str, recipe: Recipe, dataset: Dataset, *, device: torch.device) -> list[Row]:
    """Profile an epoch of a few steps and a panel of next to nothing, the second of its run."""
    few = max(STEPS * recipe.batch_size, dataset.num_classes)
    recipe = dataclasses.replace(
        recipe,
        train_examples=min(few, dataset.num_train),
        panel_examples=2,
        panel_batch=2,
        panel_augmentations=1,
    )
    profiler = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
    turns = iter((profiler.start, profiler.stop))

    def turn() -> float:
        next(turns)()
        return 0.0

    epochs = in_turn(
        name, recipe, dataset, device=device, rounds=1, others={"profiler": turn}, engine="eager"
    )
    kernels = [
        Kernel(event.key, event.self_device_time_total / 1e6, event.count)
        for event in profiler.key_averages()
        if event.device_type.name != "CPU" and not event.is_user_annotation
    ]
    steps = recipe.train_examples // recipe.batch_size if recipe.train_examples else STEPS
    return rows(key, name, kernels, wall_seconds=epochs.timed[0].train_seconds, steps=steps)


def rows(key: str, name: str, kernels: Iterable[Kernel], *, wall_seconds: float, steps: int) -> list[Row]:
    """Return the largest kernels' shares of the time of all kernels, and that time's share of the epoch."""
    kernels = sorted(kernels, key=lambda kernel: -kernel.seconds)
    total = sum(kernel.seconds for kernel in kernels)
    if total == 0:
        return [
            missing(f"{key}.kernel_1", f"{name}: kernels", "%", "this GPU does not let itself be profiled")
        ]
    made = [
        Row(
            key=f"{key}.kernels_busy",
            what=f"{name}: time in kernels / time of the steps (eager, profiled)",
            value=100 * total / wall_seconds,
            unit="%",
            note=f"{1e3 * total / steps:.3g} ms of kernels a step; the profiler slows the launches",
        )
    ]
    for place, kernel in enumerate(kernels[:LARGEST], start=1):
        made.append(
            Row(
                key=f"{key}.kernel_{place}",
                what=f"{name}: kernel {place} by time, share of all kernels",
                value=100 * kernel.seconds / total,
                unit="%",
                note=f"{kernel.name[:90]}, {kernel.launches / steps:.3g} launches a step",
            )
        )
    return made
