# SPDX-License-Identifier: Apache-2.0
"""Percentile bootstrap over seeds: how much a number would change with other seeds (Efron 1979).

A resample of N seeds with replacement is held as weights: how often each seed was drawn. A statistic that is
a mean over seeds is then one matrix product for all resamples and epochs.

A statistic that is not linear in the seeds needs care: a resample holds some seeds twice, and two copies of
a seed agree perfectly. Computed naively, the variance between examples or the intraclass correlation of a
resample is too large by about 1/N of the noise; `analysis.statistics.intraclass` counts only pairs of
different seeds for this reason.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64


class Interval(NamedTuple):
    """Ends of a confidence interval; both nan where there are too few seeds for one."""

    low: Float[np.ndarray, "*rest"]
    high: Float[np.ndarray, "*rest"]


def resample_weights(
    seeds: int, *, rng: np.random.Generator, resamples: int = 2000
) -> Int64[np.ndarray, "resample seed"]:
    """Draw resamples of the seeds: how often each seed is in each; rows sum to `seeds`.

    Parameters
    ----------
    seeds
        N.
    rng
        Source of the resamples.
    resamples
        How many.

    Examples
    --------
    >>> resample_weights(3, rng=np.random.default_rng(0), resamples=2).sum(axis=1)
    array([3, 3])
    """
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples).astype(np.int64)


def percentile_interval(values: Float[np.ndarray, "resample *rest"], *, level: float = 0.95) -> Interval:
    """Return the central interval that holds `level` of the resampled values.

    Parameters
    ----------
    values
        The statistic in each resample. Undefined ones (nan) are left out; where none is defined, the interval
        is nan.
    level
        Between 0 and 1.

    Examples
    --------
    >>> low, high = percentile_interval(np.arange(101.0))
    >>> round(float(low), 1), round(float(high), 1)
    (2.5, 97.5)
    """
    tail = (1 - level) / 2
    undefined = np.isnan(values).all(axis=0)
    low, high = np.nanquantile(np.where(undefined, 0.0, values), [tail, 1 - tail], axis=0)
    return Interval(np.where(undefined, np.nan, low), np.where(undefined, np.nan, high))


def seed_interval(
    per_seed: Float[np.ndarray, "seed *rest"],
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Return the bootstrap interval of a mean over seeds, such as E[r_t] from every seed's accuracy.

    The same resamples serve all epochs. With N seeds the interval is too narrow by about sqrt(1 - 1/N), as
    percentile intervals of a mean are.

    Parameters
    ----------
    per_seed
        One value per seed, for each epoch or whatever else the other axes are.
    rng
        Source of the resamples.
    resamples, level
        How many resamples; the coverage aimed at, between 0 and 1.

    Returns
    -------
    Interval
        Its ends, with the other axes' shape; nan for a single seed.

    Raises
    ------
    ValueError
        When there are no seeds.

    Examples
    --------
    >>> low, high = seed_interval(np.array([[0.2, 0.6], [0.4, 0.6]]), rng=np.random.default_rng(0))
    >>> low, high  # of two epochs
    (array([0.2, 0.6]), array([0.4, 0.6]))
    """
    seeds, rest = per_seed.shape[0], per_seed.shape[1:]
    if seeds == 0:
        raise ValueError("no seeds to resample")
    if seeds == 1:
        return Interval(np.full(rest, np.nan), np.full(rest, np.nan))
    weights = resample_weights(seeds, rng=rng, resamples=resamples)
    means = weights @ per_seed.reshape(seeds, -1) / seeds
    return percentile_interval(means.reshape(resamples, *rest), level=level)
