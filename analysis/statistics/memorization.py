# SPDX-License-Identifier: Apache-2.0
"""Memorisation of single examples: m(x), how much better networks with x in training answer it than those without.

    m_t(x) = r_t(x | x in training) - r_t(x | x left out)

(Feldman 2020, arXiv:1906.05271, definition 1.1, at every epoch; Feldman and Zhang 2020, arXiv:2008.03703, estimate it
in the same way: each seed leaves out a random part of the examples.) 0 where x is answered from other examples alone, 1
where only from x itself. An m below 0 is an estimate near 0.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from analysis.statistics.jackknife import (
    Interval,
    Intervals,
    crossed_interval,
    groups_of,
    jackknife_interval,
)


class Memorization(NamedTuple):
    """m of every example; nan where no seed was trained with it, or none without it."""

    m: Float[np.ndarray, " example"]
    interval: Interval
    """95 % of each example: what other seeds would give; conservative where answers average several augmentations."""
    trained: Float[np.ndarray, " example"]
    """r given that x is in training, 0 to 1."""
    left_out: Float[np.ndarray, " example"]
    """r given that x is not."""
    mean: float
    """Mean of m over examples."""
    mean_intervals: Intervals
    sd: float
    """Standard deviation of m between examples without the noise of few seeds; nan for fewer than two of either."""


def memorization(
    answers: Float[np.ndarray, "seed example"],
    in_training: Bool[np.ndarray, "seed example"],
    *,
    level: float = 0.95,
) -> Memorization:
    """Compare the answers of networks that were trained with and without each example.

    An example's interval is that of Agresti and Caffo (2000, The American Statistician 54:280): one right and one wrong
    answer are added to either side, so that it holds for a few seeds, too. That of the mean is a jackknife over seeds.

    Parameters
    ----------
    answers
        Each seed's answers, 0 to 1, averaged over augmentations.
    in_training
        Which examples a seed was trained on.
    level
        The coverage of the intervals aimed at, between 0 and 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> seen = rng.random((20, 300)) < 0.7
    >>> found = memorization((rng.random((20, 300)) < np.where(seen, 0.9, 0.3)).astype(float), seen)
    >>> round(found.mean, 1), round(found.sd, 1), bool(found.interval.low.max() < 1)
    (0.6, 0.1, True)
    """
    sides = [_Side.of(answers, seen) for seen in (in_training, ~in_training)]
    m = sides[0].mean - sides[1].mean
    value, *without = _means(answers, in_training)
    unknown = Interval(np.array(np.nan), np.array(np.nan))
    intervals = Intervals(unknown, unknown)
    if len(answers) > 1 and np.isfinite(value):
        within = (-1.0, 1.0)
        intervals = Intervals(
            jackknife_interval(np.asarray(value), without[0], level=level, within=within),
            crossed_interval(np.asarray(value), *without, level=level, within=within),
        )
    return Memorization(
        m,
        _agresti_caffo(*sides, level=level),
        sides[0].mean,
        sides[1].mean,
        float(value),
        intervals,
        _true_sd(m, *sides),
    )


def could_be_clear(in_training: Bool[np.ndarray, "seed example"]) -> Bool[np.ndarray, " example"]:
    """Return of which examples the interval would be above 0 if m were 1: few seeds on a side say nothing of one.

    Examples
    --------
    >>> [bool(could_be_clear(np.arange(seeds)[:, np.newaxis] < [seeds // 2])[0]) for seeds in (4, 5, 6, 12)]
    [False, False, True, True]
    """
    surest = memorization(in_training.astype(np.float64), in_training).interval.low
    return np.asarray(surest > 0)


class _Side(NamedTuple):
    """The seeds that were trained with each example, or those that were not."""

    seeds: Float[np.ndarray, " example"]
    mean: Float[np.ndarray, " example"]
    error_variance: Float[np.ndarray, " example"]
    """Of the mean; nan for fewer than two seeds."""

    @classmethod
    def of(
        cls, answers: Float[np.ndarray, "seed example"], used: Bool[np.ndarray, "seed example"]
    ) -> "_Side":
        seeds = used.sum(axis=0).astype(np.float64)
        known = np.where(seeds > 0, seeds, np.nan)
        mean = (answers * used).sum(axis=0) / known
        squares = (((answers - mean) ** 2) * used).sum(axis=0)
        return cls(seeds, mean, squares / np.where(seeds > 1, seeds - 1, np.nan) / known)


def _agresti_caffo(one: _Side, other: _Side, *, level: float) -> Interval:
    shifted = [(side.mean * side.seeds + 1) / (side.seeds + 2) for side in (one, other)]
    variance = sum(p * (1 - p) / (side.seeds + 2) for p, side in zip(shifted, (one, other), strict=True))
    half = stats.norm.isf((1 - level) / 2) * np.sqrt(variance)
    centre = shifted[0] - shifted[1]
    return Interval(np.clip(centre - half, -1, 1), np.clip(centre + half, -1, 1))


def _true_sd(m: Float[np.ndarray, " example"], one: _Side, other: _Side) -> float:
    noise = one.error_variance + other.error_variance
    known = np.isfinite(noise) & np.isfinite(m)
    if known.sum() < 2:
        return float("nan")
    return float(np.sqrt(max(m[known].var(ddof=1) - noise[known].mean(), 0.0)))


def _means(
    answers: Float[np.ndarray, "seed example"], in_training: Bool[np.ndarray, "seed example"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of m, and without each seed, each group of examples, and each of both: (group, seed)."""
    groups = groups_of(answers.shape[1])
    member = np.eye(groups.max() + 1)[groups]
    all_seeds = _mean_by_group(_difference(answers, in_training), member)
    without_seed = [
        _mean_by_group(
            _difference(np.delete(answers, seed, axis=0), np.delete(in_training, seed, axis=0)), member
        )
        for seed in range(len(answers))
    ]
    return (
        all_seeds[0],
        np.array([one[0] for one in without_seed]),
        all_seeds[1],
        np.array([one[1] for one in without_seed]).T,
    )


def _difference(
    answers: Float[np.ndarray, "seed example"], in_training: Bool[np.ndarray, "seed example"]
) -> Float[np.ndarray, " example"]:
    return _Side.of(answers, in_training).mean - _Side.of(answers, ~in_training).mean


def _mean_by_group(
    m: Float[np.ndarray, " example"], member: Float[np.ndarray, "example group"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over the examples that have an m, of all of them and without each group."""
    known = np.isfinite(m)
    sums, counts = np.where(known, m, 0.0) @ member, known @ member
    total, count = sums.sum(), counts.sum()
    left = count - counts
    without = np.divide(total - sums, left, out=np.full(sums.shape, np.nan), where=left > 0)
    return np.asarray(total / count if count else np.nan), without
