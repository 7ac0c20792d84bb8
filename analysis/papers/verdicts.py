# SPDX-License-Identifier: Apache-2.0
"""Whether a number of ours agrees with a printed one, as far as the known spread allows to say.

Each function states its rule; "inside" never says more than the rule does. The gap that the rule allows stands beside
it: the less a study knows, the wider the gap is, and the less "inside" means.
"""

import math
from enum import StrEnum
from typing import NamedTuple

BOUND = 2.0
"""Standard deviations (or errors) within which two numbers agree."""


class Verdict(StrEnum):
    """Relation of a number of ours to the printed one."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNJUDGED = "no spread"
    """Both numbers are known, but the spread of neither."""
    MISSING = "no value"


class Judged(NamedTuple):
    """A verdict and what it allowed."""

    verdict: Verdict
    allowed: float | None
    """The largest difference that is inside; None where none can be named."""


def half_digit(printed: str) -> float:
    """Return half a unit of the last printed digit.

    Examples
    --------
    >>> half_digit("0.279"), half_digit("1.3e17")
    (0.0005, 5000000000000000.0)
    """
    mantissa, _, exponent = printed.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def to_printed_digits(ours: float | None, printed: str) -> Judged:
    """Judge a number without any spread: inside when it has the printed digits once rounded.

    Examples
    --------
    >>> to_printed_digits(0.2793, "0.279").verdict.value, to_printed_digits(0.2796, "0.279").verdict.value
    ('inside', 'outside')
    """
    return _judge(ours, printed, 0.0)


def within_printed_spread(ours: float | None, printed: str, sd: str) -> Judged:
    """Judge by the printed standard deviation: inside within two of them and half of the last digit.

    Examples
    --------
    >>> [within_printed_spread(ours, "0.042", "0.001").verdict.value for ours in (0.044, 0.045)]
    ['inside', 'outside']
    """
    return _judge(ours, printed, BOUND * float(sd))


def within_spread_of_seeds(ours: float | None, sd: float | None, printed: str) -> Judged:
    """Judge one printed network by the standard deviation between ours: inside within two of them.

    Without a spread of ours (one seed) there is nothing to judge by, unless all digits agree.

    Examples
    --------
    >>> [within_spread_of_seeds(0.83, sd, "0.8186").verdict.value for sd in (0.01, 0.001, None)]
    ['inside', 'outside', 'no spread']
    """
    if ours is not None and sd is None:
        return _unless_equal(ours, printed)
    return _judge(ours, printed, BOUND * (sd or 0.0))


def within_error(ours: float | None, error: float | None, printed: str) -> Judged:
    """Judge two means of the same kind, each with this standard error: inside within 2 sqrt(2) of it.

    Examples
    --------
    >>> [within_error(0.55, error, ".532").verdict.value for error in (0.01, 0.001, None)]
    ['inside', 'outside', 'no spread']
    """
    if ours is not None and error is None:
        return _unless_equal(ours, printed)
    return _judge(ours, printed, BOUND * math.sqrt(2) * (error or 0.0))


def same_epoch(ours: int | None, printed: int) -> Judged:
    """Judge an epoch: inside when it is equal.

    Examples
    --------
    >>> [same_epoch(ours, 5).verdict.value for ours in (5, 6, None)]
    ['inside', 'outside', 'no value']
    """
    if ours is None:
        return Judged(Verdict.MISSING, None)
    return Judged(Verdict.INSIDE if ours == printed else Verdict.OUTSIDE, 0.0)


def without_spread(ours: float | None, printed: str) -> Judged:
    """Judge a number that depends on sample sizes in unknown ways: not at all, unless its digits agree.

    Examples
    --------
    >>> [without_spread(ours, ".95").verdict.value for ours in (0.951, 0.8, None)]
    ['inside', 'no spread', 'no value']
    """
    return Judged(Verdict.MISSING, None) if ours is None else _unless_equal(ours, printed)


def _unless_equal(ours: float, printed: str) -> Judged:
    judged = _judge(ours, printed, 0.0)
    return judged if judged.verdict is Verdict.INSIDE else Judged(Verdict.UNJUDGED, None)


def _judge(ours: float | None, printed: str, spread: float) -> Judged:
    allowed = spread + half_digit(printed)
    if ours is None:
        return Judged(Verdict.MISSING, None)
    rounding = 1e-9 * half_digit(printed)  # a number exactly between two digits agrees with both
    inside = abs(ours - float(printed)) <= allowed + rounding
    return Judged(Verdict.INSIDE if inside else Verdict.OUTSIDE, allowed)
