# SPDX-License-Identifier: Apache-2.0
"""Training epochs with snapshots, beside the thesis's code and lightly's, and what limits them."""

import dataclasses
import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import hardware, harness
from benchmarks.augment import photographs
from benchmarks.harness import MB, Conditions, Epochs, Measurement, about, in_turn, median, ratio, seconds_of
from benchmarks.peers.baseline import METHODS, Baseline
from benchmarks.peers.lightly_loop import LightlyLoop, installed
from dynamics import data, methods, networks
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.provenance import available_cores
from dynamics.streams import generator
from dynamics.study_file import preset
from dynamics.training import precision
from dynamics.training.worker import keep_freed

GPU_IMAGES = 50_000
"""As many as CIFAR-10 has."""
GPU_BATCHES_OF_OTHERS = 3
"""Batches that each of their processes makes in an epoch: all 50 000 images, with views by PIL, take most of a minute.
An integer number of rounds, so that no process is idle in the last."""
TINY: dict[str, Any] = {"width": 2, "train_examples": 64, "panel_examples": 32, "panel_batch": 32}
OTHERS = {"baseline": "baseline (the thesis's recipe)", "lightly": "lightly's SimCLR loop"}
RECORDS = {"baseline": "with its panel", "lightly": "records no snapshots"}
"""Other loops, as they are called in rows, and what follows their epochs."""
LIGHTLYS = "simclr"
"""The method that lightly's loop trains."""
PRODUCTS = {"cpu": (2048, 4e9), "cuda": (8192, 1e13)}
"""Rows of the matrices whose product is timed: large enough that a device is at its fastest, and so is the work."""


def measure(conditions: Conditions) -> list[Measurement]:
    """Time every method; on the CPU with the preset quick and one thread, on a GPU with the thesis's."""
    with as_a_worker(conditions.device):
        return _measure(conditions)


