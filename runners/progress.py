# SPDX-License-Identifier: Apache-2.0
"""How far is the training: a live table on a terminal, a few plain lines anywhere else."""

import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from analysis.framework.console import say
from dynamics import snapshots
from dynamics.config import Recipe
from dynamics.training.loop import EpochReport, Job
from dynamics.training.plan import views_trained_on
from dynamics.training.pool import Event

LINE_SECONDS = 15.0
"""Off a terminal, a summary is printed this often at most."""
RECENT = 20
"""Epochs that a pace is taken from: on a machine that does other things too, older ones tell of other times."""


class Pace:
    """The time left, from what recent epochs took.

    Seeds whose epochs cost the same are those of one method and recipe. One of which no epoch is over yet is taken to
    train on as many views in a second as the others. What seeds need to start and to end is left out.

    Parameters
    ----------
    jobs
        All seeds.
    workers
        Seeds at a time.
    done
        Epochs that an earlier call left behind, for seeds that go on.
    """

    def __init__(self, jobs: Sequence[Job], *, workers: int, done: Mapping[Job, int] | None = None) -> None:
        self._workers = workers
        self._left = {job: job.recipe.epochs - (done or {}).get(job, 0) for job in jobs}
        self._seconds: dict[tuple[str, Recipe], deque[float]] = defaultdict(lambda: deque(maxlen=RECENT))

    def epoch(self, job: Job, report: EpochReport) -> None:
        """Take in that an epoch of a job is over."""
        seconds = report.train_seconds + report.panel_seconds + report.store_seconds
        self._seconds[job.method, job.recipe].append(seconds)
        self._left[job] = report.epochs - report.epoch

    def ended(self, job: Job) -> None:
        """Take in that a job is over, well or not."""
        del self._left[job]

    def seconds_left(self) -> float | None:
        """Return the time until the last job is over, or None while no epoch is over."""
        if not self._seconds:
            return None
        known = {kind: sum(recent) / len(recent) for kind, recent in self._seconds.items()}
        rates = [seconds / views_trained_on(*kind) for kind, seconds in known.items()]
        usual = sum(rates) / len(rates)
        kinds = {job: (job.method, job.recipe) for job in self._left}
        guessed = {kind: usual * views_trained_on(*kind) for kind in {*kinds.values()} - known.keys()}
        each = [left * (known | guessed)[kinds[job]] for job, left in self._left.items()]
        return max(sum(each) / self._workers, max(each, default=0.0))


class Board:
    """Keeps and shows the state of all jobs; use as a context manager.

    Parameters
    ----------
    jobs
        Seeds to train, in the order in which workers take them.
    workers
        Seeds at a time.
    clock
        Seconds from any beginning.
    """

    def __init__(
        self, jobs: Sequence[Job], *, workers: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.jobs = list(jobs)
        self.latest: dict[Job, EpochReport] = {}
        self.running: list[Job] = []
        self.finished: list[Job] = []
        self.failures: dict[Job, str] = {}
        done = {job: snapshots.state(job.folder).committed for job in self.jobs}
        self.pace = Pace(self.jobs, workers=workers, done=done)
        self.clock = clock
        self.began = self.said = clock()
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
        if self.live is None:
            self._print(event)

    def _take_in(self, event: Event) -> None:
        job = event.job
        if event.kind == "started":
            self.running.append(job)
        elif event.kind == "epoch":
            self.latest[job] = event.payload
            self.pace.epoch(job, event.payload)
        else:
            self.running.remove(job)
            self.finished.append(job)
            self.pace.ended(job)
            if event.kind == "failed":
                self.failures[job] = event.payload

    def _print(self, event: Event) -> None:
        if event.kind == "failed":
            print(f"{name(event.job)} failed: {event.payload}", file=sys.stderr, flush=True)
        elif event.kind == "done" and event.job in self.latest:
            say(f"{name(event.job)} done: {_describe(self.latest[event.job])}; {self._summary()}")
        elif event.kind == "epoch" and self.clock() - self.said > LINE_SECONDS:
            self.said = self.clock()
            say(f"{name(event.job)}: {_describe(event.payload)}; {self._summary()}")

    def _summary(self) -> str:
        with self.lock:
            left = self.pace.seconds_left()
        done = len(self.finished) - len(self.failures)
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"{done} of {len(self.jobs)} seeds{failed}, {duration(left)} left"

    def _table(self) -> Table:
        with self.lock:
            table = Table(title=self._summary(), title_justify="left")
            for column in ("seed", "epoch", "loss", "mean r_t", "s / epoch"):
                table.add_column(column, justify="left" if column == "seed" else "right")
            for job in self.running:
                table.add_row(name(job), *_cells(self.latest.get(job)))
            for job, reason in self.failures.items():
                table.add_row(name(job), "failed", reason, "", "")
            return table


def name(job: Job) -> str:
    """Return how a job is called on the screen: simclr/seed-0003, or that of its setting in a sweep before it."""
    return "/".join(filter(None, (job.setting, job.method, job.folder.name)))


def duration(seconds: float | None) -> str:
    """Return a time as a person says it: 42 s, 3 min 10 s, 5 h 02 min.

    Examples
    --------
    >>> duration(190), duration(None)
    ('3 min 10 s', 'unknown time')
    """
    if seconds is None:
        return "unknown time"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _describe(report: EpochReport) -> str:
    return f"epoch {report.epoch}/{report.epochs}, loss {report.loss:.4f}, mean r_t {report.mean_correct:.3f}"


def _cells(report: EpochReport | None) -> tuple[str, str, str, str]:
    if report is None:
        return "starting", "", "", ""
    spent = report.train_seconds + report.panel_seconds + report.store_seconds
    epoch = f"{report.epoch} / {report.epochs}"
    return epoch, f"{report.loss:.4f}", f"{report.mean_correct:.3f}", f"{spent:.2f}"
