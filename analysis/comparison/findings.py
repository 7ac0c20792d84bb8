# SPDX-License-Identifier: Apache-2.0
"""Which of the memorization thesis's findings hold in a study: each by a rule and a number from its results.

A finding is refuted when its rule fails wherever it can be applied, undecided when it holds in some places
only or a test is not significant (which proves nothing), and not testable where results are missing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from analysis.comparison import thesis
from analysis.storage.results import Result, Row

Results = Mapping[str, Result]

LEVEL = 0.05
"""Below this a p-value counts."""
GRADED = 2.0
"""A ratio above this counts as "far below" or "strongly"."""
CLEAR = 1.25
"""Two divergences differ when their ratio is above this."""

ELSEWHERE = "these are classes of CIFAR-10; this study does not have them"


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


def all_findings(results: Results) -> list[Finding]:
    """Test every finding of the thesis that is listed here, in its order."""
    return [test(results) for test in TESTS]


def easy_and_hard(results: Results) -> Finding:
    """Every setting has easy and hard examples."""
    claim = "Every setting has easy and hard examples."
    rule = (
        f"Tarone's test of r̃ (trials of different seeds are independent) has p < {LEVEL} in every setting and at "
        "every tested epoch; 1 is the dispersion of equally hard examples."
    )
    rows = _noise(results, "r_tilde")
    tested = [row for row in rows.values() if row["tarone_p"] is not None]
    if not tested:
        return Finding(
            claim, Outcome.NOT_TESTABLE, "no epoch reaches a mean of 0.25, or no result binomial", rule
        )
    unequal = [row["tarone_p"] < LEVEL for row in tested]
    least = min(tested, key=lambda row: row["dispersion"])
    worst = max(row["tarone_p"] for row in tested)
    methods = len({row["method"] for row in tested})
    number = (
        f"{sum(unequal)} of {len(tested)} tests in {methods} settings; largest p {worst:.2g}, "
        f"least dispersion {least['dispersion']:.2f} ({least['method']}, t = {least['epoch']})"
    )
    return Finding(claim, _by_counting(unequal, none=Outcome.UNDECIDED), number, rule)


def widest(results: Results) -> Finding:
    """Supervised training has the widest spread."""
    claim = "Supervised training has the widest spread of r."
    rule = (
        "At the first epochs with a mean r of 1/4, 1/2 and 3/4, the standard deviation of r over examples is "
        "larger than that of every other setting; a difference below two standard errors counts for neither side."
    )
    rows = _noise(results, "r")
    parts: list[str] = []
    holds: list[bool | None] = []
    for target in thesis.TARGETS:
        found = {method: row for (method, at), row in rows.items() if at == target}
        if "supervised" in found and len(found) > 1:
            own = found.pop("supervised")
            other = max(found.values(), key=lambda row: row["sd"])
            holds.append(_more(own["sd"] - other["sd"], math.hypot(_error(own), _error(other))))
            parts.append(f"{target:g}: {own['sd']:.3f} against at most {other['sd']:.3f} ({other['method']})")
    if not holds:
        return Finding(
            claim, Outcome.NOT_TESTABLE, "needs supervised and another setting at one of the means", rule
        )
    return Finding(claim, _by_counting(holds), "; ".join(parts), rule)


def single_like_supervised(results: Results) -> Finding:
    """With one fixed augmentation, SimCLR looks like supervised training."""
    return _nearer(
        results,
        claim="SimCLR with one fixed augmentation looks like supervised training.",
        quantity="r_tilde",
        near="supervised",
        far="random-labels",
    )


def averaged_like_random(results: Results) -> Finding:
    """Averaged over augmentations, SimCLR looks like random labels."""
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
        f"At the first epochs with a mean of 1/4, 1/2 and 3/4, the standard deviation of {name} over examples is "
        f"nearer to that of {near} than to that of {far}; a difference below two standard errors counts for neither."
    )
    rows = _noise(results, quantity)
    parts: list[str] = []
    holds: list[bool | None] = []
    for target in thesis.TARGETS:
        own = [rows[method, target] for method in ("simclr", near, far) if (method, target) in rows]
        if len(own) == 3:
            sds = [row["sd"] for row in own]
            closer = abs(sds[0] - sds[2]) - abs(sds[0] - sds[1])
            holds.append(_more(closer, math.hypot(*(_error(row) for row in own))))
            parts.append(f"{target:g}: simclr {sds[0]:.3f}, {near} {sds[1]:.3f}, {far} {sds[2]:.3f}")
    if not holds:
        return Finding(
            claim, Outcome.NOT_TESTABLE, f"needs simclr, {near} and {far} at one of the means", rule
        )
    return Finding(claim, _by_counting(holds), "; ".join(parts), rule)


def classes_differ(results: Results) -> Finding:
    """Classes differ strongly in supervised training and hardly in SimCLR."""
    claim = "Classes differ strongly in supervised training and hardly in SimCLR."
    rule = (
        "At the first epoch with a mean r of 1/2, F of supervised is above its 5 % point, and the share of the "
        f"variance between examples that classes explain (ε²) is more than {GRADED:g} times SimCLR's."
    )
    found = {method: _half_way(results, method) for method in ("supervised", "simclr")}
    supervised, simclr = found["supervised"], found["simclr"]
    if supervised is None or simclr is None:
        lacking = " and ".join(method for method, row in found.items() if row is None)
        return Finding(claim, Outcome.NOT_TESTABLE, f"{lacking}: no class means at a mean r of 1/2", rule)
    shares = [max(0.0, row["epsilon_squared"]) for row in (supervised, simclr)]
    holds = supervised["f"] > supervised["f_5_percent"] and shares[0] > GRADED * shares[1]
    number = "; ".join(
        f"{row['method']} (t = {row['epoch']}): ε² {row['epsilon_squared']:.3f}, F {row['f']:.2f} "
        f"(5 % point {row['f_5_percent']:.2f})"
        for row in (supervised, simclr)
    )
    return Finding(claim, Outcome.CONFIRMED if holds else Outcome.REFUTED, number, rule)


def which_classes(results: Results) -> Finding:
    """In supervised training automobile, truck and ship are easy, cat, bird and dog hard."""
    claim = "In supervised training automobile, truck and ship are easy; cat, bird and dog are hard."
    rule = "After the last epoch these are the three classes of highest and lowest mean r."
    rows = _by_true_class(results, "supervised")
    order = rows[-1]["hard_to_easy"] if rows else None
    if order is None or not {*thesis.EASY, *thesis.HARD} <= set(order):
        return Finding(
            claim,
            Outcome.NOT_TESTABLE,
            ELSEWHERE if order else "no class means of supervised",
            rule,
        )
    agree = [set(order[-3:]) == set(thesis.EASY), set(order[:3]) == set(thesis.HARD)]
    return Finding(
        claim, _by_counting(agree), f"t = {rows[-1]['epoch']}, hard to easy: {', '.join(order)}", rule
    )


def similar_classes(results: Results) -> Finding:
    """In SimCLR's features cats are nearer to dogs than to automobiles."""
    claim = "In SimCLR's features KL(cat, dog) is far below KL(cat, automobile)."
    rule = f"KL(cat || automobile) / KL(cat || dog) is above {GRADED:g}."
    if "divergence" not in results:
        return Finding(claim, Outcome.NOT_TESTABLE, "no result divergence", rule)
    found = {
        (row["estimator"], row["z"]): row["kl"]
        for row in results["divergence"].rows
        if row["method"] == "simclr" and row["y"] == "cat" and row["z"] in ("dog", "automobile")
    }
    if not found:
        return Finding(claim, Outcome.NOT_TESTABLE, ELSEWHERE, rule)
    ratios = {
        estimator: found[estimator, "automobile"] / found[estimator, "dog"]
        for estimator in ("corrected", "thesis")
        if found.get((estimator, "automobile")) and (found.get((estimator, "dog")) or 0) > 0
    }
    if not ratios:
        return Finding(
            claim, Outcome.NOT_TESTABLE, "neither estimator has a positive value for these classes", rule
        )
    number = "; ".join(f"{estimator} estimator {ratio:.1f}" for estimator, ratio in ratios.items())
    number += f"; thesis {thesis.FIGURE_5_2_RATIO['simclr']}"
    return Finding(claim, _by_counting([ratio > GRADED for ratio in ratios.values()]), number, rule)


