# SPDX-License-Identifier: Apache-2.0
"""How long will it still take: the time left of many seeds, from what their starts, epochs and ends have cost.

Jobs are dealt in order to the workers, as the pool will deal them. Nothing here reads a clock or a disk, so
that a test can play any events at any times.

What a method's epochs cost is known once one is seen. Until then it is what they cost in an earlier run of the same
recipe, at this run's pace; without one, it is guessed from the epochs of others: so much for each view trained on, so
much for each step, so much for each view of the panel. A momentum network or a large projector is not counted in
that: a study whose later methods are dearer than such a count tells is estimated well from their first epoch on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dynamics.training.loop import EpochReport, Job
from runners.costs import Cost, Kind, Rates, mean_cost, middle

RECENT = 10
"""Epochs of each worker that count: on a machine that does other things too, older ones tell of other times."""


class _Waiting(NamedTuple):
    kind: Kind
    left: int
    """Epochs to train, as far as is known."""


@dataclass(kw_only=True)
class _Running:
    kind: Kind
    since: float
    """When it was last heard of."""
    left: int
    """Epochs to train; before the first report as far as is known."""
    fresh: bool
    """Whether a worker process starts with it."""
    reported: bool = False


class Estimate:
    """The time left, fed with what happens; all times are seconds on one clock, whichever it is.

    Parameters
    ----------
    jobs
        All jobs, in the order in which they are dealt.
    workers
        Jobs at a time.
    done
        Epochs that an earlier call left behind, for jobs that go on.
    past
        What an epoch cost in an earlier run, by kind.
    sharing
        From 0, where every worker has a core or a device of its own, to 1, where all share one that does as much
        in a second for one as for many: n of w workers are (w / n) ** sharing times as fast as all w.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        workers: int,
        done: Mapping[Job, int] | None = None,
        past: Mapping[Kind, Cost] | None = None,
        sharing: float = 0.0,
    ) -> None:
        self._workers = workers
        self._sharing = sharing
        self._past = dict(past or {})
        shared: dict[Kind, Kind] = {}  # equal kinds are one object: found again without comparing recipes
        self._waiting: dict[Job, _Waiting] = {}
        for job in jobs:
            kind = Kind.of(job)
            left = max(0, job.recipe.epochs - (done or {}).get(job, 0))
            self._waiting[job] = _Waiting(shared.setdefault(kind, kind), left)
        self._running: dict[Job, _Running] = {}
        self._started = 0
        self._epochs: dict[Kind, list[tuple[int, Cost]]] = defaultdict(list)  # with how many ran beside it
        self._firsts: dict[Kind, list[Cost]] = defaultdict(list)
        self._leads: dict[bool, list[tuple[Kind, float]]] = {True: [], False: []}  # by: in a fresh worker
        self._ends: list[float] = []

    def started(self, job: Job, now: float) -> None:
        """Take in that a worker took a job."""
        fresh = self._started < self._workers
        self._started += 1
        kind, left = self._waiting.pop(job)
        self._running[job] = _Running(kind=kind, since=now, left=left, fresh=fresh)

    def epoch(self, job: Job, progress: EpochReport, now: float) -> None:
        """Take in that an epoch of a job is over."""
        running, pace = self._running[job], self._pace(len(self._running))
        cost = Cost(*(pace * part for part in Cost.of(progress)))  # as it is with all workers at work
        if running.reported:
            self._epochs[running.kind].append((len(self._running), cost))
        else:
            # A seed's first epoch also warms up, renders the panel's views and creates files: part of its start.
            self._firsts[running.kind].append(cost)
            self._leads[running.fresh].append((running.kind, pace * (now - running.since)))
        running.since, running.left, running.reported = now, progress.epochs - progress.epoch, True

    def ended(self, job: Job, now: float) -> None:
        """Take in that a job is over, well or not."""
        pace, running = self._pace(len(self._running)), self._running.pop(job)
        if running.reported and running.left == 0:
            self._ends.append(pace * (now - running.since))

    def seconds_left(self, now: float) -> float | None:
        """Return the time from now until the last job is over, or None while nothing is known."""
        known = self._known()
        if not known:
            return None
        rates = Rates.of({kind: known[kind] for kind in self._firsts} or known)
        jobs: list[_Running | _Waiting] = [*self._running.values(), *self._waiting.values()]
        epochs = {
            key: sum(known[kind]) if kind in known else rates.epoch(kind)
            for key, kind in {id(job.kind): job.kind for job in jobs}.items()
        }
        starts = {fresh: self._start(fresh, known) for fresh in (True, False)}
        end = middle(self._ends[-RECENT:]) if self._ends else 0.0
        ahead, pace = [], self._pace(len(self._running))
        for running in self._running.values():
            epoch = epochs[id(running.kind)]
            phases = [epoch] * running.left + [end]
            if not running.reported:
                phases[0] += starts[running.fresh]
            ahead.append(max(0.0, phases[0] - pace * (now - running.since)) + sum(phases[1:]))
        return self._deal(
            ahead, [starts[False] + job.left * epochs[id(job.kind)] + end for job in self._waiting.values()]
        )

    def _deal(self, ahead: list[float], waiting: list[float]) -> float:
        """Return when the last is over, of jobs that run and jobs that wait, each so long with all workers at work."""
        seconds, ahead, waiting = 0.0, list(ahead), waiting[::-1]
        while ahead or waiting:
            while waiting and len(ahead) < self._workers:
                ahead.append(waiting.pop())
            first = min(ahead)
            seconds += first / self._pace(len(ahead))
            ahead.remove(first)
            ahead = [job - first for job in ahead]
        return seconds

    def _pace(self, running: int) -> float:
        """Return how many times as fast a job is when so many run as when all workers do."""
        return (self._workers / max(1, running)) ** self._sharing

    def _known(self) -> dict[Kind, Cost]:
        """Return what an epoch costs in all kinds that have been seen, now or before, at the pace of now."""
        seen = {kind: self._seen(kind) for kind in self._epochs}
        # Where only first epochs were seen: they are slower than others by as much as elsewhere.
        excess = [
            sum(map(sum, self._firsts[kind])) / len(self._firsts[kind]) / sum(seen[kind]) for kind in seen
        ]
        slower = max(1.0, middle(excess)) if excess else 1.0
        for kind in self._firsts.keys() - seen.keys():
            seen[kind] = mean_cost(self._firsts[kind], 1 / slower)
        paces = [
            sum(seen[kind]) / sum(cost) for kind, cost in self._past.items() if kind in seen and any(cost)
        ]
        pace = middle(paces) if paces else 1.0
        return {kind: mean_cost([cost], pace) for kind, cost in self._past.items()} | seen

    def _seen(self, kind: Kind) -> Cost:
        recent = self._epochs[kind][-RECENT * self._workers :]
        # However much they share: a machine's cores are faster, too, when fewer of them work.
        alike = [cost for together, cost in recent if together == len(self._running)]
        return mean_cost(alike if len(alike) > len(self._running) else [cost for _, cost in recent])

    def _start(self, fresh: bool, known: Mapping[Kind, Cost]) -> float:
        """Return what a seed's start costs beyond its epochs; nothing, until one is seen."""
        leads = self._leads[fresh][-RECENT:]
        return middle([max(0.0, lead - sum(known[kind])) for kind, lead in leads]) if leads else 0.0
