# SPDX-License-Identifier: Apache-2.0
"""The thesis's findings on the spread between examples, tested on the result `augmentations`."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from analysis.framework.results import Row
from analysis.framework.targets import at_mean
from analysis.papers import Results
from analysis.papers.findings import LEVEL, Conclusion, Finding, by_counting, more
from analysis.papers.memorization.printed import METHODS, TARGETS
from dynamics.names import counted, label

WITHOUT = "without the noise of N seeds"
ENDS = ("_examples_like_these_low", "_examples_like_these_high")
EQUAL = "Where the means of r are 1/4, 1/2 and 3/4 (interpolated between epochs)"


class Sd(NamedTuple):
    """A standard deviation over examples and its standard error, infinite where there are too few seeds for one."""

    value: float
    error: float


class EqualMeanSpread(NamedTuple):
    """How far a setting's examples spread where its mean of r is a given one."""

    here: Sd
    any_augmentations: Sd
    """Of r without bound of the number of augmentations."""


def easy_and_hard(results: Results) -> Finding:
    """Every setting has easy and hard examples.

    Examples
    --------
    >>> from analysis import augmentations
    >>> from analysis.framework.example import example_study
    >>> found = easy_and_hard({"augmentations": augmentations.analyse(example_study())})
    >>> found.conclusion.value, found.number.partition(";")[0]
    ('undecided', '1 of 4 tests in 2 settings')
    """
    claim = "Every setting has easy and hard examples."
    rule = (
        "Examples of a class differ beyond their augmentations and the luck of seeds (F', p corrected for the number "
        f"of epochs and settings, q < {LEVEL}) in every setting, at the first epochs with a mean r of at least 1/4, "
        "1/2 and 3/4. With one augmentation an example and its augmentation cannot be told apart."
    )
    rows = [row for row in _rows(results) if not set(TARGETS).isdisjoint(row["targets"])]
    tested = [row for row in rows if row["example_q"] is not None]
    if not tested:
        return Finding(claim, Conclusion.NOT_TESTABLE, _why_not(results, rows, "a test of examples"), rule)
    unequal = [row["example_q"] < LEVEL for row in tested]
    worst = max(tested, key=lambda row: row["example_q"])
    methods, there = len({row["method"] for row in tested}), len({row["method"] for row in _rows(results)})
    some = counted(methods, "setting") if methods == there else f"{methods} of {counted(there, 'setting')}"
    unequal += [False] * (methods < there)  # a setting without a test is not shown to have them
    number = (
        f"{sum(unequal)} of {counted(len(tested), 'test')} in {some}; largest q "
        f"{worst['example_q']:.2g} ({label(worst['method'])}, t = {worst['epoch']}, F' {worst['example_f']:.2f})"
    )
    chosen = [row["selection_p"] for row in tested if row["selection_p"] is not None]
    number += f"; where other seeds chose the epoch, largest p {max(chosen):.2g}" if chosen else ""
    single = sorted({label(row["method"]) for row in tested if row["tested"] != "example"})
    number += f"; augmented examples in {' and '.join(single)}" if single else ""
    return Finding(claim, by_counting(unequal, none=Conclusion.UNDECIDED), number, rule)


def widest(results: Results) -> Finding:
    """Supervised training has the widest spread.

    Examples
    --------
    >>> from analysis import augmentations
    >>> from analysis.framework.example import example_study
    >>> found = widest({"augmentations": augmentations.analyse(example_study())})
    >>> found.conclusion.value, found.number.partition(";")[0]
    ('undecided', 'mean 0.25: 0.224 against at most 0.179 (SimCLR)')
    """
    claim = "Supervised training has the widest spread of r."
    rule = (
        f"{EQUAL}, the standard deviation of r over examples, {WITHOUT}, "
        "is larger than that of every other setting; a difference below two standard errors counts for neither side."
    )
    parts: list[str] = []
    holds: list[bool | None] = []
    for mean in TARGETS:
        found = _spreads(results, mean, "r", METHODS)
        if "supervised" in found and len(found) > 1:
            own, other = found.pop("supervised").here, max(found, key=lambda method: found[method].here.value)
            each = [
                more(own.value - one.here.value, math.hypot(own.error, one.here.error))
                for one in found.values()
            ]
            holds.append(False if False in each else True if all(each) else None)
            largest = found[other].here.value
            parts.append(f"mean {mean:g}: {own.value:.3f} against at most {largest:.3f} ({label(other)})")
    if not holds:
        needed = "a comparison of supervised with another setting at one of the means"
        return Finding(claim, Conclusion.NOT_TESTABLE, _why_not(results, _rows(results), needed), rule)
    return Finding(claim, by_counting(holds), "; ".join(parts), rule)


