# SPDX-License-Identifier: Apache-2.0
"""How well is the spread of r over examples known? Its interval, for other seeds and other examples."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.statistics.jackknife import Interval, crossed_interval, groups_of


class Spread(NamedTuple):
    """The standard deviation of r over examples, as it is: with the noise of N seeds."""

    sd: float
    """0 to 1/2."""
    examples_like_these: Interval
    """What as many other seeds would give on other examples of the same kind; nan for fewer than three seeds."""


def spread(answers: Float[np.ndarray, "seed example"]) -> Spread:
    """Return the standard deviation (divisor K) over examples of the mean answer, and its interval.

    Parameters
    ----------
    answers
        Each seed's answers, 0 to 1, averaged over augmentations.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = spread((rng.random((8, 500)) < rng.beta(2, 2, size=500)).astype(float))
    >>> round(found.sd, 2), [round(float(end), 2) for end in found.examples_like_these]
    (0.27, [0.26, 0.28])
    """
    groups = groups_of(answers.shape[1])
    member = np.eye(groups.max() + 1)[groups]
    total, seeds = answers.sum(axis=0), len(answers)
    sd, without_group = _sds(total / seeds, member)
    if seeds < 3:
        return Spread(sd, Interval(np.array(np.nan), np.array(np.nan)))
    fewer = [_sds((total - own) / (seeds - 1), member) for own in answers]
    interval = crossed_interval(
        np.array(sd),
        np.array([one[0] for one in fewer]),
        without_group,
        np.array([one[1] for one in fewer]).T,
        within=(0.0, 0.5),
    )
    return Spread(sd, interval)


def _sds(
    r: Float[np.ndarray, " example"], member: Float[np.ndarray, "example group"]
) -> tuple[float, Float[np.ndarray, " group"]]:
    """Return the standard deviation of all, and without each group of examples."""
    deviation = r - r.mean()
    sizes, sums, squares = member.sum(axis=0), deviation @ member, deviation**2 @ member
    left = np.maximum(len(r) - sizes, 1)
    variance = (squares.sum() - squares) / left - ((sums.sum() - sums) / left) ** 2
    return float(r.std()), np.sqrt(np.maximum(variance, 0.0))
