# SPDX-License-Identifier: Apache-2.0
"""Who trains which seed: worker processes that take one job after another and report every epoch.

A worker keeps its data set, and what seeds of one recipe share, from job to job. One that dies takes only its own job
with it.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from dynamics import data, training
from dynamics.console import UserError
from dynamics.training import Job
from dynamics.workbench import Workbenches
from runners.memory import keep_freed


class Event(NamedTuple):
    """What happened to a job."""

    job: Job
    kind: Literal["started", "epoch", "done", "failed"]
    payload: Any = None
    """A :class:`~dynamics.training.Progress`, or the reason of a failure in one line."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where workers load the data from; it is all there when they start."""

    data_root: Path
    engine: str = "auto"
    """How steps are repeated, :data:`dynamics.repeat.Engine`."""


@dataclass(kw_only=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    device: str
    job: Job | None = None


def run_jobs(
    jobs: Sequence[Job],
    *,
    source: Source,
    devices: Sequence[str],
    workers: int,
    on_event: Callable[[Event], None],
) -> None:
    """Train all jobs, `workers` at a time, spread over the devices; return when none is left.

    A job that fails, or whose worker dies, is reported and the others go on. When this call is left by an
    exception (Ctrl-C), the workers are stopped; what they had committed stays.
    """
    waiting = list(jobs)
    active: list[_Worker] = []
    try:
        for index in range(min(workers, len(jobs))):
            active.append(_start(source, devices[index % len(devices)]))
            _assign(active[-1], waiting, on_event)
        while active:
            for worker in _ready(active):
                if _receive(worker, on_event):
                    if worker.job is None:
                        _assign(worker, waiting, on_event)
                    if worker.job is None:
                        active.remove(worker)  # it takes a second to go; nobody need wait for it
                    continue
                active.remove(worker)
                _bury(worker, on_event)
                if waiting:
                    active.append(_start(source, worker.device))
                    _assign(active[-1], waiting, on_event)
    finally:
        for worker in active:
            worker.process.terminate()
        for worker in active:
            worker.process.join()


def _start(source: Source, device: str) -> _Worker:
    # spawn: a forked child cannot use CUDA, and would inherit the parent's thread pools.
    context = multiprocessing.get_context("spawn")
    pipe, other_end = context.Pipe()
    process = context.Process(target=_work, args=(other_end, source, device), daemon=True)
    process.start()
    other_end.close()
    return _Worker(process=process, pipe=pipe, device=device)


def _assign(worker: _Worker, waiting: list[Job], on_event: Callable[[Event], None]) -> None:
    worker.job = waiting.pop(0) if waiting else None
    with contextlib.suppress(OSError):  # dead already: found out by its sentinel
        worker.pipe.send(worker.job)
    if worker.job is not None:
        on_event(Event(worker.job, "started"))


def _ready(active: list[_Worker]) -> Iterator[_Worker]:
    """Wait until a worker has sent something or is gone: either makes its pipe readable."""
    by_pipe = {worker.pipe: worker for worker in active}
    return (by_pipe[pipe] for pipe in wait(list(by_pipe)) if isinstance(pipe, Connection))


def _receive(worker: _Worker, on_event: Callable[[Event], None]) -> bool:
    """Pass on one message; a job that is over leaves its worker without one. False when the worker is gone."""
    try:
        kind, payload = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        return False
    assert worker.job is not None
    job = worker.job
    if kind != "epoch":
        worker.job = None
    on_event(Event(job, kind, payload))
    return True


def _bury(worker: _Worker, on_event: Callable[[Event], None]) -> None:
    if worker.job is not None:
        reason = f"its process died (exit code {worker.process.exitcode}); start it again to go on"
        on_event(Event(worker.job, "failed", reason))


def _work(pipe: Connection, source: Source, device: str) -> None:
    """Run in the worker: train what is sent until None is."""
    # Ctrl-C reaches the whole process group; the parent decides what is to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries' locks are given back by an orderly end; else Python says at the end that they leaked.
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)  # the bits of a seed must not depend on how many run beside it
    if device == "cpu":
        keep_freed()
    loaded: dict[str, data.Dataset] = {}
    workbenches = Workbenches()
    with contextlib.suppress(BrokenPipeError, EOFError):  # the parent is gone
        while (job := pipe.recv()) is not None:
            pipe.send(_train(job, loaded, workbenches, source, device, pipe))


def _leave(signum: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise SystemExit(1)


def _die_with_parent() -> None:
    """End the worker when the parent is gone, however it went: nobody would ever start it again."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _train(
    job: Job,
    loaded: dict[str, data.Dataset],
    workbenches: Workbenches,
    source: Source,
    device: str,
    pipe: Connection,
) -> tuple[str, str | None]:
    """Train one job, reporting its epochs; return how it ended."""
    try:
        name = job.recipe.dataset
        if name not in loaded:
            loaded[name] = data.load(name, data_root=source.data_root)
        training.train(
            job,
            loaded[name],
            device=torch.device(device),
            report=lambda progress: pipe.send(("epoch", progress)),
            engine=source.engine,
            workbenches=workbenches,
        )
    except BrokenPipeError:
        raise
    except UserError as error:
        return "failed", str(error)
    except Exception as error:
        log = job.folder.with_suffix(".error.log")
        with contextlib.suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(traceback.format_exc())
        return "failed", f"{type(error).__name__}: {error} (traceback in {log})"
    return "done", None
