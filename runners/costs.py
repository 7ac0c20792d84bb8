# SPDX-License-Identifier: Apache-2.0
"""What does an epoch cost: of seeds of one kind, and of a kind that was not seen yet, from what others cost."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from scipy.optimize import nnls

from dynamics import methods
from dynamics.config import Recipe
from dynamics.training.loop import EpochReport, Job

STEP_SHARE = 0.1
"""Share of an epoch's training that is the same at any size of a batch, until methods are seen that differ in it."""


class Kind(NamedTuple):
    """Seeds whose epochs cost the same."""

    method: str
    recipe: Recipe

    @classmethod
    def of(cls, job: Job) -> "Kind":
        """Return a job's kind."""
        return cls(job.method, job.recipe)


class Cost(NamedTuple):
    """Seconds that an epoch takes."""

    train: float
    panel: float
    store: float

    @classmethod
    def of(cls, progress: EpochReport) -> "Cost":
        """Return what the epoch of a report took."""
        return cls(progress.train_seconds, progress.panel_seconds, progress.store_seconds)


class Rates(NamedTuple):
    """Seconds that the parts of an epoch cost in any kind."""

    view: float
    """One view trained on, by a network of width 1."""
    step: float
    scored: float
    """One view of the panel, by a network of width 1."""
    store: float
    """The snapshot."""

    @classmethod
    def of(cls, known: Mapping[Kind, Cost]) -> "Rates":
        """Return the rates that explain the costs of some kinds best, relative to each."""
        rows = [[part / cost.train for part in _training(kind)] for kind, cost in known.items()]
        views, steps = (sum(column) for column in zip(*rows, strict=True))
        # Kinds that differ in nothing do not tell views from steps: the last row says which share steps have then.
        weight = 1e-2 / len(rows)
        tie = [weight * STEP_SHARE, weight * (STEP_SHARE - 1)]
        scaled = [[row[0] / views, row[1] / steps] for row in rows]
        (view, step), _ = nnls([*scaled, tie], [1.0] * len(rows) + [0.0])
        scored = middle(cost.panel / _scoring(kind) for kind, cost in known.items())
        return cls(view / views, step / steps, scored, middle(cost.store for cost in known.values()))

    def epoch(self, kind: Kind) -> float:
        """Return the seconds of an epoch of a kind that is not known."""
        views, steps = _training(kind)
        return self.view * views + self.step * steps + self.scored * _scoring(kind) + self.store


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Return jobs in the order that leaves the workers idle least: a long one begun last would run alone.

    Jobs of one kind stay together and in their order.
    """
    return sorted(jobs, key=lambda job: -_training(Kind.of(job))[0] * job.recipe.epochs)


@cache
def _training(kind: Kind) -> tuple[float, float]:
    """Return how many views an epoch trains on, times the network's width, and how many steps it has.

    Both are relative to the size of the data set where a recipe trains on all of it.
    """
    recipe = kind.recipe
    views = getattr(recipe, "num_views", methods.load(kind.method).panel_views)
    images = recipe.train_examples or 1
    return views * recipe.width * images, images / recipe.batch_size


@cache
def _scoring(kind: Kind) -> float:
    """Return how many views the panel has, times the network's width."""
    recipe = kind.recipe
    views = methods.load(kind.method).panel_views * recipe.panel_examples * recipe.panel_augmentations
    return views * recipe.width


def middle(values: Iterable[float]) -> float:
    """Return the mean of one value or more without the lowest and highest quarter: hiccups are not believed."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    inner = ordered[cut : len(ordered) - cut]
    return sum(inner) / len(inner)


def mean_cost(costs: Sequence[Cost], factor: float = 1.0) -> Cost:
    """Return the middle of the costs of one epoch or more, times a factor."""
    train, panel, store = (factor * middle(part) for part in zip(*costs, strict=True))
    return Cost(max(train, 1e-9), panel, store)  # a clock may stand still, and costs are divided by
