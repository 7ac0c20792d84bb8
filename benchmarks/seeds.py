# SPDX-License-Identifier: Apache-2.0
"""Epochs of seeds per hour, 1, 2, 4 ... seeds at once: a complete study on a CPU, SimCLR on a GPU.

Seeds share a GPU either in separate processes, or in one process whose captured steps have separate streams. Processes
are given the GPU in turns unless CUDA's MPS is running, so that they fill each other's pauses only; kernels of several
streams may run side by side.
"""

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from benchmarks import harness
from benchmarks.augment import photographs
from benchmarks.hardware import reserved_memory, synchronise
from benchmarks.harness import MB, Conditions, Measurement, about, median, ratio
from benchmarks.peers.baseline import METHODS
from benchmarks.train import TINY, Workload
from dynamics import networks, study_file
from dynamics.config import Recipe
from dynamics.provenance import available_cores
from dynamics.training import capture
from dynamics.training.job import Job
from dynamics.training.plan import longest_first
from dynamics.training.pool import Event, Source, run_jobs
from dynamics.training.workbench import Workbench

PACKINGS = (1, 2, 4)
"""Numbers of seeds at once on one GPU."""
EPOCHS = 4
"""Epochs of each seed on a GPU; the first warms up."""

Packed = tuple[float, float]
"""Result of several seeds at once: epochs of a seed per hour, over all seeds; most memory of a GPU that PyTorch
holds for all of them, in MB (a process's CUDA context comes on top)."""


def measure(conditions: Conditions) -> list[Measurement]:
    """Time the study that `make demo` trains; on a GPU the thesis's SimCLR."""
    return gpu_rows(conditions) if conditions.cuda else study_rows(conditions)


def study_rows(conditions: Conditions) -> list[Measurement]:
    """Train the four methods of the thesis under the preset quick with 1, 2, 4 ... workers in turn."""
    cores, quick = available_cores(), conditions.quick
    workers = [count for count in (1, 2, 4, 8, 16, 32) if count <= max(2, cores)]
    seeds, rounds = (1, 1) if quick else (len(study_file.read("quick").seed_list()), 2)
    rates: dict[int, list[float]] = {count: [] for count in workers}
    for place in range(rounds):
        for count in workers if place % 2 == 0 else reversed(workers):
            if conditions.time_for(f"a quick study on the CPU, {count} seeds at once"):
                rates[count].append(train_study(count, seeds, quick=quick))
    what, note = f"quick study of {len(METHODS)} methods x {seeds} seeds", "with starting the processes"
    rows = [
        median(f"study_{count}", f"{what}, {count} at once", "seed-epochs/h", found, note)
        for count, found in rates.items()
        if found
    ]
    rows += [
        ratio(
            f"study_ratio_{count}",
            f"quick study: {count} seeds at once / one",
            found,
            rates[1],
            f"{cores} cores",
        )
        for count, found in rates.items()
        if found and rates[1] and count > 1
    ]
    return [row._replace(key=f"seeds.cpu.{row.key}") for row in rows]


def study_jobs(folder: Path, seeds: int, *, quick: bool) -> list[Job]:
    """Return the seeds of a quick study, in the order in which they are trained."""
    small = TINY | {"epochs": 2} if quick else {}
    recipes = {name: study_file.preset(name, "quick", **small) for name in METHODS}
    return longest_first(
        [
            Job(method=name, recipe=recipe, seed=seed, folder=folder / name / f"seed-{seed:04d}")
            for name, recipe in recipes.items()
            for seed in range(seeds)
        ]
    )


def train_study(workers: int, seeds: int, *, quick: bool) -> float:
    """Train a quick study as :func:`dynamics.train` does; return its epochs per hour, over all seeds.

    Raises
    ------
    RuntimeError
        When a seed failed.
    """
    events: list[Event] = []
    with tempfile.TemporaryDirectory() as folder:
        jobs, source = study_jobs(Path(folder), seeds, quick=quick), Source(data_root=Path(folder))
        began = time.perf_counter()
        run_jobs(jobs, source=source, devices=["cpu"], workers=workers, on_event=events.append)
        seconds = time.perf_counter() - began
    for event in events:
        if event.kind == "failed":
            raise RuntimeError(f"a seed of the benchmark failed: {event.payload}")
    return 3600 * sum(job.recipe.epochs for job in jobs) / seconds


def gpu_rows(conditions: Conditions) -> list[Measurement]:
    """Measure both ways of packing seeds on a GPU, and the better number of processes on all GPUs."""
    work = Workload.under(conditions)
    recipe, images = work.half(work.recipe("simclr")), work.dataset.num_train
    rates: dict[str, dict[int, float]] = {"processes": {}, "streams": {}}
    rows = []
    for count in PACKINGS[:2] if conditions.quick else PACKINGS:
        for way, train in (("processes", processes), ("streams", streams)):
            if conditions.time_for(f"{count} seeds at once on the GPU, {way}"):
                note = "without writing snapshots" if way == "streams" else ""
                try:
                    packed = train(count, recipe, [conditions.device], images=images)
                except RuntimeError as error:  # above all, out of memory
                    rows += packing_rows(way, count, None, f"failed: {str(error).splitlines()[0]}")
                else:
                    rates[way][count] = packed[0]
                    rows += packing_rows(way, count, packed, note)
    rows += best(rates)
    alone = rates["processes"]
    devices = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    if len(devices) > 1 and alone and conditions.time_for(f"all {len(devices)} GPUs"):
        each = max(alone, key=alone.__getitem__)
        packed = processes(each * len(devices), recipe, devices, images=images)
        rows += packing_rows("all_devices", each * len(devices), packed)
        gain = packed[0] / alone[each]
        rows.append(Measurement("all_devices_ratio", f"{len(devices)} GPUs / one", gain, "x"))
    return about("seeds.cuda", "simclr", rows)


