# SPDX-License-Identifier: Apache-2.0
"""How do several seeds share a GPU: in a process each, or in one process whose captured steps have a stream each.

Processes are given the GPU in turns unless CUDA's MPS is running, so that they fill each other's pauses only; kernels
of several streams may run side by side.
"""

import dataclasses
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks._epochs import forget_memory
from benchmarks._images import dataset
from benchmarks._rows import Row, missing
from dynamics import networks
from dynamics.config import Recipe
from dynamics.training import capture
from dynamics.training.workbench import Workbench

EPOCHS = 4
"""Epochs of each seed; the first warms up."""


class Packed(NamedTuple):
    """What several seeds at once came to."""

    rate: float
    """Epochs of a seed per hour, over all seeds."""
    memory: float
    """Most memory of a GPU that PyTorch holds for all of them, in MB; a process's CUDA context comes on top."""


class Epoch(NamedTuple):
    """When an epoch was over, on a clock that all processes share."""

    ended: float
    memory: int


def shortened(recipe: Recipe) -> Recipe:
    """Return a recipe of next to nothing."""
    small: dict[str, Any] = {"width": 2, "epochs": 2, "train_examples": 64, "panel_examples": 32}
    return dataclasses.replace(recipe, **small)


def processes(count: int, recipe: Recipe, devices: Sequence[torch.device], *, images: int) -> Packed:
    """Train that many seeds at once, each in a process, dealt to the devices in turn.

    Raises
    ------
    RuntimeError
        When one of them fails.
    """
    context = multiprocessing.get_context("spawn")
    pipes, started = [], []
    for seed in range(count):
        here, there = context.Pipe()
        device = str(devices[seed % len(devices)])
        process = context.Process(target=_train_seed, args=(there, recipe, seed, device, images))
        process.start()
        there.close()
        pipes.append(here)
        started.append(process)
    try:
        ready = [pipe.recv() for pipe in pipes]  # libraries are loaded, memory is there
        assert all(ready)
        for pipe in pipes:
            pipe.send("begin")
        found: list[list[Epoch]] = [pipe.recv() for pipe in pipes]
    except EOFError:
        raise RuntimeError(f"one of {count} processes died") from None
    finally:
        for process in started:
            process.terminate()
            process.join()
    memory = sum(max(epoch.memory for epoch in epochs) for epochs in found) / len(devices)
    return Packed(3600 * shared_rate([[epoch.ended for epoch in epochs] for epochs in found]), memory / 1e6)


def shared_rate(ends: Sequence[Sequence[float]]) -> float:
    """Return epochs per second over the time in which all were past their first epoch and none had ended.

    Parameters
    ----------
    ends
        For each seed, when its epochs ended; two or more.
    """
    start, stop = max(own[0] for own in ends), min(own[-1] for own in ends)
    if stop <= start:  # one had ended before another began: count each at its own pace
        return sum((len(own) - 1) / (own[-1] - own[0]) for own in ends)
    return sum(_until(own, stop) - _until(own, start) for own in ends) / (stop - start)


def _until(ends: Sequence[float], moment: float) -> float:
    """Return how many epochs after the first were done by then, the one under way as a fraction."""
    done = 0.0
    for before, after in pairwise(ends):
        done += min(1.0, max(0.0, (moment - before) / (after - before)))
    return done


def _train_seed(pipe: Any, recipe: Recipe, seed: int, device: str, images: int) -> None:
    """Run in a process: train a seed as the runner does."""
    torch.set_num_threads(1)
    chosen = torch.device(device)
    pieces = dataset(images)
    if chosen.type == "cuda":
        torch.zeros(1, device=chosen)
    pipe.send(True)
    pipe.recv()
    ends: list[Epoch] = []
    with tempfile.TemporaryDirectory() as folder:
        job = training.Job(
            method="simclr",
            recipe=dataclasses.replace(recipe, epochs=EPOCHS),
            seed=seed,
            folder=Path(folder) / f"seed-{seed:04d}",
        )
        training.train(job, pieces, device=chosen, report=lambda _: ends.append(_now(chosen)))
    pipe.send(ends)


def _now(device: torch.device) -> Epoch:
    used = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0
    return Epoch(time.time(), used)


def streams(count: int, recipe: Recipe, devices: Sequence[torch.device], *, images: int) -> Packed:
    """Train that many seeds at once in this process: each has a captured step and a stream, and they take turns.

    Panels are scored in turn after each epoch; nothing is written to the disk.
    """
    (device,) = devices
    _, held = forget_memory(device)
    engine = capture.choose("auto", device)
    pieces = networks.training_data(dataset(images), recipe)
    benches = [Workbench("simclr", recipe, pieces, device=device, engine=engine) for _ in range(count)]
    lanes = [torch.cuda.Stream(device) if device.type == "cuda" else None for _ in benches]
    for seed, bench in enumerate(benches):
        bench.begin(seed)
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # seeds are loaded on another stream
    ends = [_now(device)]
    for epoch in range(1, EPOCHS + 1):
        launches = [bench.launch(seed, epoch) for seed, bench in enumerate(benches)]
        for _ in range(benches[0].steps):
            for launch, lane in zip(launches, lanes, strict=True):
                with torch.cuda.stream(lane):
                    next(launch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        for bench in benches:
            bench.panel.score(bench.method)
        ends.append(_now(device))
    seconds = ends[-1].ended - ends[1].ended
    return Packed(3600 * count * (EPOCHS - 1) / seconds, (ends[-1].memory - held) / 1e6)


def rows(way: str, count: int, packed: Packed) -> list[Row]:
    """Return the rows of a packing."""
    what = f"simclr, {count} seeds at once, {way.replace('_', ' ')}"
    return [
        Row(
            key=f"seeds.cuda.{way}_{count}",
            what=what,
            value=packed.rate,
            unit="seed-epochs/h",
            note="without writing snapshots" if way == "streams" else "",
        ),
        Row(key=f"seeds.cuda.{way}_{count}.memory", what=f"{what}: memory", value=packed.memory, unit="MB"),
    ]


def failed(way: str, count: int, error: Exception) -> Row:
    """Return the row of a packing that does not work."""
    reason = str(error).split("\n")[0]
    what = f"simclr, {count} seeds at once, {way}"
    return missing(f"seeds.cuda.{way}_{count}", what, "seed-epochs/h", f"failed: {reason}")
