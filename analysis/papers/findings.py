# SPDX-License-Identifier: Apache-2.0
"""Conclusions about a paper's findings: confirmed, refuted, undecided or not testable by a study.

A finding is refuted when its rule fails wherever it can be applied, undecided when it holds in some places
only or a test is not significant (which proves nothing), and not testable where results are missing.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

LEVEL = 0.05
"""Level of significance."""
CLEAR = 1.25
"""Two numbers that are compared by their ratio differ when all of its interval is above this."""


class Conclusion(StrEnum):
    """Conclusion of a study about a finding."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    NOT_TESTABLE = "not testable"


class Finding(NamedTuple):
    """One finding, with the rule and the number that decide it."""

    claim: str
    conclusion: Conclusion
    number: str
    """What was found, or why the finding could not be tested."""
    rule: str


def more(difference: float, error: float) -> bool | None:
    """Say whether a difference is above 0 or below it; None within two errors of 0, or without an error (infinite).

    Examples
    --------
    >>> more(0.3, 0.1), more(-0.3, 0.1), more(0.1, 0.1)
    (True, False, None)
    """
    return None if abs(difference) < 2 * error else difference > 0


def by_interval(low: float, high: float) -> Conclusion:
    """Judge a positive ratio that a finding says is above 1, from its interval.

    Examples
    --------
    >>> [by_interval(*ends).value for ends in ((1.4, 2.0), (1.2, 3.4), (0.3, 0.6))]
    ['confirmed', 'undecided', 'refuted']
    """
    if low > CLEAR:
        return Conclusion.CONFIRMED
    return Conclusion.REFUTED if high < 1 / CLEAR else Conclusion.UNDECIDED


def by_counting(holds: Sequence[bool | None], *, none: Conclusion = Conclusion.REFUTED) -> Conclusion:
    """Judge by where a rule held: everywhere, nowhere (then `none`), or in some places.

    Examples
    --------
    >>> [by_counting(holds).value for holds in ([True, True], [False, False], [True, None])]
    ['confirmed', 'refuted', 'undecided']
    """
    if all(holds):
        return Conclusion.CONFIRMED
    return none if all(one is False for one in holds) else Conclusion.UNDECIDED
