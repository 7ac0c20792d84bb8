# SPDX-License-Identifier: Apache-2.0
"""How far is the training: a live table on a terminal, a few plain lines anywhere else."""

import sys
import threading
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from analysis.framework.console import say
from analysis.storage.sweeps import split_name
from dynamics.training.loop import EpochReport, Job
from dynamics.training.pool import Event
from runners import past
from runners.estimate import Estimate

LINE_SECONDS = 15.0
"""Off a terminal, a summary is printed this often at most."""


class Board:
    """Keeps and shows the state of all jobs; use as a context manager.

    Parameters
    ----------
    jobs
        Seeds to train, in the order in which workers take them.
    workers
        Seeds at a time.
    sharing
        How much slower the workers make each other, see :class:`~runners.estimate.Estimate`.
    clock
        Seconds from any beginning.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        workers: int,
        sharing: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.jobs = list(jobs)
        self.latest: dict[Job, EpochReport] = {}
        self.running: list[Job] = []
        self.finished: list[Job] = []
        self.failures: dict[Job, str] = {}
        self.estimate = Estimate(
            self.jobs,
            workers=workers,
            done=past.epochs_done(self.jobs),
            past=past.epoch_costs(self.jobs),
            sharing=sharing,
        )
        self.clock = clock
        self.began = clock()
        self.said = self.began
        console = Console()
        # The table is drawn again as time goes by, from a thread: an epoch may take minutes.
        self.lock = threading.RLock()
        live = Live(console=console, get_renderable=self._table, refresh_per_second=1)
        self.live = live if console.is_terminal else None

    def __enter__(self) -> "Board":
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def seconds(self) -> float:
        """Seconds since the board was made."""
        return self.clock() - self.began

    def stop(self) -> None:
        """End the live table as it is now, so that plain lines can follow."""
        if self.live is not None:
            self.live.refresh()
            self.live.stop()

    def on_event(self, event: Event) -> None:
        """Take in what happened, and show it."""
        with self.lock:
            self._take_in(event)
        self._show(event)

    def _take_in(self, event: Event) -> None:
        job, now = event.job, self.clock()
        if event.kind == "started":
            self.running.append(job)
            self.estimate.started(job, now)
        elif event.kind == "epoch":
            self.latest[job] = event.payload
            self.estimate.epoch(job, event.payload, now)
        else:
            self.running.remove(job)
            self.finished.append(job)
            self.estimate.ended(job, now)
            if event.kind == "failed":
                self.failures[job] = event.payload

    def seconds_left(self) -> float | None:
        """Estimate the time until all jobs are done, or None before anything is known."""
        with self.lock:
            return self.estimate.seconds_left(self.clock())

    def _show(self, event: Event) -> None:
        if self.live is not None:
            return
        if event.kind == "failed":
            print(f"{name(event.job)} failed: {event.payload}", file=sys.stderr, flush=True)
        elif event.kind == "done" and event.job in self.latest:
            say(f"{name(event.job)} done: {_describe(self.latest[event.job])}; {self._summary()}")
        elif event.kind == "epoch" and self.clock() - self.said > LINE_SECONDS:
            self.said = self.clock()
            say(f"{name(event.job)}: {_describe(event.payload)}; {self._summary()}")

    def _summary(self) -> str:
        left = self.seconds_left()
        done = len(self.finished) - len(self.failures)
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"{done} of {len(self.jobs)} seeds{failed}, {duration(left)} left"

    def _table(self) -> Table:
        with self.lock:
            return self._table_now()

    def _table_now(self) -> Table:
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
    """Return how a job is called on the screen: simclr/seed-0003, in a sweep lr-0.0001/simclr/seed-0003."""
    study = job.folder.parents[1].name
    sweep, fields = split_name(study)
    setting = f"{study.removeprefix(sweep)[1:]}/" if fields else ""
    return f"{setting}{job.method}/{job.folder.name}"


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


def _describe(progress: EpochReport) -> str:
    return (
        f"epoch {progress.epoch}/{progress.epochs}, loss {progress.loss:.4f}, "
        f"mean r_t {progress.mean_correct:.3f}"
    )
