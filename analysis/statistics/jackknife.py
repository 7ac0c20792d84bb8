# SPDX-License-Identifier: Apache-2.0
"""Intervals by the jackknife: how much a number would change with other seeds, or with other seeds and examples.

Every unit (a seed, an example) is left out once; the spread of the numbers that are left estimates the variance of
the number itself (Efron and Stein 1981, Annals of Statistics 9:586), and Student's t makes an interval of it. Unlike
a percentile bootstrap, which is too narrow for few seeds, it knows that the variance comes from few units.

Left-out seeds alone tell about *these examples*: what other seeds would give on the same panel. Left-out seeds and
left-out groups of examples together tell about *examples like these*: what other seeds would give on another panel of
the same kind. Their variances are added, less what they have in common, and the degrees of freedom are Satterthwaite's
(1946, Biometrics Bulletin 2:110).
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from scipy import stats

GROUPS = 32
"""Maximum number of groups of examples that are left out: enough for the variance to be well known."""


class Interval(NamedTuple):
    """Ends of a confidence interval; both nan where there are too few units for one, or where they agree exactly."""

    low: Float[np.ndarray, "*rest"]
    high: Float[np.ndarray, "*rest"]


class Intervals(NamedTuple):
    """Intervals of one number; nan where there are too few seeds."""

    these_examples: Interval
    """What other seeds would give on the same panel."""
    examples_like_these: Interval
    """What other seeds would give on another panel of the same kind."""

    def columns(self, name: str, *place: int) -> dict[str, float]:
        """Return the ends under the names of their columns, at a place where there are several numbers.

        Examples
        --------
        >>> list(mean_intervals(np.array([0.4, 0.5]), np.linspace(0, 1, 9)).columns("mean_r"))[:2]
        ['mean_r_these_examples_low', 'mean_r_these_examples_high']
        """
        return {
            f"{name}_{kind}_{end}": float(values[place])
            for kind, interval in self._asdict().items()
            for end, values in interval._asdict().items()
        }


def groups_of(examples: int) -> Int64[np.ndarray, " example"]:
    """Assign examples to at most 32 groups that are left out together: at random, and always in the same way.

    Examples
    --------
    >>> np.bincount(groups_of(65))[:3]
    array([3, 2, 2])
    """
    return np.random.default_rng(0).permutation(np.arange(examples) % GROUPS)


def jackknife_interval(
    value: Float[np.ndarray, "*rest"],
    left_out: Float[np.ndarray, "left_out *rest"],
    *,
    level: float = 0.95,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Return the interval of a number from its values without each unit: without each seed, for these examples.

    Parameters
    ----------
    value
        The number, computed from all units.
    left_out
        The numbers without one of them.
    level
        The coverage aimed at, between 0 and 1.
    within
        The smallest and largest possible values; the interval is cut off there.

    Returns
    -------
    Interval
        Its ends; nan where a value is, or for fewer than two units.

    Examples
    --------
    >>> low, high = jackknife_interval(np.array(0.5), np.array([0.55, 0.5, 0.45]))  # the mean of 0.4, 0.5, 0.6
    >>> round(float(low), 3), round(float(high), 3)
    (0.252, 0.748)
    """
    return _interval(value, _variance(left_out), np.array(len(left_out) - 1), level, within)


