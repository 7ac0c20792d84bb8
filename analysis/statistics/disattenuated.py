# SPDX-License-Identifier: Apache-2.0
"""Do two methods find the same examples hard? Correlation over examples without the noise of few seeds.

Two r_t of N seeds correlate less than the difficulties behind them, because each holds the noise of its seeds. What
different seeds have in common is free of it: with c(A, B) the mean over pairs of different seeds of the covariance
over examples,

    rho = c(A, B) / sqrt(c(A, A) c(B, B))

estimates the correlation of true difficulties (Spearman 1904, American Journal of Psychology 15:72, with reliabilities
from the same data). Equal seed numbers are no pair of two methods either: they start from the same encoder.

Two methods that are asked about the same augmentations share what these make hard, too. Where the rows of scores name
their augmentation, only pairs that differ in seed and augmentation count: rho then is that of the examples themselves.

Where c(A, A) is not clearly above 0, nothing is shared that could correlate, and there is no rho.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from analysis.statistics.jackknife import Interval, groups_of, jackknife_error, jackknife_interval

ERRORS = 2.0
"""How many standard errors c(A, A) must be above 0."""


class Scores(NamedTuple):
    """What every seed of a method gives every example: answers, or any other score."""

    values: Float[np.ndarray, "row example"]
    """A row for each seed, or for each seed and augmentation."""
    seeds: Sequence[int]
    """The seed of each row."""
    augmentations: Sequence[int] | None = None
    """The augmentation of each row, where a row is of one: pairs are of different ones then."""


class Correlation(NamedTuple):
    """Correlation of two methods' difficulties; nan where one of them is not shared by its seeds."""

    rho: float
    """-1 to 1, beyond them now and then by chance."""
    examples_like_these: Interval
    """What other seeds would give on other examples of the same kind."""
    observed: float
    """Correlation of the means over seeds, which noise makes smaller."""
    shared: tuple[bool, bool]
    """For either, whether its seeds share anything: c(A, A) is more than two standard errors above 0."""


def correlate(
    first: Scores,
    second: Scores,
    labels: Integer[np.ndarray, " example"] | None = None,
    *,
    level: float = 0.95,
) -> Correlation:
    """Correlate the difficulties of the same examples for two methods.

    Parameters
    ----------
    first, second
        Scores of the same examples in the same order.
    labels
        Class of each example, to correlate within classes: differences between classes do not count then.
    level
        The coverage of the interval aimed at, between 0 and 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> difficulty = rng.normal(size=400)
    >>> one, other = (Scores(difficulty + rng.normal(scale=2, size=(6, 400)), range(6)) for _ in range(2))
    >>> found = correlate(one, other)
    >>> round(found.rho, 1), round(found.observed, 1)
    (0.9, 0.6)
    """
    a, b = (_Moments(scores, labels) for scores in (first, second))
    own = [one.shared(one, _pairs(scores, scores)) for one, scores in ((a, first), (b, second))]
    cross = a.shared(b, _pairs(first, second))
    shared = tuple(
        _clearly_above(values, one.error_of_seeds(scores))
        for one, scores, values in zip((a, b), (first, second), own, strict=True)
    )
    products = np.where((own[0] > 0) & (own[1] > 0), own[0] * own[1], np.nan)
    rho = cross / np.sqrt(products) if all(shared) else np.full(cross.shape, np.nan)
    interval = jackknife_interval(np.array(rho[0]), rho[1:], level=level)
    observed = _pearson(a.mean, b.mean)
    return Correlation(float(rho[0]), interval, observed, (shared[0], shared[1]))


def reliability(scores: Scores, labels: Integer[np.ndarray, " example"] | None = None) -> float:
    """Return the correlation that the mean over as many new seeds would have with this one: 0 all noise, 1 none.

    Negative values are estimates near 0; nan for one seed, or scores without variance.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> round(reliability(Scores(rng.normal(size=4000) + rng.normal(size=(4, 4000)), range(4))), 1)
    0.8
    """
    moments = _Moments(scores, labels)
    return moments.reliability(float(moments.shared(moments, _pairs(scores, scores))[0]))


def shared_variances(
    scores: Scores, groups: Integer[np.ndarray, " example"] | None = None
) -> Float[np.ndarray, " choice"]:
    """Return the variance over examples that seeds share, c(A, A): of all examples, then without each group of them.

    By default the groups are random ones (:func:`~analysis.statistics.jackknife.groups_of`).

    0 where seeds share nothing (negative values are estimates near 0); nan for one seed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> scores = Scores(2 * rng.normal(size=4000) + rng.normal(size=(4, 4000)), range(4))
    >>> round(float(shared_variances(scores)[0]), 1)
    4.0
    """
    moments = _Moments(scores, None, groups)
    return moments.shared(moments, _pairs(scores, scores))


