# SPDX-License-Identifier: Apache-2.0
"""Tools of every benchmark: alternating rounds, medians and their ratios, separate processes.

Whatever is compared is timed in turn, so that a slow minute of a shared machine affects all of it.
"""

import dataclasses
import gc
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

from analysis.framework.console import say
from benchmarks.hardware import peak_memory, synchronise
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.training import loop
from dynamics.training.job import EpochReport, Job

MB = 1e6


class Measurement(NamedTuple):
    """One measured number."""

    key: str
    """Name for programs, such as augment.simclr.ours, by which targets are looked up."""
    what: str
    """Name for people."""
    value: float | None
    """None if not measured; the note says why."""
    unit: str
    low: float | None = None
    """Smallest of the rounds, or the ratio's worst round; None where there is one measurement."""
    high: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Where and how long to measure."""

    device: torch.device
    quick: bool = False
    """Tiny sizes: shows that everything runs; the numbers mean nothing."""
    deadline: float = float("inf")
    """Value of `time.monotonic` after which no further part is started."""

    @property
    def cuda(self) -> bool:
        """Whether there is a GPU to measure on."""
        return self.device.type == "cuda"

    def time_for(self, part: str) -> bool:
        """Whether there is time left to start a part; prints a line if there is none."""
        left = time.monotonic() < self.deadline
        say(f"  {part}" if left else f"  {part}: left out, the time is up (give more --minutes)")
        return left


def about(key: str, subject: str, rows: Iterable[Measurement]) -> list[Measurement]:
    """Prefix keys and titles of rows with their subject.

    Examples
    --------
    >>> about("train.cpu.simclr", "simclr", [Measurement("epoch", "an epoch", 0.5, "s")])[0][:2]
    ('train.cpu.simclr.epoch', 'simclr: an epoch')
    """
    return [row._replace(key=f"{key}.{row.key}", what=f"{subject}: {row.what}") for row in rows]


def median(key: str, what: str, unit: str, values: Sequence[float], note: str = "") -> Measurement:
    """Return the median, lowest and highest of the values of all rounds.

    Examples
    --------
    >>> median("read", "read a study", "s", [3.0, 1.0, 1.5])[2:6]
    (1.5, 's', 1.0, 3.0)
    """
    return Measurement(key, what, statistics.median(values), unit, min(values), max(values), note)


def ratio(key: str, what: str, ours: Sequence[float], theirs: Sequence[float], note: str = "") -> Measurement:
    """Return the ratio of ours to theirs: that of the medians, and the range over rounds.

    Examples
    --------
    >>> ratio("gain", "ours / theirs", [10.0, 40.0, 20.0], [5.0, 4.0, 100.0])[2:6]
    (4.0, 'x', 0.2, 10.0)
    """
    rounds = [one / other for one, other in zip(ours, theirs, strict=False)]
    value = statistics.median(ours) / statistics.median(theirs)
    return Measurement(key, what, value, "x", min(rounds), max(rounds), note)


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that a call takes, until the device is done."""
    synchronise(device)
    began = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - began


def turn(names: Iterable[str], place: int) -> list[str]:
    """Return names in the order of a round: each round starts with the next one.

    Examples
    --------
    >>> turn("abc", 1)
    ['b', 'c', 'a']
    """
    listed = list(names)
    first = place % max(1, len(listed))
    return listed[first:] + listed[:first]