def crossed_interval(
    value: Float[np.ndarray, "*rest"],
    without_seed: Float[np.ndarray, "seed *rest"],
    without_group: Float[np.ndarray, "group *rest"],
    without_both: Float[np.ndarray, "group seed *rest"],
    *,
    level: float = 0.95,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Return the interval of a number for examples like these: both seeds and examples vary.

    The variance is that of leaving out seeds plus that of leaving out groups of examples, less what both hold: the
    interaction of a seed with an example (the two-way jackknife).

    Parameters
    ----------
    value
        The number, computed from everything.
    without_seed, without_group, without_both
        The numbers without one seed, without one group of examples, and without one of each.
    level, within
        As in :func:`jackknife_interval`.

    Examples
    --------
    >>> means = np.random.default_rng(0).normal(size=(32, 1)) + np.random.default_rng(1).normal(size=8)
    >>> both = (means.sum() - means.sum(0) - means.sum(1, keepdims=True) + means) / (31 * 7)
    >>> seeds, groups = mean_left_out(means.mean(0)), mean_left_out(means.mean(1))
    >>> low, high = crossed_interval(np.array(means.mean()), seeds, groups, both)
    >>> bool(low < means.mean() < high)
    True
    """
    groups, seeds = without_both.shape[:2]
    by_seed, by_group = _variance(without_seed), _variance(without_group)
    # Pseudo-values of each pair, of which only the interaction is left.
    extra = groups * seeds * value - (groups - 1) * seeds * without_group[:, np.newaxis]
    extra = extra - groups * (seeds - 1) * without_seed + (groups - 1) * (seeds - 1) * without_both
    extra = extra - extra.mean(axis=0) - extra.mean(axis=1, keepdims=True) + extra.mean(axis=(0, 1))
    shared = (extra**2).sum(axis=(0, 1)) / max((groups - 1) * (seeds - 1) * groups * seeds, 1)
    both, dof = _satterthwaite(by_seed, seeds - 1, by_group, groups - 1)
    variance = np.maximum(both - shared, np.maximum(by_seed, by_group))
    return _interval(value, variance, dof, level, within)


def mean_intervals(
    by_seed: Float[np.ndarray, "seed *rest"],
    by_example: Float[np.ndarray, "example *rest"],
    *,
    level: float = 0.95,
) -> Intervals:
    """Return the intervals of a mean over seeds and examples, such as E[r_t], within [0, 1].

    For examples like these the variances of both are added; a seed's luck with an example counts twice, which makes
    the interval a little too wide where nothing else varies.

    Parameters
    ----------
    by_seed
        Mean of each seed over the examples.
    by_example
        Mean of each example over the seeds.
    level
        The coverage aimed at, between 0 and 1.

    Examples
    --------
    >>> these, like_these = mean_intervals(np.array([0.4, 0.5, 0.6]), np.linspace(0, 1, 101))
    >>> [round(float(end), 2) for end in (*these, *like_these)]
    [0.25, 0.75, 0.3, 0.7]
    """
    value = by_seed.mean(axis=0)
    of_seeds, of_examples = (_variance(mean_left_out(values)) for values in (by_seed, by_example))
    both, dof = _satterthwaite(of_seeds, len(by_seed) - 1, of_examples, len(by_example) - 1)
    return Intervals(
        _interval(value, of_seeds, len(by_seed) - 1, level, (0.0, 1.0)),
        _interval(value, both, dof, level, (0.0, 1.0)),
    )


def jackknife_error(left_out: Float[np.ndarray, " left_out"]) -> float:
    """Return the standard error of a number from its values without each unit; nan for fewer than two units.

    Examples
    --------
    >>> round(jackknife_error(np.array([0.55, 0.5, 0.45])), 4)  # the mean of 0.4, 0.5, 0.6
    0.0577
    """
    return float(np.sqrt(_variance(left_out)))


def mean_left_out(values: Float[np.ndarray, "unit *rest"]) -> Float[np.ndarray, "left_out *rest"]:
    """Return the means over all units but one.

    Examples
    --------
    >>> mean_left_out(np.array([1.0, 2.0, 6.0]))
    array([4. , 3.5, 1.5])
    """
    units = len(values)
    if units < 2:
        return np.full(values.shape, np.nan)
    return (values.sum(axis=0) - values) / (units - 1)


def _variance(left_out: Float[np.ndarray, "left_out *rest"]) -> Float[np.ndarray, "*rest"]:
    units = len(left_out)
    if units < 2:
        return np.full(left_out.shape[1:], np.nan)
    return np.asarray((units - 1) / units * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))


def _interval(value: Any, variance: Any, dof: Any, level: float, within: tuple[float, float]) -> Interval:
    """Return Student's interval; nan where nothing varied, for that says nothing about other seeds."""
    spread = np.where(variance > 0, variance, np.nan)
    half = stats.t.isf((1 - level) / 2, np.maximum(dof, 1)) * np.sqrt(spread)
    low, high = (np.asarray(np.clip(end, *within)) for end in (value - half, value + half))
    return Interval(low, high)


def _satterthwaite(
    one: np.ndarray, one_dof: int, other: np.ndarray, other_dof: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of two variances and its degrees of freedom."""
    parts = np.asarray(one**2 / max(one_dof, 1) + other**2 / max(other_dof, 1))
    fewest = np.full(parts.shape, float(min(one_dof, other_dof)))
    both = np.asarray(one + other)
    return both, np.divide(both**2, parts, out=fewest, where=parts > 0)
