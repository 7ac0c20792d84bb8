# SPDX-License-Identifier: Apache-2.0
"""Counts of correct answers out of N trials for each example, from which the tests of homogeneity start.

Where the pooled rate is 0 or 1 (nothing learnt yet, or everything), or N is 1, or there is one example only,
counts cannot tell equal examples from unequal ones: the statistics are nan then, never an error or a warning.
"""

import numpy as np
from jaxtyping import Int64, Integer


def check_counts(counts: Integer[np.ndarray, " example"], trials: int) -> Int64[np.ndarray, " example"]:
    """Return the counts in a type that does not overflow.

    Parameters
    ----------
    counts
        Correct answers of each example, 0 to `trials`.
    trials
        N, at least 1.

    Raises
    ------
    ValueError
        When there are no examples, or a count is not between 0 and `trials`.

    Examples
    --------
    >>> check_counts(np.array([0, 3], dtype=np.uint8), 3)
    array([0, 3])
    """
    if counts.size == 0:
        raise ValueError("no examples to test")
    if trials < 1:
        raise ValueError(f"trials must be at least 1, got {trials}")
    if counts.min() < 0 or counts.max() > trials:
        raise ValueError(f"counts must lie in 0..{trials}, got {counts.min()}..{counts.max()}")
    return counts.astype(np.int64)


def pooled_rate(counts: Integer[np.ndarray, " example"], trials: int) -> float:
    """Return p0, the fraction of correct answers over all examples, 0 to 1 (memorization thesis, eq. 4.7).

    Examples
    --------
    >>> pooled_rate(np.array([1, 3]), 4)
    0.5
    """
    return float(counts.mean(dtype=np.float64) / trials)


def can_test(counts: Integer[np.ndarray, " example"], trials: int) -> bool:
    """Say whether these counts can tell equal examples from unequal ones.

    Examples
    --------
    >>> can_test(np.array([1, 3]), 4), can_test(np.array([4, 4]), 4)
    (True, False)
    """
    return counts.size > 1 and trials > 1 and 0 < int(counts.sum(dtype=np.int64)) < counts.size * trials


def histogram(counts: Integer[np.ndarray, " example"], trials: int) -> Int64[np.ndarray, " count"]:
    """Return how many examples have each count 0..N; the result has N + 1 entries.

    Examples
    --------
    >>> histogram(np.array([1, 3, 3]), 4)
    array([0, 1, 0, 2, 0])
    """
    return np.bincount(counts, minlength=trials + 1).astype(np.int64)
