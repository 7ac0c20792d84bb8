# SPDX-License-Identifier: Apache-2.0
"""How far is the training: a live table on a terminal, a few plain lines anywhere else."""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from dynamics.console import say
from dynamics.training import Job, Progress
from runners.pool import Event

LINE_SECONDS = 15.0
"""Off a terminal, a summary is printed this often at most."""


class Board:
    """Keeps and shows the state of all jobs; use as a context manager."""

    def __init__(self, jobs: Sequence[Job], *, workers: int) -> None:
        self.jobs = list(jobs)
        self.workers = workers
        self.latest: dict[Job, Progress] = {}
        self.running: list[Job] = []
        self.finished: list[Job] = []
        self.failures: dict[Job, str] = {}
        self.epoch_seconds: dict[str, list[float]] = defaultdict(list)
        self.began = time.monotonic()
        self.said = self.began
        console = Console()
        self.live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> "Board":
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.live is not None:
            self.live.update(self._table())
            self.live.stop()

    @property
    def seconds(self) -> float:
        """Seconds since the board was made."""
        return time.monotonic() - self.began

    def stop(self) -> None:
        """End the live table, so that plain lines can follow."""
        if self.live is not None:
            self.live.stop()

    def on_event(self, event: Event) -> None:
        """Take in what happened, and show it."""
        job = event.job
        if event.kind == "started":
            self.running.append(job)
        elif event.kind == "epoch":
            progress: Progress = event.payload
            if job in self.latest or progress.epoch == progress.epochs:
                # A worker's first epoch also warms caches up; it would mislead the estimate.
                spent = progress.train_seconds + progress.panel_seconds + progress.store_seconds
                self.epoch_seconds[job.method].append(spent)
            self.latest[job] = progress
        else:
            self.running.remove(job)
            self.finished.append(job)
            if event.kind == "failed":
                self.failures[job] = event.payload
        self._show(event)

    def seconds_left(self) -> float | None:
        """Estimate the time until all jobs are done, or None before anything is known.

        Jobs are dealt to the workers in order, as the pool will, at the median cost of the method's epochs.
        """
        every = [seconds for known in self.epoch_seconds.values() for seconds in known]
        if not every:
            return None

        def cost(job: Job) -> float:
            known = self.epoch_seconds[job.method][-20:] or every
            done = self.latest[job].epoch if job in self.latest else 0
            return (job.recipe.epochs - done) * statistics.median(known)

        busy = sorted(cost(job) for job in self.running) or [0.0]
        busy += [0.0] * (self.workers - len(busy))
        for job in self.jobs:
            if job not in self.running and job not in self.finished:
                busy.sort()
                busy[0] += cost(job)
        return max(busy)

    def _show(self, event: Event) -> None:
        if self.live is not None:
            self.live.update(self._table())
        elif event.kind == "failed":
            print(f"{name(event.job)} failed: {event.payload}", file=sys.stderr, flush=True)
        elif event.kind == "done" and event.job in self.latest:
            say(f"{name(event.job)} done: {_describe(self.latest[event.job])}; {self._summary()}")
        elif event.kind == "epoch" and time.monotonic() - self.said > LINE_SECONDS:
            self.said = time.monotonic()
            say(f"{name(event.job)}: {_describe(event.payload)}; {self._summary()}")

    def _summary(self) -> str:
        left = self.seconds_left()
        done = len(self.finished) - len(self.failures)
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"{done} of {len(self.jobs)} seeds{failed}, {duration(left)} left"

    def _table(self) -> Table:
        table = Table(title=self._summary(), title_justify="left")
        for column in ("seed", "epoch", "loss", "mean r_t", "s / epoch"):
            table.add_column(column, justify="left" if column == "seed" else "right")
        for job in self.running:
            progress = self.latest.get(job)
            if progress is None:
                table.add_row(name(job), "starting", "", "", "")
                continue
            spent = progress.train_seconds + progress.panel_seconds + progress.store_seconds
            table.add_row(
                name(job),
                f"{progress.epoch} / {progress.epochs}",
                f"{progress.loss:.4f}",
                f"{progress.mean_correct:.3f}",
                f"{spent:.2f}",
            )
        for job, reason in self.failures.items():
            table.add_row(name(job), "failed", reason, "", "")
        return table


def name(job: Job) -> str:
    """Return how a job is called on the screen: simclr/seed-0003."""
    return f"{job.method}/{job.folder.name}"


def duration(seconds: float | None) -> str:
    """Return a time as a person says it: 42 s, 3 min 10 s, 5 h 02 min."""
    if seconds is None:
        return "unknown time"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _describe(progress: Progress) -> str:
    return (
        f"epoch {progress.epoch}/{progress.epochs}, loss {progress.loss:.4f}, "
        f"mean r_t {progress.mean_correct:.3f}"
    )
