# SPDX-License-Identifier: Apache-2.0
"""How are things timed that a busy machine would tell apart wrongly: in turn, and compared by medians.

A slow minute of a shared machine then falls on all of them. Ratios are those of the medians over rounds.
"""

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks._rows import Row


class Timed(NamedTuple):
    """What a function returned in a process of its own."""

    result: Any
    seconds: float
    """Of the call; importing what it needs is not counted."""
    peak_bytes: int
    """Largest resident memory of that process, with the interpreter and all libraries."""


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """Return how long a call takes, until the device is done."""
    synchronise(device)
    began = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - began


def synchronise(device: torch.device) -> None:
    """Wait for what was sent to a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def alternate(
    calls: dict[str, Callable[[], object]], *, rounds: int, device: torch.device, warm_up: bool = True
) -> dict[str, list[float]]:
    """Time several calls, one after the other in each round; who begins moves on from round to round.

    Parameters
    ----------
    calls
        What to time, by name.
    rounds
        How often each is timed.
    device
        Waited for before and after every call.
    warm_up
        Call each once before, untimed.
    """
    names = list(calls)
    if warm_up:
        for name in names:
            calls[name]()
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for index in range(len(names)):
            name = names[(turn + index) % len(names)]
            found[name].append(seconds_of(calls[name], device))
    return found


def rate(key: str, what: str, unit: str, amount: float, seconds: Sequence[float], note: str = "") -> Row:
    """Return the row of an amount of work per second: its median over rounds."""
    return spent(key, what, unit, [amount / value for value in seconds], note)


def spent(key: str, what: str, unit: str, values: Sequence[float], note: str = "") -> Row:
    """Return the row of what was measured in each round: its median, lowest and highest."""
    return Row(
        key=key,
        what=what,
        value=statistics.median(values),
        unit=unit,
        low=min(values),
        high=max(values),
        note=note,
    )


def ratio(key: str, what: str, ours: Sequence[float], theirs: Sequence[float], note: str = "") -> Row:
    """Return how many times as much as theirs ours is: medians of both, and the range over rounds."""
    rounds = [one / other for one, other in zip(ours, theirs, strict=False)]
    value = statistics.median(ours) / statistics.median(theirs)
    return Row(key=key, what=what, value=value, unit="x", low=min(rounds), high=max(rounds), note=note)


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Timed:
    """Call a function of a module in a new interpreter, to see its memory apart from ours."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_call, args=(there, function, arguments))
    process.start()
    there.close()
    try:
        timed: Timed = here.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} did not come back from its process") from None
    finally:
        process.join()
    return timed


def _call(pipe: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    began = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - began
    pipe.send(Timed(result, seconds, peak_memory()))


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would also count the process that started this one
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
