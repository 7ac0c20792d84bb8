# SPDX-License-Identifier: Apache-2.0
"""Intraclass correlation: the fraction of the variance of an answer that lies between examples.

The estimator of the one-way analysis of variance, rho = (MSB - MSW) / (MSB + (N - 1) MSW), with examples as
groups and the N seeds as their members (for binary answers: Ridout, Demetrio and Firth 1999, Biometrics
55:137). 0: all examples equally hard; 1: every seed is right on the same examples; slightly negative where
examples vary less than chance. Its meaning depends neither on N nor, much, on p0, so it compares settings and
epochs where chi-squares and mean absolute errors do not.
"""

import numpy as np
from jaxtyping import Float, Int64, Integer, Shaped

from analysis.statistics.bootstrap import Interval, percentile_interval, resample_weights
from analysis.statistics.trials import check_counts


def icc_of_counts(counts: Integer[np.ndarray, " example"], trials: int) -> float:
    """Return the signed intraclass correlation of binary answers, from counts out of N trials.

    Parameters
    ----------
    counts
        Correct answers of each example to one fixed view, 0 to `trials`.
    trials
        N, the number of seeds.

    Returns
    -------
    float
        -1 / (N - 1) to 1; nan for one trial, one example, or a pooled rate of 0 or 1.

    Raises
    ------
    ValueError
        When a count is not between 0 and `trials`.

    Examples
    --------
    >>> icc_of_counts(np.array([0, 4, 4, 0]), 4), round(icc_of_counts(np.array([2, 3, 1, 2]), 4), 2)
    (1.0, -0.12)
    """
    counts = check_counts(counts, trials)
    examples, mean = len(counts), counts.mean()
    # A binary answer is its own square, so the counts hold both sums of squares.
    diagonal = counts.sum(keepdims=True) - examples * mean**2 / trials
    off_diagonal = ((counts - mean) ** 2).sum(keepdims=True) - diagonal
    return float(_icc(diagonal, off_diagonal, examples=examples, seeds=trials)[0])


def icc_of_seeds(outcomes: Shaped[np.ndarray, "seed *augmentation example"]) -> float:
    """Return the signed intraclass correlation of a seed's outcome on an example.

    Parameters
    ----------
    outcomes
        (seed, example): answers to one fixed view, for r~_t; equals :func:`icc_of_counts` of their sum.
        (seed, augmentation, example): the mean over augmentations is one outcome, for r_t; this value is not
        comparable with that of one view, because averaging removes what differs between augmentations.

    Returns
    -------
    float
        -1 / (N - 1) to 1; nan for one seed, one example, or outcomes without variance.

    Examples
    --------
    >>> round(icc_of_seeds(np.array([[0, 1, 1, 0], [0, 1, 0, 0]])), 3)
    0.571
    """
    moments = _SeedMoments(outcomes)
    return float(moments.icc(np.ones((1, moments.seeds), dtype=np.int64))[0])


def icc_interval(
    outcomes: Shaped[np.ndarray, "seed *augmentation example"],
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Return the bootstrap interval over seeds of :func:`icc_of_seeds`, for these examples.

    In a resample only pairs of different seeds count: copies of one seed agree perfectly and would shift the
    entire interval up by about 1/N. The interval is too wide (conservative) where rho is below about 1/N.

    Parameters
    ----------
    outcomes
        As in :func:`icc_of_seeds`.
    rng
        Source of the resamples.
    resamples, level
        How many resamples; the coverage aimed at, between 0 and 1.

    Returns
    -------
    Interval
        Its ends; nan for fewer than three seeds, or where rho is nan.

    Examples
    --------
    >>> outcomes = np.random.default_rng(0).random((8, 50)) < np.linspace(0, 1, 50)
    >>> low, high = icc_interval(outcomes, rng=np.random.default_rng(0))
    >>> bool(low < icc_of_seeds(outcomes) < high)
    True
    """
    moments = _SeedMoments(outcomes)
    if moments.seeds < 3:
        return Interval(np.array(np.nan), np.array(np.nan))
    weights = resample_weights(moments.seeds, rng=rng, resamples=resamples)
    return percentile_interval(moments.icc(weights), level=level)


class _SeedMoments:
    """Sums over examples of the products of two seeds' outcomes: all that the resamples need."""

    def __init__(self, outcomes: Shaped[np.ndarray, "seed *augmentation example"]) -> None:
        by_seed = outcomes.mean(axis=tuple(range(1, outcomes.ndim - 1)), dtype=np.float64)
        self.seeds, self.examples = by_seed.shape
        centred = by_seed - by_seed.mean()  # near the resamples' means: nothing cancels later
        self.products = centred @ centred.T
        self.sums = centred.sum(axis=1)

    def icc(self, weights: Int64[np.ndarray, "resample seed"]) -> Float[np.ndarray, " resample"]:
        """Return rho of every resample, from products of equal and of different seeds."""
        n, k = self.seeds, self.examples
        pairs = n**2 - (weights**2).sum(axis=1)
        mean = weights @ self.sums / (n * k)
        squares = np.diagonal(self.products)[None, :] - 2 * mean[:, None] * self.sums + k * mean[:, None] ** 2
        every = np.einsum("ri,ij,rj->r", weights, self.products, weights, optimize=True) - k * (n * mean) ** 2
        distinct = every - (weights**2 * squares).sum(axis=1)
        off_diagonal = np.divide(
            n * (n - 1) * distinct, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0
        )
        return _icc((weights * squares).sum(axis=1), off_diagonal, examples=k, seeds=n)


def _icc(
    diagonal: Float[np.ndarray, " resample"],
    off_diagonal: Float[np.ndarray, " resample"],
    *,
    examples: int,
    seeds: int,
) -> Float[np.ndarray, " resample"]:
    """Return (MSB - MSW) / (MSB + (N - 1) MSW).

    `diagonal` and `off_diagonal` sum the products of two outcomes on one example, less the grand mean, over
    equal and over different seeds.
    """
    undefined = np.full(len(diagonal), np.nan)
    if seeds < 2 or examples < 2:
        return undefined
    total = diagonal + off_diagonal
    between = total / (seeds * (examples - 1))
    within = (diagonal - total / seeds) / (examples * (seeds - 1))
    scale = between + (seeds - 1) * within
    # Outcomes without variance leave rounding errors, many orders below one answer among a million.
    return np.divide(between - within, scale, out=undefined, where=scale > 1e-20)
