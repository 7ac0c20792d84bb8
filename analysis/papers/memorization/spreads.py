# SPDX-License-Identifier: Apache-2.0
"""The thesis's findings on the spread between examples, tested on the result `binomial`."""

import math
from collections.abc import Sequence

from analysis.framework.results import Row
from analysis.framework.targets import of_quantity
from analysis.papers import Results
from analysis.papers.findings import Conclusion, Finding, by_counting, more
from analysis.papers.memorization.printed import METHODS, TARGETS
from dynamics.names import counted, label

LEVEL = 0.05
"""Level of significance."""
WITHOUT = "less the noise of N seeds"


def easy_and_hard(results: Results) -> Finding:
    """Every setting has easy and hard examples.

    Examples
    --------
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> found = easy_and_hard({"binomial": binomial.analyse(example_study())})
    >>> found.conclusion.value, found.number.partition(";")[0]
    ('undecided', '4 of 5 tests in 2 settings')
    """
    claim = "Every setting has easy and hard examples."
    rule = (
        f"Tarone's test of r̃ (trials of different seeds are independent) has p < {LEVEL} in every setting and at "
        "every tested epoch; 1 is the dispersion of equally hard examples."
    )
    rows = _noise(results, "r_tilde")
    tested = [row for row in rows if row["tarone_p"] is not None]
    if not tested:
        return Finding(claim, Conclusion.NOT_TESTABLE, _why_not(results, rows, "Tarone's test"), rule)
    unequal = [row["tarone_p"] < LEVEL for row in tested]
    smallest = min(tested, key=lambda row: row["dispersion"])
    worst = max(row["tarone_p"] for row in tested)
    methods = len({row["method"] for row in tested})
    number = (
        f"{sum(unequal)} of {counted(len(tested), 'test')} in {counted(methods, 'setting')}; largest p {worst:.2g}, "
        f"smallest dispersion {smallest['dispersion']:.2f} ({label(smallest['method'])}, t = {smallest['epoch']})"
    )
    return Finding(claim, by_counting(unequal, none=Conclusion.UNDECIDED), number, rule)


def widest(results: Results) -> Finding:
    """Supervised training has the widest spread.

    Examples
    --------
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> found = widest({"binomial": binomial.analyse(example_study())})
    >>> found.conclusion.value, found.number.partition(";")[0]
    ('undecided', 'mean 0.25: 0.169 against at most 0.195 (SimCLR)')
    """
    claim = "Supervised training has the widest spread of r."
    rule = (
        f"At the first epochs with a mean r of 1/4, 1/2 and 3/4, the standard deviation of r over examples, {WITHOUT}, "
        "is larger than that of every other setting; a difference below two standard errors counts for neither side."
    )
    rows = _noise(results, "r")
    parts: list[str] = []
    holds: list[bool | None] = []
    for means, own in _by_means(rows).items():
        spreads = {row["method"]: spread_without_noise(row) for row in own}
        found = {method: spread for method, spread in spreads.items() if spread is not None}
        if "supervised" in found and len(found) > 1:
            (supervised, error), other = found.pop("supervised"), max(found, key=lambda method: found[method])
            largest, other_error = found[other]
            holds.append(more(supervised - largest, math.hypot(error, other_error)))
            parts.append(f"mean {means}: {supervised:.3f} against at most {largest:.3f} ({label(other)})")
    if not holds:
        needed = "a comparison of supervised with another setting at one of the means"
        return Finding(claim, Conclusion.NOT_TESTABLE, _why_not(results, rows, needed), rule)
    return Finding(claim, by_counting(holds), "; ".join(parts), rule)