def seeds_needed(reliability: float, seeds: int, *, wanted: float = 0.8) -> float:
    """Return how many seeds give a reliability, from that of the mean over some (Spearman and Brown).

    Parameters
    ----------
    reliability
        Of the mean over `seeds` seeds.
    seeds
        Their number.
    wanted
        The reliability to reach, below 1.

    Returns
    -------
    float
        Infinite where the reliability is not above 0; nan where it is unknown.

    Examples
    --------
    >>> round(seeds_needed(0.5, 8), 1)
    32.0
    """
    if np.isnan(reliability):
        return np.nan
    if reliability <= 0:
        return np.inf
    single = reliability / (seeds - (seeds - 1) * reliability)
    return wanted * (1 - single) / ((1 - wanted) * single)


class _Moments:
    """Deviations of a method's scores from their means, and sums of them over groups of examples."""

    def __init__(
        self,
        scores: Scores,
        labels: Integer[np.ndarray, " example"] | None,
        groups: Integer[np.ndarray, " example"] | None = None,
    ) -> None:
        values = scores.values - scores.values.mean(axis=1, keepdims=True)
        if labels is not None:
            classes, member = np.unique(labels, return_inverse=True)
            indicator = np.eye(len(classes))[member]
            values = values - (values @ indicator / indicator.sum(axis=0))[:, member]
        self.values = values
        self.mean = values.mean(axis=0)
        groups = groups_of(values.shape[1]) if groups is None else groups
        self.members = [np.flatnonzero(groups == group) for group in range(groups.max() + 1)]
        self.sizes = np.array(list(map(len, self.members)))
        self.sums = np.stack([values[:, own].sum(axis=1) for own in self.members])

    def shared(
        self, other: "_Moments", pairs: Bool[np.ndarray, "row other_row"]
    ) -> Float[np.ndarray, " choice"]:
        """Return the mean covariance over pairs of rows: of all examples, then without each group of them."""
        if not pairs.any():
            return np.full(len(self.members) + 1, np.nan)
        by_group = np.array(
            [(self.values[:, own] @ other.values[:, own].T)[pairs].mean() for own in self.members]
        )
        kept = np.vstack([np.ones(len(self.sizes)), 1 - np.eye(len(self.sizes))])
        examples = kept @ self.sizes
        totals, others = kept @ self.sums, kept @ other.sums
        products = np.array([np.outer(x, y)[pairs].mean() for x, y in zip(totals, others, strict=True)])
        return (kept @ by_group - products / np.maximum(examples, 1)) / np.maximum(examples - 1, 1)

    def error_of_seeds(self, scores: Scores) -> float:
        """Return the standard error of c(A, A) over seeds; 0 for fewer than three, which cannot tell."""
        seeds = np.array(scores.seeds)
        if len(different := np.unique(seeds)) < 3:
            return 0.0
        products = self.values @ self.values.T / max(self.values.shape[1] - 1, 1)
        pairs = _pairs(scores, scores)
        without = [np.logical_and.outer(seeds != seed, seeds != seed) & pairs for seed in different]
        return jackknife_error(np.array([products[kept].mean() for kept in without]))

    def reliability(self, shared: float) -> float:
        """Return the fraction of the variance of the mean over seeds that seeds share."""
        variance = float((self.mean**2).sum() / max(self.values.shape[1] - 1, 1))
        return float(shared / variance) if variance > 1e-20 else np.nan


def _pairs(first: Scores, second: Scores) -> Bool[np.ndarray, "row other_row"]:
    """Say which rows differ in seed and, where both name it, in augmentation."""
    differ = np.not_equal.outer(np.array(first.seeds), np.array(second.seeds))
    if first.augmentations is None or second.augmentations is None:
        return differ
    return differ & np.not_equal.outer(np.array(first.augmentations), np.array(second.augmentations))


def _clearly_above(values: Float[np.ndarray, " choice"], error_of_seeds: float) -> bool:
    """Say whether c(A, A) is above 0 by more than its error over examples and over seeds together."""
    return bool(values[0] > ERRORS * math.hypot(jackknife_error(values[1:]), error_of_seeds))


def _pearson(first: Float[np.ndarray, " example"], second: Float[np.ndarray, " example"]) -> float:
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float(first @ second / scale) if scale > 1e-20 else np.nan