def alternate(
    calls: Mapping[str, Callable[[], object]], *, rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Time calls by name, one after the other in each round, after one untimed round; return the seconds of each.

    Examples
    --------
    >>> found = alternate({"list": list, "dict": dict}, rounds=3, device=torch.device("cpu"))
    >>> {name: len(seconds) for name, seconds in found.items()}
    {'list': 3, 'dict': 3}
    """
    for call in calls.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in calls}
    for place in range(rounds):
        for name in turn(calls, place):
            found[name].append(seconds_of(calls[name], device))
    return found


@dataclass(kw_only=True)
class Epochs:
    """Measurements taken in turn, epoch by epoch."""

    reports: list[EpochReport] = field(default_factory=list)
    """All epochs of ours."""
    others: dict[str, list[float]] = field(default_factory=dict)
    """What the others returned after each epoch that counts, by name."""
    memory: tuple[int, int] | None = None
    """Most bytes of the GPU that ours used, and that PyTorch held, before any other was created; None on the CPU."""

    @property
    def timed(self) -> list[EpochReport]:
        """Return the epochs that count."""
        return self.reports[1:-1]

    @property
    def seconds(self) -> list[float]:
        """Return the seconds of each complete epoch: steps, panel, snapshot."""
        return [each.train_seconds + each.panel_seconds + each.store_seconds for each in self.timed]

    @property
    def snapshot_shares(self) -> list[float]:
        """Return the fraction of each epoch that panel and snapshot took, 0 to 1."""
        pairs = zip(self.timed, self.seconds, strict=True)
        return [(whole - each.train_seconds) / whole for each, whole in pairs]


def in_turn(
    name: str,
    recipe: Recipe,
    dataset: Dataset,
    *,
    device: torch.device,
    rounds: int,
    others: Mapping[str, Callable[[], float]],
    **options: Any,
) -> Epochs:
    """Train a seed by the real loop, and call each of the others after every epoch but the last.

    The others run inside the loop's report, outside the times that it reports; each returns what it measured. There
    are two more epochs than `rounds`: the first warms up, and the last always saves the state of training, so neither
    counts. Between them no state is saved, since the loop takes the time of the report for its own and would save too
    often; in a real run that adds at most 2 % (`loop.STATE_SHARE`).
    """
    found = Epochs(others={other: [] for other in others})

    def report(done: EpochReport) -> None:
        found.reports.append(done)
        if done.epoch == 1 and device.type == "cuda":
            most = torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)
            found.memory = most[0] - before[0], most[1] - before[1]
        for other in turn(others, done.epoch - 1) if done.epoch < done.epochs else ():
            value = others[other]()
            if done.epoch > 1:
                found.others[other].append(value)

    before = forget_memory(device)
    recipe = dataclasses.replace(recipe, epochs=rounds + 2)
    train_seed(name, recipe, dataset, device=device, report=report, state_share=0.0, **options)
    return found


def train_seed(
    name: str, recipe: Recipe, dataset: Dataset, *, device: torch.device, seed: int = 0, **options: Any
) -> None:
    """Train a seed as runs are, in a temporary folder; `options` are those of :func:`dynamics.training.loop.train`."""
    with tempfile.TemporaryDirectory() as folder:
        job = Job(method=name, recipe=recipe, seed=seed, folder=Path(folder) / name / f"seed-{seed:04d}")
        loop.train(job, dataset, device=device, **options)


def forget_memory(device: torch.device) -> tuple[int, int]:
    """Free a GPU of what earlier measurements left and count its peak anew; return the bytes still in use and held."""
    gc.collect()
    if device.type != "cuda":
        return 0, 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)


class Timed(NamedTuple):
    """Result of a function that ran in its own process."""

    result: Any
    seconds: float
    """Of the call; importing what it needs is not counted."""
    peak_bytes: int
    """Largest resident memory of that process, with the interpreter and all libraries."""
    idle_bytes: int
    """The same before the call: the interpreter, what the function's module and its arguments import."""


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Timed:
    """Call a module's function in a new interpreter, to see its time and memory apart from ours."""
    return in_processes(function, [arguments])[0]


def in_processes(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Timed]:
    """Call a module's function once for each tuple of arguments, at the same time, each in a new interpreter.

    Raises
    ------
    RuntimeError
        When one of them fails; its error is on the terminal.

    Examples
    --------
    >>> [timed.result for timed in in_processes(len, [("a",), ("abc",)])]
    [1, 3]
    """
    context = multiprocessing.get_context("spawn")
    started = []
    for arguments in calls:
        pipe, there = context.Pipe()
        process = context.Process(target=_answer, args=(there, function, arguments))
        process.start()
        there.close()
        started.append((process, pipe))
    try:
        for _, pipe in started:
            pipe.recv()  # libraries are loaded
        for _, pipe in started:
            pipe.send(None)
        return [pipe.recv() for _, pipe in started]
    except BaseException as error:
        for process, _ in started:
            process.terminate()
        if isinstance(error, (EOFError, ConnectionError)):
            raise RuntimeError(f"{function.__name__} did not come back from its process") from None
        raise
    finally:
        for process, _ in started:
            process.join()


def _answer(pipe: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    idle = peak_memory()
    pipe.send(None)
    pipe.recv()
    began = time.perf_counter()
    result = function(*arguments)
    pipe.send(Timed(result, time.perf_counter() - began, peak_memory(), idle))
