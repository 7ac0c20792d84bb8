# SPDX-License-Identifier: Apache-2.0
"""What can a study say about a finding: confirmed, refuted, undecided or not testable.

A finding is refuted when its rule fails wherever it can be applied, undecided when it holds in some places
only or a test is not significant (which proves nothing), and not testable where results are missing.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from analysis.framework.results import Result

Results = Mapping[str, Result]

CLEAR = 1.25
"""Two divergences differ when their ratio is above this."""


class Outcome(StrEnum):
    """What a study says about a finding."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    NOT_TESTABLE = "not testable"


class Finding(NamedTuple):
    """One finding, with what decides it."""

    claim: str
    outcome: Outcome
    number: str
    """What was found, or why nothing could be."""
    rule: str


def more(difference: float, error: float) -> bool | None:
    """Say whether a difference is above 0 or below it; None within two errors of 0."""
    return None if abs(difference) < 2 * error else difference > 0


def by_ratio(ratio: float) -> Outcome:
    """Judge a ratio that a finding says is above 1."""
    clear = abs(math.log(ratio)) > math.log(CLEAR)
    return Outcome.UNDECIDED if not clear else Outcome.CONFIRMED if ratio > 1 else Outcome.REFUTED


def by_counting(holds: Sequence[bool | None], *, none: Outcome = Outcome.REFUTED) -> Outcome:
    """Judge by where a rule held: everywhere, nowhere (then `none`), or in some places."""
    if all(holds):
        return Outcome.CONFIRMED
    return none if all(one is False for one in holds) else Outcome.UNDECIDED
