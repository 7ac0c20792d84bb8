# SPDX-License-Identifier: Apache-2.0
"""How much arithmetic is a training step, and how much can the device do: counted, and measured on square matrices."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._timing import alternate, seconds_of
from dynamics import networks
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.streams import generator

SIZES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192, 16384)}
"""Rows of the matrices that are tried."""
LEAST_WORK = {"cpu": 4e9, "cuda": 1e13}
"""Operations that are timed together, so that starting them does not count."""


def of_step(name: str, recipe: Recipe, dataset: Dataset, *, device: torch.device) -> int:
    """Count the floating-point operations of one training step, forward and backward.

    Convolutions and matrix products count, a multiplication and an addition each; what is done element by element
    (batch norm, the optimiser), factorisations and the making of views do not.

    Parameters
    ----------
    name
        The method.
    recipe
        Its sizes.
    dataset
        Gives the number of classes and the size of an image.
    device
        Where the step is done for once, in float32: the count does not depend on it.
    """
    dataset = networks.training_data(dataset, recipe)
    method = networks.untrained(name, recipe, dataset, seed=0).to(device)
    size = dataset.image_size
    shape = (method.training_views, recipe.batch_size, 3, size, size)
    views = torch.rand(shape, generator=generator(0, "control", device=device), device=device)
    labels = torch.zeros(recipe.batch_size, dtype=torch.int64, device=device)
    with FlopCounterMode(display=False) as counter:
        method.loss(views, labels)["loss"].backward()
    return int(counter.get_total_flops())


def precision(recipe: Recipe, device: torch.device) -> torch.dtype:
    """Return the numbers that a run's networks compute with."""
    automatic = "bf16" if device.type == "cuda" else "fp32"
    wanted = automatic if recipe.precision == "auto" else recipe.precision
    return torch.bfloat16 if wanted == "bf16" else torch.float32


@dataclass(frozen=True, kw_only=True)
class Product:
    """The product of two square matrices, several times over."""

    size: int
    """Rows and columns."""
    operations: float
    """Floating-point operations of a call."""
    call: Callable[[], object]
    device: torch.device

    def rate(self) -> float:
        """Time it now; return operations per second."""
        return self.operations / seconds_of(self.call, self.device)


def product(size: int, dtype: torch.dtype, device: torch.device, *, least_work: float) -> Product:
    """Return a product whose call does at least so many operations."""
    random = generator(0, "control", device=device)
    first, second = (
        torch.randn(size, size, generator=random, device=device).to(dtype).clone() for _ in range(2)
    )
    into = torch.empty_like(first)
    once = 2.0 * size**3
    times = max(1, round(least_work / once))

    def call() -> None:
        for _ in range(times):
            torch.matmul(first, second, out=into)

    return Product(size=size, operations=times * once, call=call, device=device)


def fastest_product(dtype: torch.dtype, device: torch.device, *, quick: bool) -> Product:
    """Return the product of the size that the device does at the highest rate."""
    sizes = (64, 128) if quick else SIZES[device.type]
    least_work = 1e7 if quick else LEAST_WORK[device.type]
    found = {str(size): product(size, dtype, device, least_work=least_work) for size in sizes}
    seconds = alternate(
        {name: each.call for name, each in found.items()}, rounds=2 if quick else 5, device=device
    )
    rates = {name: found[name].operations / statistics.median(times) for name, times in seconds.items()}
    return found[max(rates, key=lambda name: rates[name])]
