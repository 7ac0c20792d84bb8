# SPDX-License-Identifier: Apache-2.0
"""A pool of worker processes that take one job after another and report every epoch.

A worker is a separate program (:mod:`dynamics.training.worker`) at the other end of a pipe, so that the pool works in
commands, in scripts without a main guard and in notebooks. When a worker dies, only its current job fails.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cloudpickle

from dynamics import data, encoders, methods, starting
from dynamics.lock import holder
from dynamics.training.job import Job
from dynamics.training.queue import Queue

CATALOGUES = (methods.CATALOGUE, encoders.CATALOGUE, data.CATALOGUE)
"""Where this process may have registered objects, which its workers need as well."""
POLL = 2.0
"""Seconds between two looks at seeds that other processes hold."""
STOP_SECONDS = 30.0
"""How long a worker that was asked to stop may take to save its state."""


class Event(NamedTuple):
    """What happened to a job."""

    job: Job
    kind: Literal["started", "epoch", "done", "failed", "held", "elsewhere"]
    """`held`: another process has it, and it is left to that one; `elsewhere`: another process has completed it."""
    payload: Any = None
    """An :class:`~dynamics.training.job.EpochReport`, or the reason for a failure, as a UserError words it."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where workers load the data from, which must be complete when they start."""

    data_root: Path
    engine: str = "auto"
    """How steps are repeated, :data:`dynamics.training.capture.Engine`."""
    replace_epochs: bool = False
    """Whether epochs that are trained again may replace committed ones with other bits."""
    log: tuple[str, ...] = ()
    """Where each epoch's numbers go beside log.jsonl; from :func:`dynamics.training.logs.wanted`."""


@dataclass(kw_only=True, eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    lifeline: int
    """Writing end of a pipe: it is closed when this process ends, and then the worker ends as well."""
    device: str
    job: Job | None = None

    def leave(self, seconds: float | None = None) -> int:
        """Wait for the process, which is about to end; return its exit code. After some time it is killed."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.pipe.close()
        os.close(self.lifeline)
        return code


def run_jobs(
    jobs: Sequence[Job],
    *,
    source: Source,
    devices: Sequence[str],
    workers: int,
    on_event: Callable[[Event], None],
    patient: bool = False,
) -> None:
    """Train all jobs, `workers` at a time, distributed over the devices; return when none is left to take.

    The folders are a queue (:class:`~dynamics.training.queue.Queue`): other processes, on this host and on others, may
    work on the same jobs. Those that they hold when nothing else is left are left to them, or, if `patient`, waited
    for, and taken up if their process ends before they are complete.

    A job that fails, or whose worker dies, is reported and the others continue. When this call is left by an
    exception (Ctrl-C), the workers save their state and stop.

    Examples
    --------
    >>> jobs = []  # from make_plan
    >>> run_jobs(jobs, source=Source(data_root=Path("data")), devices=["cpu"], workers=2, on_event=print)
    """
    queue = Queue(jobs, lambda job: on_event(Event(job, "elsewhere")))
    free = [devices[index % len(devices)] for index in range(workers)]
    active: list[_Worker] = []
    try:
        while True:
            while free and (job := queue.take()) is not None:
                active.append(_start(free.pop(0)))
                _introduce(active[-1], source)
                _assign(active[-1], job, on_event)
            if not active and not (patient and queue.left):
                break
            for worker in _ready(active, POLL if free and queue.left else None):
                if not _receive(worker, queue, on_event):
                    active.remove(worker)
                    free.append(worker.device)
                    _close(worker, on_event)
                elif worker.job is None:
                    _assign(worker, queue.take(), on_event)
        for job in queue.left:
            on_event(Event(job, "held", str(holder(job.folder) or "another process")))
    finally:
        with _undisturbed():
            for worker in active:
                worker.process.terminate()
            for worker in active:
                worker.leave(STOP_SECONDS)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no signal in while workers are stopped: a second one would leave some behind."""
    if threading.current_thread() is not threading.main_thread():  # interrupts reach the main thread only
        yield
        return
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in starting.STOPPING}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _start(device: str) -> _Worker:
    pipe, other_end = Pipe()
    read, write = os.pipe()
    inherited = (other_end.fileno(), read)
    # Ctrl-C reaches every process of the group; the worker is born deaf to it, for it imports before it can ignore it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(
            # -P: a file torch.py in the user's working folder is not imported.
            [sys.executable, "-P", "-m", "dynamics.training.worker", *map(str, inherited)],
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
        )
        worker = _Worker(process=process, pipe=pipe, lifeline=write, device=device)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    other_end.close()
    os.close(read)
    return worker


def _introduce(worker: _Worker, source: Source) -> None:
    """Send a worker all that its jobs have in common; it must be known to the pool by then, for this may fail."""
    _send(
        worker, (source, worker.device, [(catalogue.registered, catalogue.code) for catalogue in CATALOGUES])
    )


def _send(worker: _Worker, message: object) -> None:
    with contextlib.suppress(OSError):  # already dead: noticed when its pipe is read
        worker.pipe.send_bytes(cloudpickle.dumps(message))


def _assign(worker: _Worker, job: Job | None, on_event: Callable[[Event], None]) -> None:
    worker.job = job
    _send(worker, worker.job)
    if worker.job is not None:
        on_event(Event(worker.job, "started"))


def _ready(active: list[_Worker], seconds: float | None) -> Iterator[_Worker]:
    """Wait until a worker has sent something or has ended: either makes its pipe readable."""
    by_pipe = {worker.pipe: worker for worker in active}
    return (by_pipe[pipe] for pipe in wait(list(by_pipe), seconds) if isinstance(pipe, Connection))


def _receive(worker: _Worker, queue: Queue, on_event: Callable[[Event], None]) -> bool:
    """Pass on one message, and free a worker whose job has ended; return False when the worker has ended."""
    try:
        kind, payload = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        return False
    assert worker.job is not None
    job = worker.job
    if kind != "epoch":
        worker.job = None
    if kind == "held":
        queue.put_back(job)
    on_event(Event(job, kind, payload))
    return True


def _close(worker: _Worker, on_event: Callable[[Event], None]) -> None:
    code = worker.leave()
    if worker.job is not None:
        stopped = (
            f"was stopped by {signal.Signals(code - 128).name}" if code - 128 in starting.STOPPING else ""
        )
        stopped = stopped or ("was stopped" if code == 0 else f"died (exit code {code})")
        reason = f"its process {stopped}; start it again to go on"
        on_event(Event(worker.job, "failed", reason))
