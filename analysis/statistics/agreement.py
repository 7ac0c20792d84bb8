# SPDX-License-Identifier: Apache-2.0
"""Agreement of two counts of the same examples, such as of first and second views (thesis, figure B.1).

The mean absolute error between two counts of n trials is not 0 for examples that are equally hard both times.
Two exact expectations stand beside it:

- *independent trials*: both counts are Bin(n, p_k) with one p_k per example. Given their sum the first is
  hypergeometric, whatever p_k is, so nothing has to be estimated. Over several augmentations of differing
  difficulty this is too large: their answers vary less than those of one probability.
- *paired trials*: the answers come in pairs from one network, and either answer of a pair might as well be the
  other's. Only the d_k pairs with one right and one wrong answer count: the difference is a walk of d_k random
  steps. This holds for augmentations that differ, and for views whose answers depend on each other.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer
from scipy import stats
from scipy.special import gammaln


class Agreement(NamedTuple):
    """How well two learning probabilities of the same examples agree."""

    mae: float
    """Mean absolute difference of first and second, 0 to 1."""
    pearson: float
    """Correlation; nan where one of the two is constant."""
    spearman: float
    """Rank correlation; nan where one of the two is constant."""


class ExpectedError(NamedTuple):
    """The mean absolute error of examples that are equally hard both times."""

    mean: float
    """0 to 1."""
    sd: float
    """Its standard deviation, examples being independent."""


def agreement(first: Float[np.ndarray, " example"], second: Float[np.ndarray, " example"]) -> Agreement:
    """Compare two learning probabilities, example by example.

    Raises
    ------
    ValueError
        When there are no examples.

    Examples
    --------
    >>> found = agreement(np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.4, 0.9]))
    >>> round(found.mae, 3), round(found.pearson, 3)
    (0.067, 0.971)
    """
    if first.size == 0:
        raise ValueError("no examples to compare")
    mae = float(np.abs(first - second).mean())
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return Agreement(mae, np.nan, np.nan)
    return Agreement(
        mae, float(np.corrcoef(first, second)[0, 1]), float(stats.spearmanr(first, second).statistic)
    )


def expected_error_independent(
    first: Integer[np.ndarray, " example"], second: Integer[np.ndarray, " example"], trials: int
) -> ExpectedError:
    """Return the error to be expected of two independent counts with one probability per example.

    Parameters
    ----------
    first, second
        Correct answers, 0 to `trials`; only their sums are used.
    trials
        n, behind each of the two.

    Raises
    ------
    ValueError
        When a count is not between 0 and `trials`.

    Examples
    --------
    >>> round(expected_error_independent(np.array([2, 5]), np.array([3, 5]), 8).mean, 3)
    0.193
    """
    if trials < 1 or min(first.min(), second.min()) < 0 or max(first.max(), second.max()) > trials:
        raise ValueError(f"counts must lie in 0..{trials}")
    sums, repeats = np.unique(first.astype(np.int64) + second, return_counts=True)
    possible = np.arange(trials + 1)
    weights = stats.hypergeom.pmf(possible, 2 * trials, sums[:, np.newaxis], trials)
    distance = np.abs(2 * possible - sums[:, np.newaxis])
    mean = (weights * distance).sum(axis=1)
    return _over_examples(mean, (weights * distance**2).sum(axis=1) - mean**2, repeats, trials)


def expected_error_paired(
    first: Bool[np.ndarray, "*trial example"], second: Bool[np.ndarray, "*trial example"]
) -> ExpectedError:
    """Return the error to be expected where the answers of each pair could be swapped.

    Parameters
    ----------
    first, second
        Answers to the two views; equal places are answers of one network to one pair.

    Examples
    --------
    >>> first, second = np.array([[True, False], [True, True]]), np.array([[True, True], [True, False]])
    >>> expected_error_paired(first, second).mean
    0.25
    """
    trials = first[..., 0].size
    discordant = (first != second).reshape(trials, -1).sum(axis=0)
    steps, repeats = np.unique(discordant, return_counts=True)
    half = (steps + 1) // 2
    # E|walk of 2h or 2h - 1 steps| = 2h C(2h, h) / 4^h
    mean = 2 * half * np.exp(gammaln(2 * half + 1) - 2 * gammaln(half + 1) - half * np.log(4))
    return _over_examples(mean, steps - mean**2, repeats, trials)


def _over_examples(
    mean: Float[np.ndarray, " kind"],
    variance: Float[np.ndarray, " kind"],
    repeats: Int64[np.ndarray, " kind"],
    trials: int,
) -> ExpectedError:
    """Average the absolute difference of counts over examples; `repeats` says how many are of each kind."""
    examples = repeats.sum()
    spread = np.sqrt(max(float(repeats @ variance), 0.0))
    return ExpectedError(float(repeats @ mean / examples / trials), float(spread / examples / trials))
