# SPDX-License-Identifier: Apache-2.0
"""Progress of training: a table that is updated in place on a terminal and in Jupyter, a few plain lines elsewhere."""

import contextlib
import os
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dynamics import snapshots
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.names import counted, duration
from dynamics.training.job import EpochReport, Job
from dynamics.training.plan import views_trained_on
from dynamics.training.pool import Event

LINE_SECONDS = 15.0
"""Minimum time between two lines of progress if the output is not a terminal, in seconds."""
REDRAW_SECONDS = 0.5
"""Minimum time between two drawings of the table in Jupyter because an epoch has ended, in seconds."""
RECENT = 20
"""Number of most recent epochs that the pace is computed from; the load of a shared machine changes."""


class Pace:
    """An estimate of the time left, from the durations of recent epochs.

    Seeds of one method and recipe are assumed to take equally long per epoch. A method and recipe without a finished
    epoch is assumed to train on as many views per second as the others. The time to start and to finish a seed is
    ignored.

    Parameters
    ----------
    jobs
        All seeds.
    workers
        Number of seeds trained at a time.
    done
        Number of epochs that were trained earlier, for seeds that are resumed.
    """

    def __init__(self, jobs: Sequence[Job], *, workers: int, done: Mapping[Job, int] | None = None) -> None:
        self._workers = workers
        self._left = {job: job.recipe.epochs - (done or {}).get(job, 0) for job in jobs}
        self._seconds: dict[tuple[str, Recipe], deque[float]] = defaultdict(lambda: deque(maxlen=RECENT))

    def epoch(self, job: Job, report: EpochReport) -> None:
        """Record that an epoch of a job has ended."""
        seconds = report.train_seconds + report.panel_seconds + report.store_seconds
        self._seconds[job.method, job.recipe].append(seconds)
        self._left[job] = report.epochs - report.epoch

    def ended(self, job: Job) -> None:
        """Record that a job has ended, successfully or not."""
        del self._left[job]

    def seconds_left(self) -> float | None:
        """Return the time until the last job ends, in seconds, or None before the first epoch has ended."""
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
    """The state of all jobs and its display; use it as a context manager.

    Parameters
    ----------
    jobs
        Seeds to train, in the order in which workers take them.
    workers
        Number of seeds trained at a time.
    say
        Prints a line; by default on standard error.
    spelled
        Words the reason for a failure.
    live
        Whether to show a table if the standard output is a terminal; in Jupyter it is shown in any case.
    clock
        Returns the time in seconds, from any origin.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        workers: int,
        say: Callable[[str], None] | None = None,
        spelled: Callable[[UserError], str] = str,
        live: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.jobs = list(jobs)
        self.latest: dict[Job, EpochReport] = {}
        self.running: list[Job] = []
        self.finished: list[Job] = []
        self.failures: dict[Job, str] = {}
        self.held: dict[Job, str] = {}
        """Seeds that other processes have, with who has them."""
        done = {job: snapshots.state(job.folder).committed for job in self.jobs}
        self.pace = Pace(self.jobs, workers=workers, done=done)
        self.clock = clock
        self.began = self.said = clock()
        self.say, self.spelled = say or _print_error, spelled
        self.lock = threading.RLock()
        self.live: Live | None = None
        self.notebook: Any = None
        """A handle of what Jupyter displays."""
        # rich would take a log for a terminal if FORCE_COLOR is set.
        if live and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            # A thread redraws the table regularly, because an epoch may take minutes.
            self.live = Live(console=Console(), get_renderable=self._table, refresh_per_second=1)

    def __enter__(self) -> "Board":
        if self.live is not None:
            self.live.start()
        elif _in_jupyter():
            from IPython.display import display

            self.notebook = display(self._table(), display_id=True)
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def seconds(self) -> float:
        """Seconds since the board was made."""
        return self.clock() - self.began

    def stop(self) -> None:
        """Stop the table in its current state, so that plain lines can follow; in Jupyter one takes its place."""
        if self.live is not None:
            self.live.refresh()
            self.live.stop()
        if self.notebook is not None:
            whole = not (self.running or self.failures or self.held)
            self.notebook.update(Text(self.summary()) if whole else self._table())

    def summary(self) -> str:
        """Return how many seeds were trained, and how long that took."""
        done = len(self.jobs) - len(self.failures) - len(self.held)
        return f"{done} of {counted(len(self.jobs), 'seed')} trained in {duration(self.seconds)}"

    def say_failures(self) -> None:
        """Print the seeds that failed, unless each was printed when it did, and those that other processes have."""
        for job, by in self.held.items():
            self.say(f"{name(job)} is being trained by {by}")
        if self.live is not None:
            for job, reason in self.failures.items():
                _say_failure(job, reason)

    def on_event(self, event: Event) -> None:
        """Record an event, and show it."""
        with self.lock:
            self._take_in(event)
        if self.notebook is not None:
            self._redraw(event)
        elif self.live is None:
            self._print(event)

    def _redraw(self, event: Event) -> None:
        if event.kind != "epoch" or self.clock() - self.said > REDRAW_SECONDS:
            self.said = self.clock()
            self.notebook.update(self._table())

    def _take_in(self, event: Event) -> None:
        job = event.job
        self.held.pop(job, None)
        if event.kind == "started":
            self.running.append(job)
        elif event.kind == "epoch":
            self.latest[job] = event.payload
            self.pace.epoch(job, event.payload)
        else:
            if job in self.running:
                self.running.remove(job)
            if event.kind == "held":
                self.held[job] = event.payload
                return
            self.finished.append(job)
            self.pace.ended(job)
            if event.kind == "failed":
                self.failures[job] = self.spelled(UserError(event.payload))

    def _print(self, event: Event) -> None:
        if event.kind == "failed":
            _say_failure(event.job, self.failures[event.job])
        elif event.kind == "elsewhere":
            self.say(f"{name(event.job)} done by another process; {self._summary()}")
        elif event.kind == "done" and event.job in self.latest:
            self.say(f"{name(event.job)} done: {_describe(self.latest[event.job])}; {self._summary()}")
        elif event.kind == "epoch" and self.clock() - self.said > LINE_SECONDS:
            self.said = self.clock()
            self.say(f"{name(event.job)}: {_describe(event.payload)}; {self._summary()}")

    def _summary(self) -> str:
        with self.lock:
            left = self.pace.seconds_left()
        done = len(self.finished) - len(self.failures)
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"{done} of {counted(len(self.jobs), 'seed')}{failed}, {duration(left)} left"

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


def _say_failure(job: Job, reason: str) -> None:
    _print_error(f"failed: {name(job)}: {reason}")


def _print_error(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal has gone: training has not
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def _in_jupyter() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def name(job: Job) -> str:
    """Return a job's display name, in a sweep preceded by the name of the setting.

    Examples
    --------
    >>> from pathlib import Path
    >>> from dynamics.config import Recipe
    >>> name(Job(method="simclr", recipe=Recipe(), seed=3, folder=Path("runs/s/simclr/seed-0003"), setting="lr-1.0"))
    'lr-1.0/simclr/seed-0003'
    """
    return "/".join(filter(None, (job.setting, job.method, job.folder.name)))


def _describe(report: EpochReport) -> str:
    return f"epoch {report.epoch}/{report.epochs}, loss {report.loss:.4f}, mean r_t {report.mean_correct:.3f}"


def _cells(report: EpochReport | None) -> tuple[str, str, str, str]:
    if report is None:
        return "starting", "", "", ""
    spent = report.train_seconds + report.panel_seconds + report.store_seconds
    epoch = f"{report.epoch} / {report.epochs}"
    return epoch, f"{report.loss:.4f}", f"{report.mean_correct:.3f}", f"{spent:.2f}"