def larger_divergence(results: Results) -> Finding:
    """Divergences between classes are larger in supervised features."""
    claim = "Divergences between classes are larger in supervised training than in SimCLR."
    rule = f"The median over pairs of classes is larger, by a factor above {CLEAR:g} (below: undecided); corrected estimator."
    found = _divergences(results)
    if isinstance(found, str):
        return Finding(claim, Outcome.NOT_TESTABLE, found, rule)
    medians = {method: one["median"] for method, one in found.items()}
    number = "; ".join(f"{method} {value:.4g} nats" for method, value in medians.items())
    if min(medians.values()) <= 0:
        return Finding(claim, Outcome.NOT_TESTABLE, f"a median is not above 0: {number}", rule)
    return Finding(claim, _by_ratio(medians["supervised"] / medians["simclr"]), number, rule)


def less_graded(results: Results) -> Finding:
    """Divergences between classes are less graded in supervised features."""
    claim = "Divergences between classes are less graded in supervised training than in SimCLR."
    rule = "The ratio of the largest to the least over pairs of classes is smaller, by a factor above {CLEAR:g}; corrected estimator."
    found = _divergences(results)
    if isinstance(found, str):
        return Finding(claim, Outcome.NOT_TESTABLE, found, rule)
    if any(one["min"] <= 0 for one in found.values()):
        return Finding(claim, Outcome.NOT_TESTABLE, "the least corrected divergence is not above 0", rule)
    ratios = {method: one["max"] / one["min"] for method, one in found.items()}
    number = "; ".join(f"{method} {value:.1f}" for method, value in ratios.items()) + "; thesis 3.0 and 16"
    return Finding(claim, _by_ratio(ratios["simclr"] / ratios["supervised"]), number, rule)