def single_like_supervised(results: Results) -> Finding:
    """With one fixed augmentation, SimCLR looks like supervised training.

    Examples
    --------
    >>> from analysis.framework.results import Result
    >>> common = {"quantity": "r_tilde", "augmentations": 20, "targets": [0.5], "seeds": 30}
    >>> common |= {"icc": 1.0, "examples": 1024}
    >>> sds = {"simclr": 0.42, "supervised": 0.39, "random-labels": 0.15}
    >>> rows = [common | {"method": name, "sd": sd} for name, sd in sds.items()]
    >>> found = single_like_supervised({"binomial": Result(name="binomial", rows=rows, inputs={})})
    >>> found.conclusion.value, found.number
    ('confirmed', 'mean 0.5: SimCLR 0.420, supervised 0.390, random labels 0.150')
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
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> averaged_like_random({"binomial": binomial.analyse(example_study())}).number
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
    name = {"r": "r", "r_tilde": "r̃"}[quantity]
    rule = (
        f"At the first epochs with a mean of 1/4, 1/2 and 3/4, the standard deviation of {name} over examples, "
        f"{WITHOUT}, is nearer to that of {label(near)} than to that of {label(far)}; "
        "a difference below two standard errors counts for neither."
    )
    rows = _noise(results, quantity)
    parts: list[str] = []
    holds: list[bool | None] = []
    compared = ("simclr", near, far)
    for means, own in _by_means([row for row in rows if row["method"] in compared]).items():
        found = {row["method"]: spread for row in own if (spread := spread_without_noise(row)) is not None}
        if len(found) == 3:
            spreads = [found[method] for method in compared]
            sds = [sd for sd, _ in spreads]
            closer = abs(sds[0] - sds[2]) - abs(sds[0] - sds[1])
            holds.append(more(closer, math.hypot(*(error for _, error in spreads))))
            named = zip(compared, sds, strict=True)
            parts.append(f"mean {means}: " + ", ".join(f"{label(method)} {sd:.3f}" for method, sd in named))
    if not holds:
        needed = f"a comparison of SimCLR, {label(near)} and {label(far)} at one of the means"
        return Finding(claim, Conclusion.NOT_TESTABLE, _why_not(results, rows, needed), rule)
    return Finding(claim, by_counting(holds), "; ".join(parts), rule)


def _noise(results: Results, quantity: str) -> list[Row]:
    """Return the rows of the thesis's settings at its means, each test once."""
    rows = results["binomial"].rows if "binomial" in results else []
    return [
        row
        for row in of_quantity(rows, quantity)
        if row["method"] in METHODS and not set(TARGETS).isdisjoint(row["targets"])
    ]


def _by_means(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows to compare at each mean; means that every method first reaches at one epoch are one."""
    compared: dict[tuple[int, ...], list[float]] = {}
    for target in TARGETS:
        places = tuple(place for place, row in enumerate(rows) if target in row["targets"])
        compared.setdefault(places, []).append(target)
    return {
        ", ".join(f"{mean:g}" for mean in means): [rows[place] for place in places]
        for places, means in compared.items()
    }


def _why_not(results: Results, rows: Sequence[Row], needed: str) -> str:
    """Say why something that is computed from these rows is not there."""
    if "binomial" not in results:
        return "no result binomial"
    if not rows:
        return f"no epoch reaches a mean of {min(TARGETS):g}"
    if any(row["seeds"] == 1 for row in rows):
        return f"{needed} needs at least two seeds"
    return f"no epochs that allow {needed}"


def spread_without_noise(row: Row) -> tuple[float, float] | None:
    """Return the standard deviation over examples without the noise of N seeds, and its standard error.

    A mean of N outcomes with intraclass correlation rho has the reliability N rho / (1 + (N - 1) rho) (Spearman
    and Brown), the fraction of its variance that is not noise. None where rho is not defined.

    Examples
    --------
    >>> spread_without_noise({"sd": 0.2, "seeds": 4, "icc": 1.0, "examples": 200})
    (0.2, 0.01)
    """
    seeds, rho = row["seeds"], row["icc"]
    if rho is None or not math.isfinite(rho):
        return None
    reliability = max(0.0, seeds * rho / (1 + (seeds - 1) * rho))
    # The error is that of the observed deviation: what the correction adds to it is left out.
    return row["sd"] * math.sqrt(reliability), row["sd"] / math.sqrt(2 * row["examples"])
