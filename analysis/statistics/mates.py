# SPDX-License-Identifier: Apache-2.0
"""What of an answer is the example's, and what its mates': r_t at any batch size, rivals of the same class, shares.

Mates are the B - 1 other examples of a batch, among whose views the nearest is looked for (:mod:`dynamics.mates`). An
answer with n rivals, n_same of them of the example's own class, is right among random mates with probability p(n), and
would be with p(n - n_same) if those of its class did not count.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from analysis.statistics.disattenuated import Scores, shared_variances
from analysis.statistics.jackknife import Interval, jackknife_error, jackknife_interval
from dynamics.mates import right_among_mates


def batch_sizes(examples: int, batch: int) -> list[int]:
    """Return the sizes of batches at which r_t is shown: powers of two, the panel's batch, and the whole panel.

    Examples
    --------
    >>> batch_sizes(100, 24)
    [2, 4, 8, 16, 24, 32, 64, 100]
    """
    powers = [2**power for power in range(1, examples.bit_length()) if 2**power < examples]
    return sorted({*powers, batch, examples} - {1})


def over_batch_sizes(
    rivals: Integer[np.ndarray, "*answer"], examples: int, sizes: Sequence[int]
) -> Float[np.ndarray, " size"]:
    """Return the mean probability of being right among random mates, for each size of a batch.

    Parameters
    ----------
    rivals
        Numbers of rivals of any number of answers, 0 to K - 1.
    examples
        Number of examples of the panel, K.
    sizes
        Numbers of examples of a batch, 1 to K.

    Examples
    --------
    >>> over_batch_sizes(np.array([0, 1, 3]), 4, [2, 4]).round(2)
    array([0.56, 0.33])
    """
    found = np.bincount(rivals.ravel(), minlength=examples) / rivals.size
    return np.array([right_among_mates(examples, size) @ found for size in sizes])


class SameClass(NamedTuple):
    """How errors among random mates divide between mates of the example's own class and others; nan without errors."""

    errors: float
    """Probability that a rival in the batch, taken at random where an answer is wrong, is of the example's class."""
    least: float
    """Fraction of errors with no rival in the batch but those of the class: they go to the class for certain."""
    most: float
    """Fraction of errors with any rival of the class in the batch: only they can go to the class."""


def same_class_errors(
    rivals: Integer[np.ndarray, "*answer"],
    same_class: Integer[np.ndarray, "*answer"],
    right_with: Float[np.ndarray, " rivals"],
) -> SameClass:
    """Say how many errors among random mates go to mates of the example's own class.

    Which rival is the nearest is not recorded, so that the fraction lies between two ends.

    Parameters
    ----------
    rivals, same_class
        Numbers of rivals of some answers, and of those of the example's class.
    right_with
        From :func:`dynamics.mates.right_among_mates`.

    Examples
    --------
    >>> found = same_class_errors(np.array([2, 1, 0]), np.array([1, 1, 0]), right_among_mates(5, 3))
    >>> [round(value, 2) for value in found]
    [0.69, 0.62, 0.75]
    """
    wrong = 1 - right_with[rivals]
    total = wrong.sum()
    if total == 0:
        return SameClass(np.nan, np.nan, np.nan)
    share = np.divide(same_class, rivals, out=np.zeros(rivals.shape), where=rivals > 0)
    only = right_with[rivals - same_class] - right_with[rivals]
    some = 1 - right_with[same_class]
    return SameClass(*(float(part.sum() / total) for part in (share * wrong, only, some)))


class MatesShare(NamedTuple):
    """What part of the variance between examples that seeds share is that of the fixed mates."""

    share: float
    """0: all is the examples' own; 1: all is their mates'; nan where seeds share nothing beyond chance."""
    interval: Interval
    """What other examples of the same kind, in other batches, would give."""


def mates_share(
    right: Bool[np.ndarray, "seed augmentation example"],
    among_random: Float[np.ndarray, "seed augmentation example"],
    *,
    batch: int,
) -> MatesShare:
    """Split what seeds agree on between the examples and their fixed mates.

    An answer among fixed mates is that among random ones plus a part that averages to 0 over mates. Both parts are
    shared by seeds; their covariances over examples, from pairs of different seeds, are set against each other. The
    interval is the wider one of two jackknifes, over groups of examples and over batches: mates are rivals of each
    other, so that the examples of a batch do not vary on their own. With four batches it is wide.

    Parameters
    ----------
    right, among_random
        Answers among the fixed mates and among random ones.
    batch
        Examples of a batch of the panel, consecutive ones.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> own, of_mates = rng.uniform(0.3, 0.7, 500), rng.uniform(-0.3, 0.3, 500)  # variances 1 : 2.25
    >>> right = rng.random((8, 3, 500)) < own + of_mates
    >>> round(mates_share(right, np.broadcast_to(own, right.shape), batch=50).share, 1)
    0.7
    """
    seeds, batches = range(len(right)), np.arange(right.shape[2]) // batch
    answers, expected = right.mean(axis=1), among_random.mean(axis=1)
    parts = Scores(expected, seeds), Scores(answers - expected, seeds)
    total, shares = _shares(*(shared_variances(part) for part in parts))
    if not total[0] > 2 * jackknife_error(total[1:]):
        return MatesShare(np.nan, Interval(np.array(np.nan), np.array(np.nan)))
    value = float(np.clip(shares[0], 0, 1))
    intervals = [jackknife_interval(np.array(value), shares[1:], within=(0.0, 1.0))]
    if batches[-1] > 0:
        _, by_batch = _shares(*(shared_variances(part, batches) for part in parts))
        intervals.append(jackknife_interval(np.array(value), by_batch[1:], within=(0.0, 1.0)))
    lows, highs = zip(*intervals, strict=True)
    return MatesShare(value, Interval(np.fmin.reduce(lows), np.fmax.reduce(highs)))


def _shares(
    of_example: Float[np.ndarray, " choice"], of_mates: Float[np.ndarray, " choice"]
) -> tuple[Float[np.ndarray, " choice"], Float[np.ndarray, " choice"]]:
    """Return what seeds share altogether, and the mates' part of it."""
    total = of_example + of_mates
    return total, np.divide(of_mates, total, out=np.full(total.shape, np.nan), where=total > 0)