def _divergences(results: Results) -> dict[str, dict[str, Any]] | str:
    """Return the corrected estimator's summary of supervised and simclr, or why there is none."""
    if "divergence" not in results:
        return "no result divergence"
    summary = results["divergence"].settings["summary"]
    found = {one["method"]: one for one in summary if one["estimator"] == "corrected"}
    wanted = ("supervised", "simclr")
    if any(_absent(found.get(method, {}).get("median")) for method in wanted):
        return "needs divergences of supervised and simclr"
    return {method: found[method] for method in wanted}


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _noise(results: Results, quantity: str) -> dict[tuple[str, float], Row]:
    rows = results["binomial"].rows if "binomial" in results else []
    return {(row["method"], row["target"]): row for row in rows if row["quantity"] == quantity}


def _by_true_class(results: Results, method: str) -> list[Row]:
    rows = results["classes"].rows if "classes" in results else []
    return [row for row in rows if row["method"] == method and row["classes_by"] == "true"]


def _half_way(results: Results, method: str) -> Row | None:
    reached = [row for row in _by_true_class(results, method) if row["mean_r"] >= 0.5]
    usable = reached and reached[0]["f"] is not None and reached[0]["epsilon_squared"] is not None
    return reached[0] if usable else None


def _error(row: Row) -> float:
    """Return the standard error of a standard deviation over examples."""
    return row["sd"] / math.sqrt(2 * row["examples"])


def _more(difference: float, error: float) -> bool | None:
    """Whether a difference is above 0 or below it; None within two errors of 0."""
    return None if abs(difference) < 2 * error else difference > 0


def _by_ratio(ratio: float) -> Outcome:
    """Judge a ratio that a finding says is above 1."""
    clear = abs(math.log(ratio)) > math.log(CLEAR)
    return Outcome.UNDECIDED if not clear else Outcome.CONFIRMED if ratio > 1 else Outcome.REFUTED


def _by_counting(holds: Sequence[bool | None], *, none: Outcome = Outcome.REFUTED) -> Outcome:
    if all(holds):
        return Outcome.CONFIRMED
    return none if all(one is False for one in holds) else Outcome.UNDECIDED


TESTS: tuple[Callable[[Results], Finding], ...] = (
    easy_and_hard,
    widest,
    single_like_supervised,
    averaged_like_random,
    classes_differ,
    which_classes,
    similar_classes,
    larger_divergence,
    less_graded,
)
