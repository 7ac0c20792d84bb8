# SPDX-License-Identifier: Apache-2.0
"""How many epochs of seeds are done in an hour, 1, 2, 4 ... seeds at once: a whole study on a CPU, SimCLR on a GPU."""

import tempfile
import time
from pathlib import Path

import torch

from benchmarks import _packing
from benchmarks._plan import Plan
from benchmarks._rows import Row, Setting
from benchmarks._timing import ratio, spent
from benchmarks.peers.baseline import METHODS
from dynamics.provenance import available_cores
from dynamics.study_file import preset
from dynamics.training.loop import Job
from dynamics.training.pool import Event, Source, run_jobs
from runners.costs import longest_first
from runners.study import SEEDS

PACKINGS = (1, 2, 4)
"""Seeds at once on one GPU."""


def measure(setting: Setting) -> list[Row]:
    """Time the study that `make demo` trains; on a GPU the thesis's SimCLR."""
    return gpu_rows(setting) if setting.cuda else study_rows(setting)


def study_rows(setting: Setting) -> list[Row]:
    """Train the four methods of the thesis under the preset quick with 1, 2, 4 ... workers in turn."""
    cores = available_cores()
    workers = [count for count in (1, 2, 4, 8, 16, 32) if count == 1 or count <= max(2, cores)]
    seeds, rounds = (1, 1) if setting.quick else (SEEDS["quick"], 2)
    seconds: dict[int, list[float]] = {count: [] for count in workers}
    epochs = sum(job.recipe.epochs for job in study_jobs(Path(), seeds, quick=setting.quick))
    for turn in range(rounds):
        for count in workers if turn % 2 == 0 else reversed(workers):
            if setting.time_for(f"a quick study on the CPU, {count} seeds at once"):
                seconds[count].append(train_study(count, seeds, quick=setting.quick))
    rows = [
        spent(
            f"seeds.cpu.study_{count}",
            f"quick study of {len(METHODS)} methods x {seeds} seeds, {count} at once",
            "seed-epochs/h",
            [3600 * epochs / value for value in found],
            note="with starting the processes",
        )
        for count, found in seconds.items()
        if found
    ]
    for count in workers[1:]:
        if seconds[count] and seconds[1]:
            title = f"quick study: {count} seeds at once / one at a time"
            packed, alone = ([1 / value for value in seconds[number]] for number in (count, 1))
            rows.append(ratio(f"seeds.cpu.study_ratio_{count}", title, packed, alone, note=f"{cores} cores"))
    return rows


def study_jobs(folder: Path, seeds: int, *, quick: bool) -> list[Job]:
    """Return the seeds of a quick study, in the runner's order."""
    recipes = {name: preset(name, "quick") for name in METHODS}
    if quick:
        recipes = {name: _packing.shortened(recipe) for name, recipe in recipes.items()}
    jobs = [
        Job(method=name, recipe=recipe, seed=seed, folder=folder / name / f"seed-{seed:04d}")
        for name, recipe in recipes.items()
        for seed in range(seeds)
    ]
    return longest_first(jobs)


def train_study(workers: int, seeds: int, *, quick: bool) -> float:
    """Train them as `runners.seeds` does; return the seconds.

    Raises
    ------
    RuntimeError
        When a seed failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        jobs = study_jobs(Path(folder), seeds, quick=quick)
        began = time.perf_counter()
        events: list[Event] = []
        run_jobs(
            jobs,
            source=Source(data_root=Path(folder)),
            devices=["cpu"],
            workers=workers,
            on_event=events.append,
        )
        seconds = time.perf_counter() - began
    failed = [event.payload for event in events if event.kind == "failed"]
    if failed:
        raise RuntimeError(f"a seed of the benchmark failed: {failed[0]}")
    return seconds


def gpu_rows(setting: Setting) -> list[Row]:
    """Measure both ways of packing seeds on a GPU, and the better number of processes on all GPUs."""
    plan = Plan.of(setting)
    recipe = plan.half(plan.recipe("simclr"))
    rates: dict[str, dict[int, float]] = {"processes": {}, "streams": {}}
    ways = {"processes": _packing.processes, "streams": _packing.streams}
    rows = []
    for count in PACKINGS[:2] if setting.quick else PACKINGS:
        for way, train in ways.items():
            if not setting.time_for(f"{count} seeds at once on the GPU, {way}"):
                continue
            try:
                packed = train(count, recipe, [setting.device], images=plan.dataset.num_train)
            except RuntimeError as error:  # above all, out of memory
                rows.append(_packing.failed(way, count, error))
                continue
            rates[way][count] = packed.rate
            rows += _packing.rows(way, count, packed)
    rows += _best(rates)
    rows += _all_devices(setting, plan, rates["processes"])
    return rows


def _best(rates: dict[str, dict[int, float]]) -> list[Row]:
    """Return how much the best packing gains, each way compared with one seed the same way."""
    gains = {
        (way, count): rate / found[1]
        for way, found in rates.items()
        for count, rate in found.items()
        if count > 1 and 1 in found
    }
    if not gains:
        return []
    way, count = max(gains, key=lambda key: gains[key])
    return [
        Row(
            key="seeds.cuda.best_ratio",
            what="simclr on one GPU: best packing / one seed at a time",
            value=gains[way, count],
            unit="x",
            note=f"{count} {way}",
        )
    ]


def _all_devices(setting: Setting, plan: Plan, rates: dict[int, float]) -> list[Row]:
    devices = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    if len(devices) < 2 or not rates or not setting.time_for(f"all {len(devices)} GPUs"):
        return []
    each = max(rates, key=lambda count: rates[count])
    packed = _packing.processes(
        each * len(devices), plan.half(plan.recipe("simclr")), devices, images=plan.dataset.num_train
    )
    return [
        *_packing.rows("all_devices", each * len(devices), packed),
        _scaling(packed.rate, rates[each], len(devices)),
    ]


def _scaling(rate: float, of_one: float, devices: int) -> Row:
    return Row(
        key="seeds.cuda.all_devices_ratio",
        what=f"simclr: {devices} GPUs / one",
        value=rate / of_one,
        unit="x",
    )