def processes(count: int, recipe: Recipe, devices: Sequence[torch.device], *, images: int) -> Packed:
    """Train that many seeds at once, each in a process, dealt to the devices in turn.

    Raises
    ------
    RuntimeError
        When one of them fails.
    """
    calls = [(recipe, seed, str(devices[seed % len(devices)]), images) for seed in range(count)]
    found = [timed.result for timed in harness.in_processes(train_one, calls)]
    memory = sum(held for _, held in found) / len(devices)
    return 3600 * shared_rate([ends for ends, _ in found]), memory / MB


def train_one(recipe: Recipe, seed: int, device: str, images: int) -> tuple[list[float], int]:
    """Train a seed as a study does; return when its epochs ended, and its memory on the GPU in bytes."""
    chosen, pieces, ends = torch.device(device), photographs(images), list[float]()
    options: dict[str, Any] = {"device": chosen, "seed": seed, "report": lambda _: ends.append(time.time())}
    harness.train_seed("simclr", dataclasses.replace(recipe, epochs=EPOCHS), pieces, **options)
    return ends, reserved_memory(chosen)


def shared_rate(ends: Sequence[Sequence[float]]) -> float:
    """Return epochs per second over the time in which all were past their first epoch and none had ended.

    `ends` are the times when the epochs of each seed ended, two or more.

    Examples
    --------
    >>> shared_rate([[0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]])
    2.0
    """
    start, stop = max(own[0] for own in ends), min(own[-1] for own in ends)
    if stop <= start:  # one had ended before another began: count each at its own pace
        return sum((len(own) - 1) / (own[-1] - own[0]) for own in ends)
    return sum(_until(own, stop) - _until(own, start) for own in ends) / (stop - start)


def _until(ends: Sequence[float], moment: float) -> float:
    """Return the number of epochs after the first done by then, the current one as a fraction."""
    return sum(min(1.0, max(0.0, (moment - begun) / (ended - begun))) for begun, ended in pairwise(ends))


def streams(count: int, recipe: Recipe, devices: Sequence[torch.device], *, images: int) -> Packed:
    """Train that many seeds at once in this process: each has a captured step and a stream, and they take turns.

    Panels are scored in turn after each epoch; nothing is written to the disk.
    """
    (device,) = devices
    _, held = harness.forget_memory(device)
    engine = capture.choose("auto", device)
    pieces = networks.training_data(photographs(images), recipe)
    benches = [Workbench("simclr", recipe, pieces, device=device, engine=engine) for _ in range(count)]
    lanes = [torch.cuda.Stream(device) if device.type == "cuda" else None for _ in benches]
    for seed, bench in enumerate(benches):
        bench.begin(seed)
    synchronise(device)  # seeds are loaded on another stream
    ends = []
    for epoch in range(1, EPOCHS + 1):
        launches = [bench.launch(seed, epoch) for seed, bench in enumerate(benches)]
        for _ in range(benches[0].steps):
            for launch, lane in zip(launches, lanes, strict=True):
                with torch.cuda.stream(lane):
                    next(launch)
        synchronise(device)
        for bench in benches:
            bench.panel.score(bench.method)
        ends.append(time.time())
    rate = count * (EPOCHS - 1) / (ends[-1] - ends[0])
    return 3600 * rate, (reserved_memory(device) - held) / MB


def packing_rows(way: str, count: int, packed: Packed | None, note: str = "") -> list[Measurement]:
    """Return the rows of a packing; where there is none, the note says why."""
    key, what = f"{way}_{count}", f"{count} seeds at once, {way.replace('_', ' ')}"
    if packed is None:
        return [Measurement(key, what, None, "seed-epochs/h", note=note)]
    rate, memory = packed
    rows = [Measurement(key, what, rate, "seed-epochs/h", note=note)]
    return [*rows, Measurement(f"{key}.memory", f"{what}: memory", memory, "MB")]


def best(rates: dict[str, dict[int, float]]) -> list[Measurement]:
    """Return how much the best packing gains, each way compared with one seed the same way.

    Examples
    --------
    >>> best({"processes": {1: 100.0, 2: 150.0}, "streams": {1: 200.0, 4: 260.0}})[0].value
    1.5
    """
    gains = [
        (rate / found[1], f"{count} {way}")
        for way, found in rates.items()
        for count, rate in found.items()
        if count > 1 and 1 in found
    ]
    if not gains:
        return []
    gain, packing = max(gains)
    what = "on one GPU: best packing / one seed at a time"
    return [Measurement("best_ratio", what, gain, "x", note=packing)]
