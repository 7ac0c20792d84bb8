# SPDX-License-Identifier: Apache-2.0
"""Intraclass correlation: the fraction of the variance of an answer that lies between examples.

The estimator of the one-way analysis of variance, rho = (MSB - MSW) / (MSB + (N - 1) MSW), with examples as
groups and the N seeds as their members (for binary answers: Ridout, Demetrio and Firth 1999, Biometrics
55:137). 0: all examples equally hard; 1: every seed is right on the same examples; slightly negative where
examples vary less than chance. Its meaning depends neither on N nor, much, on p0, so it compares settings and
epochs where chi-squares and mean absolute errors do not.
"""

import numpy as np
from jaxtyping import Float, Integer, Shaped

from analysis.statistics.jackknife import Interval, jackknife_interval
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
    diagonal = float(counts.sum() - examples * mean**2 / trials)
    off_diagonal = float(((counts - mean) ** 2).sum()) - diagonal
    return _icc(diagonal, off_diagonal, examples=examples, seeds=trials)


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
    return _of_seeds(_by_seed(outcomes))


def icc_interval(
    outcomes: Shaped[np.ndarray, "seed *augmentation example"], *, level: float = 0.95
) -> Interval:
    """Return the jackknife interval of :func:`icc_of_seeds` for these examples: what other seeds would give on them.

    Parameters
    ----------
    outcomes
        As in :func:`icc_of_seeds`.
    level
        The coverage aimed at, between 0 and 1.

    Returns
    -------
    Interval
        Its ends; nan for fewer than three seeds, or where rho is nan.

    Examples
    --------
    >>> outcomes = np.random.default_rng(0).random((8, 50)) < np.linspace(0, 1, 50)
    >>> low, high = icc_interval(outcomes)
    >>> bool(low < icc_of_seeds(outcomes) < high)
    True
    """
    by_seed = _by_seed(outcomes)
    seeds = len(by_seed)
    left_out = np.array([_of_seeds(np.delete(by_seed, seed, axis=0)) for seed in range(seeds)])
    least = -1 / max(seeds - 1, 1)
    return jackknife_interval(np.array(_of_seeds(by_seed)), left_out, level=level, within=(least, 1.0))


def _by_seed(outcomes: Shaped[np.ndarray, "seed *augmentation example"]) -> Float[np.ndarray, "seed example"]:
    return outcomes.mean(axis=tuple(range(1, outcomes.ndim - 1)), dtype=np.float64)


def _of_seeds(by_seed: Float[np.ndarray, "seed example"]) -> float:
    """Return rho from the sums of products of two outcomes on one example, over equal and over different seeds."""
    seeds, examples = by_seed.shape
    centred = by_seed - by_seed.mean() if by_seed.size else by_seed
    diagonal = float((centred**2).sum())
    return _icc(diagonal, float((centred.sum(axis=0) ** 2).sum()) - diagonal, examples=examples, seeds=seeds)


def _icc(diagonal: float, off_diagonal: float, *, examples: int, seeds: int) -> float:
    """Return (MSB - MSW) / (MSB + (N - 1) MSW).

    `diagonal` and `off_diagonal` sum the products of two outcomes on one example, less the grand mean, over
    equal and over different seeds.
    """
    if seeds < 2 or examples < 2:
        return np.nan
    total = diagonal + off_diagonal
    between = total / (seeds * (examples - 1))
    within = (diagonal - total / seeds) / (examples * (seeds - 1))
    scale = between + (seeds - 1) * within
    # Outcomes without variance leave rounding errors, many orders below one answer among a million.
    return (between - within) / scale if scale > 1e-20 else np.nan