@contextmanager
def as_a_worker(device: torch.device) -> Iterator[None]:
    """Compute as the workers of a study do: on a CPU with one thread, and freed memory is kept."""
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
        keep_freed()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _measure(conditions: Conditions) -> list[Measurement]:
    work = Workload.under(conditions)
    rows = []
    for name in dict.fromkeys((*METHODS, *methods.names())):
        if conditions.time_for(f"epochs of {name}"):
            rows += about(f"train.{work.device.type}.{name}", name, time_method(name, work))
    if conditions.cuda:
        return rows
    for name in METHODS[:1] if conditions.quick else METHODS:
        if conditions.time_for(f"memory of {name}"):
            rows += about(f"train.cpu.{name}", name, memory(name, work.recipe(name)))
    return rows


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The training that is timed: the thesis's sizes on a GPU, another preset's on a CPU, tiny sizes if quick."""

    device: torch.device
    dataset: Dataset
    sizes: str
    """Name of the preset."""
    workers: int
    """Processes that make views for the others."""
    quick: bool

    @classmethod
    def under(cls, conditions: Conditions) -> "Workload":
        """Return digits for the CPU, and pieces of photographs for a GPU."""
        large = conditions.cuda and not conditions.quick
        dataset = photographs(GPU_IMAGES) if large else data.load("digits")
        workers = min(2, available_cores()) if conditions.quick else available_cores()
        return cls(
            device=conditions.device,
            dataset=dataset,
            sizes="thesis" if large else "quick",
            workers=workers,
            quick=conditions.quick,
        )

    @property
    def thesis(self) -> bool:
        """Whether the thesis's sizes are used."""
        return self.sizes == "thesis"

    def recipe(self, name: str) -> Recipe:
        """Return a method's recipe; on a GPU all but SimCLR, which targets are set for, are timed on half of it."""
        if self.quick:
            return preset(name, self.sizes, **TINY)
        recipe = preset(name, self.sizes)
        return recipe if name == "simclr" else self.half(recipe)

    def half(self, recipe: Recipe) -> Recipe:
        """Return a recipe of half the images and half the panel: the same work per step, in half the time."""
        if not self.thesis:
            return recipe
        panel = recipe.panel_examples // 2
        return dataclasses.replace(recipe, train_examples=GPU_IMAGES // 2, panel_examples=panel)

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


def number_type(recipe: Recipe, work: Workload) -> torch.dtype:
    """Return the numbers that a run's networks compute with."""
    low = precision.resolve(recipe, work.device, image_size=work.dataset.image_size) == "bf16"
    return torch.bfloat16 if low else torch.float32


def product(size: int, dtype: torch.dtype, device: torch.device, *, work: float) -> Callable[[], float]:
    """Return a call that times products of two square matrices, about so many operations; it returns operations/s.

    Examples
    --------
    >>> product(64, torch.float32, torch.device("cpu"), work=1e6)() > 0
    True
    """
    random = generator(0, "control", device=device)
    first, second = (torch.randn(size, size, generator=random, device=device).to(dtype) for _ in range(2))
    into, once = torch.empty_like(first), 2.0 * size**3
    times = max(1, round(work / once))

    def call() -> None:
        for _ in range(times):
            torch.matmul(first, second, out=into)

    return lambda: times * once / seconds_of(call, device)


def time_method(name: str, work: Workload) -> list[Measurement]:
    """Time epochs of ours, of the loops that have the method, and matrix products, in turn."""
    recipe, device = work.recipe(name), work.device
    images, part = work.images(recipe), work.part_for_others(recipe)
    paces = others(name, part, work, times=images / work.images(part))
    size, amount = (64, 1e7) if work.quick else PRODUCTS[device.type]
    between: dict[str, Callable[[], float]] = dict(paces)
    between["product"] = product(size, number_type(recipe, work), device, work=amount)
    rounds = 2 if work.quick else 7
    if work.thesis:
        rounds = 4 if name == "simclr" else 2
    epochs = in_turn(name, recipe, work.dataset, device=device, rounds=rounds, others=between)
    said = notes(recipe, work)
    rows = own(epochs, images=images, note=said["ours"])
    operations = operations_of_step(name, recipe, work.dataset, device=device)
    rows.append(utilisation(epochs, operations, images // recipe.batch_size, size, epochs.others["product"]))
    for other, pace in paces.items():
        rows += compared(other, epochs, epochs.others[other], images=images, note=said[other])
        rows += gpu_memory(f"peak_memory_{other}", OTHERS[other], pace.allocated)
    if name == LIGHTLYS and not installed():
        what = f"images per second, ours / {OTHERS['lightly']}"
        why = "not installed (it is in the extra bench)"
        rows.append(Measurement("ratio_lightly", what, None, "x", note=why))
    return rows


def notes(recipe: Recipe, work: Workload) -> dict[str, str]:
    """Describe the conditions under which ours and the other loops are timed."""
    where = "the GPU" if work.device.type == "cuda" else f"{torch.get_num_threads()} thread(s)"
    numbers = str(number_type(recipe, work)).removeprefix("torch.")
    part = work.images(work.part_for_others(recipe))
    fewer = "" if part == work.images(recipe) else f", its steps timed on {part} images"
    theirs = f"views in {work.workers} processes, network on {where}, float32"
    return {
        "ours": f"K = {recipe.panel_examples}, M = {recipe.panel_augmentations}, {numbers}, on {where}",
        **{other: f"{theirs}, {records}{fewer}" for other, records in RECORDS.items()},
    }


def own(epochs: Epochs, *, images: int, note: str) -> list[Measurement]:
    """Return the costs of ours: time, pace, share of snapshots, start and, on a GPU, memory."""
    seconds, start = epochs.seconds, epochs.reports[0].start_seconds
    panel, store = (
        1e3 * statistics.median(getattr(each, part) for each in epochs.timed)
        for part in ("panel_seconds", "store_seconds")
    )
    shares = [100 * share for share in epochs.snapshot_shares]
    parts = f"{panel:.3g} ms to score the panel, {store:.3g} ms to write"
    used, held = epochs.memory or (None, 0)
    return [
        median("epoch", f"epoch of {images} images with snapshots", "s", seconds, note),
        median("images_per_second", "ours", "images/s", [images / value for value in seconds]),
        median("snapshot_share", "panel and snapshots, share of an epoch", "%", shares, parts),
        Measurement("start", "start of a seed, before its first epoch", start, "s"),
        *gpu_memory("peak_memory", "ours", used, note=f"{held / MB:,.0f} MB reserved".replace(",", " ")),
    ]


def gpu_memory(key: str, loop: str, allocated: int | None, note: str = "") -> list[Measurement]:
    """Return the memory of a GPU that a loop took, in bytes; no row where there is no GPU."""
    what = f"peak memory of the GPU, {loop}"
    return [] if allocated is None else [Measurement(key, what, allocated / MB, "MB", note=note)]


def utilisation(
    epochs: Epochs, operations: float, steps: int, size: int, rates: Sequence[float]
) -> Measurement:
    """Return the operations per second of the steps as a percentage of those of a matrix product.

    `operations` are those of one step, `rates` the operations per second of a product of matrices of so many rows,
    timed in turn with the epochs.
    """
    ceiling = statistics.median(rates)
    shares = [100 * operations * steps / each.train_seconds / ceiling for each in epochs.timed]
    note = (
        f"{operations / 1e9:.3g} GFLOP a step; a product of {size} x {size} does {ceiling / 1e9:.3g} GFLOP/s"
    )
    return median("utilisation", "model FLOP utilisation of the steps", "%", shares, note)


def compared(
    other: str, epochs: Epochs, seconds: Sequence[float], *, images: int, note: str
) -> list[Measurement]:
    """Return the pace of another loop, whose epochs of as many images take `seconds`, and how many times it ours is."""
    ours, theirs = ([images / value for value in each] for each in (epochs.seconds, seconds))
    return [
        median(f"{other}_images_per_second", OTHERS[other], "images/s", theirs, note),
        ratio(f"ratio_{other}", f"images per second, ours / {OTHERS[other]}", ours, theirs),
    ]


def operations_of_step(name: str, recipe: Recipe, dataset: Dataset, *, device: torch.device) -> int:
    """Count the floating-point operations of one training step, forward and backward.

    Convolutions and matrix products count, a multiplication and an addition each; what is done element by element
    (batch norm, the optimiser), factorisations and the making of views do not. The step is done once, in float32.
    """
    dataset = networks.training_data(dataset, recipe)
    method = networks.untrained(name, recipe, dataset, seed=0).to(device)
    shape = (method.training_views, recipe.batch_size, 3, dataset.image_size, dataset.image_size)
    views = torch.rand(shape, generator=generator(0, "control", device=device), device=device)
    labels = torch.zeros(recipe.batch_size, dtype=torch.int64, device=device)
    with FlopCounterMode(display=False) as counter:
        method.loss(views, labels)["loss"].backward()
    return int(counter.get_total_flops())


class EpochTimer:
    """A call that gives the seconds of an epoch of another loop, as if it had `times` as many images.

    Steps count `times` times, the panel once. The loop is built at the first call, so that it holds nothing before;
    it runs in our process, so that on a GPU cuDNN looks for the fastest algorithms for others, too.
    """

    def __init__(self, build: Callable[[], Any], *, device: torch.device, times: float) -> None:
        self.build, self.device, self.times = build, device, times
        self.loop: Any = None
        self.allocated: int | None = None
        """Most memory of the GPU that its first epoch used, in bytes; None on the CPU."""

    def __call__(self) -> float:
        """Run an epoch; return the seconds that one of all images would take."""
        if self.loop is not None or self.device.type != "cuda":
            return self._seconds()
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        seconds = self._seconds()
        self.allocated = torch.cuda.max_memory_allocated(self.device) - before
        return seconds

    def _seconds(self) -> float:
        self.loop = self.loop or self.build()
        with warnings.catch_warnings():
            # Newer Pythons warn of forking a process with threads; loaders do it all the same.
            warnings.simplefilter("ignore", DeprecationWarning)
            training = seconds_of(self.loop.train_epoch, self.device)
            return training * self.times + seconds_of(self.loop.score, self.device)


def others(name: str, recipe: Recipe, work: Workload, *, times: float) -> dict[str, EpochTimer]:
    """Return the other loops that train this method; an epoch of ours has so many `times` their images."""
    options: dict[str, Any] = {"device": work.device, "workers": work.workers}
    builds: dict[str, Callable[[], Any]] = {}
    if name in METHODS:
        builds["baseline"] = partial(Baseline, name, recipe, work.dataset, **options)
    if name == LIGHTLYS and installed():
        builds["lightly"] = partial(LightlyLoop, recipe, work.dataset, **options)
    return {other: EpochTimer(build, device=work.device, times=times) for other, build in builds.items()}


def memory(name: str, recipe: Recipe) -> list[Measurement]:
    """Return the memory of a process that trains one epoch on the CPU, ours and, where there is one, the baseline's."""
    rows = []
    for loop in ("ours", "baseline") if name in METHODS else ("ours",):
        timed = harness.in_own_process(train_alone, loop, name, recipe)
        note = f"a process that only trains; {timed.result / MB:.0f} MB are Python, libraries and images"
        note += "" if loop == "ours" else "; makes its views itself, workers come on top"
        key = "peak_memory" if loop == "ours" else "peak_memory_baseline"
        what = f"peak memory, {OTHERS.get(loop, loop)}"
        rows.append(Measurement(key, what, timed.peak_bytes / MB, "MB", note=note))
    return rows


def train_alone(loop: str, name: str, recipe: Recipe) -> int:
    """Train ours, or the baseline without worker processes; return the bytes that were there before."""
    dataset, device = data.load(recipe.dataset), torch.device("cpu")
    before = hardware.peak_memory()
    if loop == "ours":
        in_turn(name, recipe, dataset, device=device, rounds=0, others={})
    else:
        peer = Baseline(name, recipe, dataset, device=device, workers=0)
        peer.train_epoch()
        peer.score()
    return before
