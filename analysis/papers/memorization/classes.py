# SPDX-License-Identifier: Apache-2.0
"""The thesis's findings on classes, tested on the results `classes` and `divergence`."""

import math
from typing import Any

from scipy import stats

from analysis.framework.results import Row
from analysis.papers import Results
from analysis.papers.findings import CLEAR, LEVEL, Conclusion, Finding, by_counting, by_interval
from analysis.papers.memorization import printed
from dynamics.names import label

GRADED = 2.0
"""A ratio above this counts as "far below" or "strongly"."""
ELSEWHERE = "these are classes of CIFAR-10; this study does not have them"


def classes_differ(results: Results) -> Finding:
    """Classes differ strongly in supervised training and hardly in SimCLR.

    Examples
    --------
    >>> from analysis import classes
    >>> from analysis.framework.example import example_study
    >>> found = classes_differ({"classes": classes.analyse(example_study())})
    >>> found.conclusion.value, found.number[:18]
    ('undecided', 'supervised (t = 5)')
    """
    claim = "Classes differ strongly in supervised training and hardly in SimCLR."
    rule = (
        "At the first epoch with a mean r of 1/2, classes differ in supervised training for seeds and examples like "
        f"these (F', corrected for the number of epochs and settings, q < {LEVEL}), and the fraction of the variance "
        f"between examples that classes explain (ε²) is more than {GRADED:g} times SimCLR's. Refuted where classes "
        "differ in SimCLR and explain more there."
    )
    found = {method: _half_way(results, method) for method in ("supervised", "simclr")}
    supervised, simclr = found["supervised"], found["simclr"]
    if supervised is None or simclr is None:
        lacking = " and ".join(label(method) for method, row in found.items() if row is None)
        needed = "no class means at a mean r of 1/2, or fewer than two seeds"
        return Finding(claim, Conclusion.NOT_TESTABLE, f"{lacking}: {needed}", rule)
    number = "; ".join(
        f"{label(row['method'])} (t = {row['epoch']}): ε² {row['epsilon_squared']:.3f}, F' {row['crossed_f']:.2f}, "
        f"q {row['crossed_q']:.2g}"
        for row in (supervised, simclr)
    )
    shares = [max(0.0, row["epsilon_squared"]) for row in (supervised, simclr)]
    differ = [row["crossed_q"] < LEVEL for row in (supervised, simclr)]
    conclusion = Conclusion.UNDECIDED  # classes that are not shown to differ may differ all the same
    if differ[0] and shares[0] > GRADED * shares[1]:
        conclusion = Conclusion.CONFIRMED
    elif differ[1] and shares[1] > shares[0]:
        conclusion = Conclusion.REFUTED
    return Finding(claim, conclusion, number, rule)


def which_classes(results: Results) -> Finding:
    """In supervised training automobile, truck and ship are easy, cat, bird and dog hard.

    Examples
    --------
    >>> from analysis.framework.results import Result
    >>> order = [*printed.HARD, "deer", "frog", "horse", "airplane", *printed.EASY]
    >>> row = {"method": "supervised", "classes_by": "true", "epoch": 50, "hard_to_easy": order}
    >>> which_classes({"classes": Result(name="classes", rows=[row], inputs={})}).conclusion.value
    'confirmed'
    """
    claim = "In supervised training automobile, truck and ship are easy; cat, bird and dog are hard."
    rule = "After the last epoch these are the three classes of highest and lowest mean r."
    rows = _by_true_class(results, "supervised")
    order = rows[-1]["hard_to_easy"] if rows else None
    if order is None or not {*printed.EASY, *printed.HARD} <= set(order):
        return Finding(
            claim,
            Conclusion.NOT_TESTABLE,
            ELSEWHERE if order else "no class means of supervised",
            rule,
        )
    agree = [set(order[-3:]) == set(printed.EASY), set(order[:3]) == set(printed.HARD)]
    return Finding(
        claim, by_counting(agree), f"t = {rows[-1]['epoch']}, hard to easy: {', '.join(order)}", rule
    )


def similar_classes(results: Results) -> Finding:
    """In SimCLR's features cats are nearer to dogs than to automobiles.

    Examples
    --------
    >>> from analysis.framework.results import Result
    >>> pair = {"method": "simclr", "estimator": "thesis", "y": "cat"}
    >>> rows = [pair | {"z": "dog", "kl": 10.0}, pair | {"z": "automobile", "kl": 50.0}]
    >>> similar_classes({"divergence": Result(name="divergence", rows=rows, inputs={})}).number
    'thesis estimator 5.0; thesis 7.0'
    """
    claim = "In SimCLR's features KL(cat, dog) is far below KL(cat, automobile)."
    rule = f"KL(cat || automobile) / KL(cat || dog) is above {GRADED:g}."
    if "divergence" not in results:
        return Finding(claim, Conclusion.NOT_TESTABLE, "no result divergence", rule)
    found = {
        (row["estimator"], row["z"]): row["kl"]
        for row in results["divergence"].rows
        if row["method"] == "simclr" and row["y"] == "cat" and row["z"] in ("dog", "automobile")
    }
    if not found:
        return Finding(claim, Conclusion.NOT_TESTABLE, ELSEWHERE, rule)
    ratios = {
        estimator: found[estimator, "automobile"] / found[estimator, "dog"]
        for estimator in ("corrected", "thesis")
        if found.get((estimator, "automobile")) and (found.get((estimator, "dog")) or 0) > 0
    }
    if not ratios:
        return Finding(
            claim, Conclusion.NOT_TESTABLE, "neither estimator has a positive value for these classes", rule
        )
    number = "; ".join(f"{estimator} estimator {ratio:.1f}" for estimator, ratio in ratios.items())
    number += f"; thesis {printed.FIGURE_5_2_RATIO['simclr']}"
    return Finding(claim, by_counting([ratio > GRADED for ratio in ratios.values()]), number, rule)


