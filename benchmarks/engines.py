# SPDX-License-Identifier: Apache-2.0
"""On a GPU, the largest kernels of a step, and what capturing or compiling it costs and saves."""

import dataclasses
import os
import statistics
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import harness
from benchmarks.augment import photographs
from benchmarks.harness import Conditions, Epochs, Measurement, about, in_turn, median
from benchmarks.train import Workload
from dynamics.config import Recipe

LARGEST, PROFILED_STEPS = 5, 20
"""Number of kernels that are reported, and of steps that are profiled."""
EAGER = "eager"
ENGINES = {
    EAGER: "every kernel launched from Python",
    "graph": "a complete step in one CUDA graph",
    "compiled": "networks by torch.compile, in a CUDA graph",
}
"""The engines of :mod:`dynamics.training.capture`."""


def measure(conditions: Conditions) -> list[Measurement]:
    """Profile a step of SimCLR, and train with each engine; nothing without a GPU."""
    if not conditions.cuda:
        return []
    work = Workload.under(conditions)
    recipe, rows = work.recipe("simclr"), list[Measurement]()
    if conditions.time_for("kernels of simclr"):
        rows += about("engines.cuda.simclr", "simclr", profiled("simclr", recipe, work))
    if conditions.time_for("engines for simclr"):
        rows += engines("simclr", recipe, rounds=2, images=work.dataset.num_train, device=work.device)
    return rows


class Kernel(NamedTuple):
    """All launches of one kernel."""

    name: str
    seconds: float
    launches: int


def profiled(name: str, recipe: Recipe, work: Workload) -> list[Measurement]:
    """Profile an epoch of a few steps and a tiny panel, the second of its run."""
    few = min(max(PROFILED_STEPS * recipe.batch_size, work.dataset.num_classes), work.dataset.num_train)
    panel: dict[str, Any] = {"panel_examples": 2, "panel_batch": 2, "panel_augmentations": 1}
    recipe = dataclasses.replace(recipe, train_examples=few, **panel)
    profiler = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
    turns = iter((profiler.start, profiler.stop))
    options: dict[str, Any] = {"others": {"profiler": lambda: next(turns)() or 0.0}, "engine": EAGER}
    epochs = in_turn(name, recipe, work.dataset, device=work.device, rounds=1, **options)
    found = [
        Kernel(event.key, event.self_device_time_total / 1e6, event.count)
        for event in profiler.key_averages()
        if event.device_type.name != "CPU" and not event.is_user_annotation
    ]
    return kernels(found, wall_seconds=epochs.timed[0].train_seconds, steps=few // recipe.batch_size)


def kernels(found: Iterable[Kernel], *, wall_seconds: float, steps: int) -> list[Measurement]:
    """Return the largest kernels' shares of the time of all kernels, and that time's share of the epoch."""
    found = sorted(found, key=lambda kernel: -kernel.seconds)
    total = sum(kernel.seconds for kernel in found)
    if total == 0:
        why = "this GPU does not let itself be profiled"
        return [Measurement("kernel_1", "kernels", None, "%", note=why)]
    what = "time in kernels / time of the steps (eager, profiled)"
    note = f"{1e3 * total / steps:.3g} ms of kernels a step; the profiler slows the launches"
    rows = [Measurement("kernels_busy", what, 100 * total / wall_seconds, "%", note=note)]
    for place, kernel in enumerate(found[:LARGEST], start=1):
        what, share = f"kernel {place} by time, share of all kernels", 100 * kernel.seconds / total
        note = f"{kernel.name[:90]}, {kernel.launches / steps:.3g} launches a step"
        rows.append(Measurement(f"kernel_{place}", what, share, "%", note=note))
    return rows


def engines(
    name: str, recipe: Recipe, *, rounds: int, images: int, device: torch.device
) -> list[Measurement]:
    """Train a few epochs with each engine, each in a process of its own that has nothing compiled."""
    found: dict[str, Epochs | None] = {}
    for engine in ENGINES:
        try:
            timed = harness.in_own_process(train_with, engine, name, recipe, rounds, images, str(device))
        except RuntimeError:  # a compiler may be missing: that is no reason to lose what was measured before
            found[engine] = None
        else:
            found[engine] = timed.result
    return engine_rows(name, found)


def train_with(engine: str, name: str, recipe: Recipe, rounds: int, images: int, device: str) -> Epochs:
    """Train with one of them, after two short eager epochs that load what all of them need."""
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # or the compiler finds what it made another time
    pieces = photographs(images)
    first = dataclasses.replace(recipe, train_examples=max(pieces.num_classes, recipe.panel_examples))
    options: dict[str, Any] = {"device": torch.device(device), "others": {}}
    in_turn(name, first, pieces, rounds=0, engine=EAGER, **options)
    return in_turn(name, recipe, pieces, rounds=rounds, engine=engine, **options)


def engine_rows(name: str, found: Mapping[str, Epochs | None]) -> list[Measurement]:
    """Return what each engine takes to start and an epoch, and when the slower start is won back."""
    made = []
    eager = found.get(EAGER)
    for engine, epochs in found.items():
        if epochs is None:
            rows = [Measurement("epoch", "epoch", None, "s", note="failed; its error is above")]
        else:
            note = f"{epochs.reports[0].start_seconds:.3g} s before the first epoch, the rest in it"
            start = Measurement("start", "start", start_seconds(epochs), "s", note=note)
            rows = [median("epoch", "epoch", "s", epochs.seconds), start]
            rows += _won_back(eager, epochs) if eager is not None and engine != EAGER else []
        made += about(f"engines.cuda.{name}.{engine}", f"{name}, {ENGINES[engine]}", rows)
    return made


def start_seconds(epochs: Epochs) -> float:
    """Return the seconds before the first epoch, and those that its steps and panel take longer than a later one's.

    The panel's networks are compiled when it is scored for the first time.
    """
    first = epochs.reports[0]
    later = statistics.median(each.train_seconds + each.panel_seconds for each in epochs.timed)
    return first.start_seconds + max(0.0, first.train_seconds + first.panel_seconds - later)


def _won_back(eager: Epochs, epochs: Epochs) -> list[Measurement]:
    extra = start_seconds(epochs) - start_seconds(eager)
    saved = statistics.median(eager.seconds) - statistics.median(epochs.seconds)
    after, note = (max(0.0, extra / saved), "") if saved > 0 else (None, "never: an epoch is not shorter")
    return [
        Measurement("extra_start", "longer start than eager", extra, "s"),
        Measurement("saved", "saved an epoch", saved, "s"),
        Measurement("won_back", "epochs until the start is won back", after, "epochs", note=note),
    ]
