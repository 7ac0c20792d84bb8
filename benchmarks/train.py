# SPDX-License-Identifier: Apache-2.0
"""How fast is a training epoch with snapshots, beside the thesis's code and lightly's, and what limits it."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks import _engines, _flops, _images, _kernels, _memory, _training_rows
from benchmarks._epochs import in_turn
from benchmarks._hardware import available_cores
from benchmarks._others import Pace, Peer
from benchmarks._rows import Row, Setting, missing
from benchmarks._targets import MB
from benchmarks.peers.baseline import METHODS, Baseline
from benchmarks.peers.lightly_loop import LightlyLoop, installed
from dynamics import data, methods
from dynamics.config import Config, preset
from dynamics.data import Dataset

GPU_IMAGES = 50_000
GPU_IMAGES_OF_OTHERS = 5_000
"""Images per second are compared: an epoch of all of them, with views by PIL, would take most of a minute."""
LIGHTLYS = "simclr"
"""The method that lightly's loop trains."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is timed on this machine."""

    device: torch.device
    dataset: Dataset
    workers: int
    """Processes that make views for the others."""
    quick: bool

    @classmethod
    def of(cls, setting: Setting) -> "Plan":
        """Return digits for the CPU, and as many photographs as CIFAR-10 has images for a GPU."""
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

    def recipe(self, name: str) -> Config:
        """Return a method's recipe, with as many epochs as are timed and one to warm up."""
        recipe = preset(methods.recipe(name), "thesis" if self.thesis else "quick")
        if self.quick:
            small: dict[str, Any] = {
                "width": 2,
                "train_examples": 64,
                "panel_examples": 32,
                "panel_batch": 32,
            }
            return dataclasses.replace(recipe, epochs=3, **small)
        epochs = 8 if not self.thesis else 5 if name == "simclr" else 3
        return dataclasses.replace(recipe, epochs=epochs)

    def part_for_others(self, recipe: Config) -> Config:
        """Return the recipe of an epoch of the others: fewer images where all take minutes."""
        return dataclasses.replace(recipe, train_examples=GPU_IMAGES_OF_OTHERS) if self.thesis else recipe

    def note_for(self, other: str, recipe: Config) -> str:
        """Say under what conditions another loop is timed."""
        part = self.images(self.part_for_others(recipe))
        fewer = "" if part == self.images(recipe) else f", steps on {part} images"
        network = "the GPU" if self.device.type == "cuda" else f"{torch.get_num_threads()} thread"
        records = ", records no snapshots" if other == "lightly" else ", with its panel"
        return f"{self.workers} processes make views, network on {network}, float32{fewer}{records}"

    def images(self, recipe: Config) -> int:
        """Return how many images an epoch trains on: full batches only."""
        number = recipe.train_examples or self.dataset.num_train
        return number // recipe.batch_size * recipe.batch_size


def measure(setting: Setting) -> list[Row]:
    """Time every method; on the CPU with the preset quick and one thread, on a GPU with the thesis's."""
    threads = torch.get_num_threads()
    if not setting.cuda:
        torch.set_num_threads(1)
    try:
        return _measure(setting)
    finally:
        torch.set_num_threads(threads)


def _measure(setting: Setting) -> list[Row]:
    plan = Plan.of(setting)
    product = _flops.fastest_product(
        _flops.precision(plan.recipe("simclr"), plan.device), plan.device, quick=setting.quick
    )
    rows = []
    for name in (*METHODS, *(name for name in methods.names() if name not in METHODS)):
        if setting.time_for(f"epochs of {name}"):
            rows += time_method(name, plan, product)
    return rows + (_gpu_parts if setting.cuda else _cpu_parts)(plan, setting)


def _cpu_parts(plan: Plan, setting: Setting) -> list[Row]:
    rows = []
    for name in METHODS[:1] if setting.quick else METHODS:
        if setting.time_for(f"memory of {name}"):
            rows += _memory.measure(f"train.cpu.{name}", name, plan.recipe(name))
    return rows


def _gpu_parts(plan: Plan, setting: Setting) -> list[Row]:
    key, recipe, device = "train.cuda.simclr", plan.recipe("simclr"), plan.device
    rows = []
    if setting.time_for("kernels of simclr"):
        rows += _kernels.measure(key, "simclr", recipe, plan.dataset, device=device)
    if setting.time_for("engines for simclr"):
        recipe = dataclasses.replace(recipe, epochs=4)
        rows += _engines.measure(key, "simclr", recipe, images=plan.dataset.num_train, device=device)
    return rows


def time_method(name: str, plan: Plan, product: _flops.Product) -> list[Row]:
    """Time epochs of ours, of the loops that have the method, and matrix products, in turn."""
    recipe, device = plan.recipe(name), plan.device
    key, images = f"train.{device.type}.{name}", plan.images(recipe)
    paces = others(name, plan)
    epochs = in_turn(name, recipe, plan.dataset, device=device, others={**paces, "product": product.rate})
    rows = _training_rows.own(key, name, epochs, images=images, note=_note(recipe, device))
    rows.append(
        _training_rows.utilisation(
            key,
            name,
            epochs,
            operations=_flops.of_step(name, recipe, plan.dataset, device=device),
            steps=images // recipe.batch_size,
            rates=epochs.others["product"],
            note=f"a product of {product.size} x {product.size}",
        )
    )
    for other, pace in paces.items():
        seconds, note = epochs.others[other], plan.note_for(other, recipe)
        rows += _training_rows.compared(key, name, other, epochs, seconds, images=images, note=note)
        if pace.allocated is not None:
            what = f"{name}: peak memory of the GPU, {_training_rows.OTHERS[other]}"
            rows.append(
                Row(key=f"{key}.peak_memory_{other}", what=what, value=pace.allocated / MB, unit="MB")
            )
    if name == LIGHTLYS and not installed():
        what = f"{name}: images per second, ours / {_training_rows.OTHERS['lightly']}"
        rows.append(
            missing(f"{key}.ratio_lightly", what, "x", "lightly is not installed (the extra `bench`)")
        )
    return rows


def others(name: str, plan: Plan) -> dict[str, Pace]:
    """Return the loops of others that train this method."""
    recipe = plan.recipe(name)
    part = plan.part_for_others(recipe)
    times = plan.images(recipe) / plan.images(part)
    found = {}
    options: dict[str, Any] = {"device": plan.device, "workers": plan.workers}
    if name in METHODS:
        build: Callable[[], Peer] = partial(Baseline, name, part, plan.dataset, **options)
        found["baseline"] = Pace(build, device=plan.device, times=times)
    if name == LIGHTLYS and installed():
        found["lightly"] = Pace(
            partial(LightlyLoop, part, plan.dataset, **options), device=plan.device, times=times
        )
    return found


def _note(recipe: Config, device: torch.device) -> str:
    panel = f"K = {recipe.panel_examples}, M = {recipe.panel_augmentations}"
    if device.type == "cuda":
        return f"{panel}, {'bf16' if _flops.precision(recipe, device) == torch.bfloat16 else 'float32'}"
    return f"{panel}, one process of {torch.get_num_threads()} thread"