def single_like_supervised(results: Results) -> Finding:
    """With one fixed augmentation, SimCLR looks like supervised training.

    Examples
    --------
    >>> single_like_supervised({}).number
    'no result augmentations'
    """
    return _nearer(
        results,
        claim="SimCLR with one fixed augmentation looks like supervised training.",
        quantity="r_tilde",
        near="supervised",
        far="random-labels",
    )


def averaged_like_random(results: Results) -> Finding:
    """Averaged over augmentations, SimCLR looks like random labels.

    Examples
    --------
    >>> from analysis import augmentations
    >>> from analysis.framework.example import example_study
    >>> averaged_like_random({"augmentations": augmentations.analyse(example_study())}).number
    'no epochs that allow a comparison of SimCLR, random labels and supervised at one of the means'
    """
    return _nearer(
        results,
        claim="SimCLR averaged over augmentations looks like random labels.",
        quantity="r",
        near="random-labels",
        far="supervised",
    )


def _nearer(results: Results, *, claim: str, quantity: str, near: str, far: str) -> Finding:
    averaged = quantity == "r"
    rule = (
        f"{EQUAL}, the standard deviation of {'r' if averaged else 'r̃'} over examples, {WITHOUT}, is nearer to that of "
        f"{label(near)} than to that of {label(far)}; a difference below two standard errors counts for neither."
    )
    if averaged:
        rule += (
            " It must be so for this number of augmentations M and without bound of M, on which it depends."
        )
    parts: list[str] = []
    holds: list[bool | None] = []
    compared = ("simclr", near, far)
    for mean in TARGETS:
        found = _spreads(results, mean, quantity, compared)
        if len(found) == len(compared):
            spreads = [found[method] for method in compared]
            here = _closer([one.here for one in spreads])
            anywhere = _closer([one.any_augmentations for one in spreads]) if averaged else here
            holds.append(here if here == anywhere else None)
            parts.append(
                f"mean {mean:g}: " + ", ".join(_named(method, found[method], averaged) for method in compared)
            )
    if not holds:
        needed = f"a comparison of SimCLR, {label(near)} and {label(far)} at one of the means"
        return Finding(claim, Conclusion.NOT_TESTABLE, _why_not(results, _rows(results), needed), rule)
    return Finding(claim, by_counting(holds), "; ".join(parts), rule)


def _closer(sds: Sequence[Sd]) -> bool | None:
    """Say whether the first is closer to the second than to the third.

    Between the two its own error counts twice, beyond them not at all; the larger of these is taken.
    """
    own, near, far = sds
    difference = abs(own.value - far.value) - abs(own.value - near.value)
    return more(difference, math.hypot(2 * own.error, near.error, far.error))


def _named(method: str, found: EqualMeanSpread, averaged: bool) -> str:
    bound = f" (any M: {found.any_augmentations.value:.3f})" if averaged else ""
    return f"{label(method)} {found.here.value:.3f}{bound}"


def _rows(results: Results) -> list[Row]:
    rows = results["augmentations"].rows if "augmentations" in results else []
    return [row for row in rows if row["method"] in METHODS]


def _spreads(
    results: Results, mean: float, quantity: str, methods: Sequence[str]
) -> dict[str, EqualMeanSpread]:
    """Return the spread of every method whose mean of r passes `mean`, and whose variance is known."""
    names = [f"var_{name}{end}" for name in (quantity, "example") for end in ("", *ENDS)]
    found = {}
    for method in methods:
        own = [row for row in _rows(results) if row["method"] == method]
        row = at_mean(own, mean, names)
        if row is not None and row[names[0]] is not None:
            here, other = (_sd(*(row[name] for name in three)) for three in (names[:3], names[3:]))
            found[method] = EqualMeanSpread(here, other)
    return found


def _sd(variance: float, low: float | None, high: float | None) -> Sd:
    """Return the standard deviation of a variance; its error follows from that of the variance (delta method)."""
    sd = math.sqrt(max(variance, 0.0))
    if low is None or high is None:
        return Sd(sd, math.inf)
    of_variance = (high - low) / 4
    return Sd(sd, of_variance / (2 * max(sd, math.sqrt(of_variance))) if of_variance else 0.0)


def _why_not(results: Results, rows: Sequence[Row], needed: str) -> str:
    """Say why something that is computed from these rows is not there."""
    if "augmentations" not in results:
        return "no result augmentations"
    if any(row["seeds"] == 1 for row in rows):
        return f"{needed} needs at least two seeds"
    if not rows or max(row["mean_r"] for row in rows) < min(TARGETS):
        return f"no epoch reaches a mean of {min(TARGETS):g}"
    return f"no epochs that allow {needed}"
