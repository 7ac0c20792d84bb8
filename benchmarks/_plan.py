# SPDX-License-Identifier: Apache-2.0
"""What is trained to be timed: the thesis's sizes on a GPU, the quick preset on a CPU, next to nothing with --quick."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks import _images
from benchmarks._flops import precision
from benchmarks._rows import Setting
from dynamics import data
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.provenance import available_cores
from dynamics.study_file import preset

GPU_IMAGES = 50_000
"""As many as CIFAR-10 has."""
GPU_BATCHES_OF_OTHERS = 3
"""Batches that each of their processes makes in an epoch: all 50 000 images, with views by PIL, take most of a minute.
A whole number of rounds, so that no process is idle in the last."""
TINY: dict[str, Any] = {"width": 2, "train_examples": 64, "panel_examples": 32, "panel_batch": 32}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Data and sizes for a device."""

    device: torch.device
    dataset: Dataset
    workers: int
    """Processes that make views for the others."""
    quick: bool

    @classmethod
    def of(cls, setting: Setting) -> "Plan":
        """Return digits for the CPU, and pieces of photographs for a GPU."""
        photographs = setting.cuda and not setting.quick
        return cls(
            device=setting.device,
            dataset=_images.dataset(GPU_IMAGES) if photographs else data.load("digits"),
            workers=min(2, available_cores()) if setting.quick else available_cores(),
            quick=setting.quick,
        )

    @property
    def thesis(self) -> bool:
        """Whether the thesis's sizes are used."""
        return self.device.type == "cuda" and not self.quick

    def recipe(self, name: str) -> Recipe:
        """Return a method's recipe; on a GPU all but SimCLR, which targets are set for, are timed on half of it."""
        recipe = preset(name, "thesis" if self.thesis else "quick")
        if self.quick:
            return dataclasses.replace(recipe, **TINY)
        return recipe if name == "simclr" else self.half(recipe)

    def half(self, recipe: Recipe) -> Recipe:
        """Return a recipe of half the images and half the panel: the same work a step, in half the time."""
        if not self.thesis:
            return recipe
        return dataclasses.replace(
            recipe, train_examples=GPU_IMAGES // 2, panel_examples=recipe.panel_examples // 2
        )

    def rounds(self, name: str) -> int:
        """Return how many epochs of a method are timed."""
        if self.thesis:
            return 4 if name == "simclr" else 2
        return 2 if self.quick else 7

    def images(self, recipe: Recipe) -> int:
        """Return how many images an epoch trains on: full batches only."""
        number = recipe.train_examples or self.dataset.num_train
        return number // recipe.batch_size * recipe.batch_size

    def part_for_others(self, recipe: Recipe) -> Recipe:
        """Return the recipe of an epoch of the others: fewer images where all take too long."""
        if not self.thesis:
            return recipe
        images = GPU_BATCHES_OF_OTHERS * self.workers * recipe.batch_size
        return dataclasses.replace(recipe, train_examples=min(images, self.images(recipe)))

    def note(self, recipe: Recipe) -> str:
        """Say under what conditions ours is timed."""
        panel = f"K = {recipe.panel_examples}, M = {recipe.panel_augmentations}"
        if self.device.type == "cuda":
            return f"{panel}, {str(precision(recipe, self.device)).removeprefix('torch.')}"
        return f"{panel}, float32, one process of {_threads()}"

    def note_for(self, other: str, recipe: Recipe) -> str:
        """Say the same of another loop."""
        part = self.images(self.part_for_others(recipe))
        fewer = "" if part == self.images(recipe) else f", its steps timed on {part} images"
        network = "the GPU" if self.device.type == "cuda" else _threads()
        records = "records no snapshots" if other == "lightly" else "with its panel"
        return f"views in {self.workers} processes, network on {network}, float32, {records}{fewer}"


def _threads() -> str:
    count = torch.get_num_threads()
    return f"{count} thread{'s' if count > 1 else ''}"