def larger_divergence(results: Results) -> Finding:
    """Divergences between classes are larger in supervised features.

    Examples
    --------
    >>> from analysis.framework.results import Result
    >>> common = {"estimator": "corrected", "median_error": 0.1, "dimensions": [4, 4, 4, 4]}
    >>> summary = [common | {"method": name, "median": one} for name, one in (("supervised", 90.0), ("simclr", 30.0))]
    >>> result = Result(name="divergence", rows=[], inputs={}, settings={"summary": summary})
    >>> found = larger_divergence({"divergence": result})
    >>> found.conclusion.value, found.number
    ('confirmed', 'supervised 90 nats, SimCLR 30 nats: ratio 3.0 (1.9 to 4.7); in 4 components')
    """
    claim = "Divergences between classes are larger in supervised training than in SimCLR."
    rule = (
        f"The median over pairs of classes is larger: the 95 % interval of the ratio, over seeds, is above {CLEAR:g}; "
        "corrected estimator, whose values grow with the number of components of the features that it uses."
    )
    found = _divergences(results)
    if isinstance(found, str):
        return Finding(claim, Conclusion.NOT_TESTABLE, found, rule)
    medians = {method: one["median"] for method, one in found.items()}
    number = ", ".join(f"{label(method)} {value:.4g} nats" for method, value in medians.items())
    if min(medians.values()) <= 0:
        return Finding(claim, Conclusion.NOT_TESTABLE, f"a median is not above 0: {number}", rule)
    return _by_ratio(claim, rule, number, medians["supervised"] / medians["simclr"], found, "median_error")


def less_graded(results: Results) -> Finding:
    """Divergences between classes are less graded in supervised features.

    Examples
    --------
    >>> from analysis.framework.results import Result
    >>> ends = {"supervised": {"min": 60.0, "max": 180.0}, "simclr": {"min": 10.0, "max": 60.0}}
    >>> common = {"estimator": "corrected", "median": 70.0, "ratio_error": 0.2, "dimensions": [4, 4, 4, 4]}
    >>> summary = [common | {"method": name} | ends[name] for name in ends]
    >>> result = Result(name="divergence", rows=[], inputs={}, settings={"summary": summary})
    >>> found = less_graded({"divergence": result})  # 2 is not surely above 1.25
    >>> found.conclusion.value, found.number.partition(":")[0]
    ('undecided', 'supervised 3.0, SimCLR 6.0; thesis 3.0 and 16')
    """
    claim = "Divergences between classes are less graded in supervised training than in SimCLR."
    rule = (
        "The ratio of the largest to the smallest over pairs of classes is smaller: the 95 % interval of SimCLR's over "
        f"supervised's, over seeds, is above {CLEAR:g}; corrected estimator."
    )
    found = _divergences(results)
    if isinstance(found, str):
        return Finding(claim, Conclusion.NOT_TESTABLE, found, rule)
    if any(one["min"] <= 0 for one in found.values()):
        return Finding(
            claim, Conclusion.NOT_TESTABLE, "the smallest corrected divergence is not above 0", rule
        )
    ratios = {method: one["max"] / one["min"] for method, one in found.items()}
    number = ", ".join(f"{label(method)} {value:.1f}" for method, value in ratios.items())
    number += "; thesis 3.0 and 16"
    return _by_ratio(claim, rule, number, ratios["simclr"] / ratios["supervised"], found, "ratio_error")


def _by_ratio(
    claim: str, rule: str, number: str, ratio: float, found: dict[str, dict[str, Any]], error: str
) -> Finding:
    """Judge a ratio of two methods by its interval: Student's, of its logarithm, for the fewer seeds of the two."""
    errors = [one[error] for one in found.values()]
    if any(map(_absent, errors)):
        needed = "an interval over seeds, which needs three"
        return Finding(claim, Conclusion.NOT_TESTABLE, f"{number}: ratio {ratio:.1f}, without {needed}", rule)
    seeds = min(len(one["dimensions"]) for one in found.values())
    half = float(stats.t.isf(0.025, seeds - 1)) * math.hypot(*errors)
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    used = sorted({size for one in found.values() for size in one["dimensions"]})
    where = f"in {used[0]} components" if len(used) == 1 else f"in {used[0]} to {used[-1]} components"
    return Finding(
        claim, by_interval(low, high), f"{number}: ratio {ratio:.1f} ({low:.1f} to {high:.1f}); {where}", rule
    )


def _divergences(results: Results) -> dict[str, dict[str, Any]] | str:
    """Return the corrected estimator's summary of supervised and simclr, or why there is none."""
    if "divergence" not in results:
        return "no result divergence"
    summary = results["divergence"].settings["summary"]
    found = {one["method"]: one for one in summary if one["estimator"] == "corrected"}
    wanted = ("supervised", "simclr")
    if any(_absent(found.get(method, {}).get("median")) for method in wanted):
        return "needs divergences of supervised and SimCLR"
    return {method: found[method] for method in wanted}


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _by_true_class(results: Results, method: str) -> list[Row]:
    rows = results["classes"].rows if "classes" in results else []
    return [row for row in rows if row["method"] == method and row["classes_by"] == "true"]


def _half_way(results: Results, method: str) -> Row | None:
    reached = [row for row in _by_true_class(results, method) if row["mean_r"] >= 0.5]
    usable = reached and reached[0]["crossed_q"] is not None and reached[0]["epsilon_squared"] is not None
    return reached[0] if usable else None
