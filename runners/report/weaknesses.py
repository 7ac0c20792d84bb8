# SPDX-License-Identifier: Apache-2.0
"""What was weak in the thesis's statistics, with the numbers of this study that show it."""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from analysis.framework.results import Result, Row
from dynamics.names import label
from runners.report.conditions import Conditions
from runners.report.markup import Html, element, join, paragraph, section, table


def weaknesses(
    results: Mapping[str, Result], found: dict[str, Conditions], distinct: dict[str, tuple[int, int]]
) -> Html:
    """Return the section; a part whose results are missing keeps its words and has no numbers."""
    return section(
        "statistics",
        "Where the thesis's statistics are weak",
        _tails(results),
        _floors(results),
        _order(results, found),
        _replacement(found, distinct),
    )


def _tails(results: Mapping[str, Result]) -> Html:
    words = (
        "Its chi-square has expected counts near zero in the tails, so that values like 10",
        element("sup", "19"),
        " measure a single cell. ",
    )
    rows = [row for row in _noise(results, "r_tilde") if row["chi2"] is not None]
    if not rows:
        return _part("Chi-square", *words)
    top = max(rows, key=lambda row: row["chi2"])
    valid = sum(bool(row["chi2_valid"]) for row in rows)
    pooled = (
        "" if top["pooled_chi2"] is None else f" and a χ² of {top['pooled_chi2']:.3g} once cells are pooled"
    )
    return _part(
        "Chi-square",
        *words,
        f"Here the smallest expected count is {min(row['chi2_smallest_expected'] for row in rows):.1g}, and "
        f"{valid} of {len(rows)} tests have all expected counts at 5 or above. The largest χ², {top['chi2']:.2g} "
        f"({label(top['method'])}, t = {top['epoch']}), goes with a dispersion of {top['dispersion']:.2f}{pooled}. "
        "Dispersion, Tarone's test and the intraclass correlation in table 4.1 have no such tails.",
    )


def _floors(results: Mapping[str, Result]) -> Html:
    words = (
        "Its MAE compares r, an average of N·M trials, with noise of N trials: even examples that are equally "
        "hard differ from such noise, by an amount that depends on N. ",
    )
    rows = _noise(results, "r")
    if not rows:
        return _part("Mean absolute error", *words)
    below = [row for row in rows if row["mae"] < row["mae_if_equal"]]
    shares = [row for row in results["augmentations"].rows] if "augmentations" in results else []
    known = [row for row in shares if row["augmentation_share"] is not None]
    split = "; ".join(
        f"{label(row['method'])} at t = {row['epoch']}: {row['augmentation_share']:.2f}"
        for row in known
        if row["target"] == 0.5
    )
    return _part(
        "Mean absolute error",
        *words,
        f"Here the MAE between two draws of the noise is {_span(rows, 'mae_floor')}, that of equally hard examples "
        f"{_span(rows, 'mae_if_equal')}, and the observed one {_span(rows, 'mae')}, which is smaller than that of "
        f"equally hard examples in {len(below)} of {len(rows)} cases. ",
        "The split of variance answers the question directly; share of the true variance of r̃ between "
        f"augmentations: {split}."
        if split
        else "",
    )


def _span(rows: list[Row], name: str) -> str:
    values = [row[name] for row in rows]
    return f"{min(values):.3f} to {max(values):.3f}"


def _order(results: Mapping[str, Result], found: dict[str, Conditions]) -> Html:
    words = (
        "Each curve is sorted on its own, which hides whether the same examples are hard in each setting. "
    )
    pairs = _rank_correlations(results, found) if "learning" in results else []
    if not pairs:
        return _part("Sorting", words, "Not computed here: runs that were taken in may have been sorted.")
    return join(
        [
            _part(
                "Sorting",
                words,
                "Spearman's correlation of r between settings, at the first epochs with a mean of 1/2 "
                "(or the last, where a setting does not get there); noise in r makes it smaller than that of the "
                "true difficulties:",
            ),
            table(
                ["setting", "t", "setting", "t", "rank correlation"],
                pairs,
                caption="Are the same examples hard?",
            ),
        ]
    )


def _rank_correlations(results: Mapping[str, Result], found: dict[str, Conditions]) -> list[list[object]]:
    """Compare settings that were trained here: ingested counts may have been sorted."""
    learning = results["learning"]
    taken: list[tuple[str, int, np.ndarray, np.ndarray]] = []
    for method in learning.settings["methods"]:
        if method in found and "dataset" in found[method].config:
            counts = learning.arrays[f"{method}.correct"]
            means = counts.mean(axis=1) / learning.settings["methods"][method]["trials"]
            at = int(np.argmax(means >= 0.5)) if (means >= 0.5).any() else len(means) - 1
            epochs, examples = (learning.arrays[f"{method}.{name}"] for name in ("epochs", "examples"))
            taken.append((method, int(epochs[at]), counts[at], examples))
    rows: list[list[object]] = []
    for i, (method, epoch, counts, examples) in enumerate(taken):
        for other, other_epoch, other_counts, other_examples in taken[i + 1 :]:
            if np.array_equal(examples, other_examples) and np.ptp(counts) > 0 and np.ptp(other_counts) > 0:
                rho = float(stats.spearmanr(counts, other_counts).statistic)
                rows.append([label(method), epoch, label(other), other_epoch, f"{rho:.2f}"])
    return rows


def _replacement(found: dict[str, Conditions], distinct: dict[str, tuple[int, int]]) -> Html:
    (method, (different, all_)), *_ = distinct.items()
    return _part(
        "Repeated examples",
        "It drew the panel's examples with replacement, so that some count twice. ",
        f"Here {different} of {all_} examples are distinct"
        + (" (taken in as they are)." if "dataset" not in found[method].config else "."),
    )


def _part(title: str, *content: object) -> Html:
    return paragraph(element("strong", f"{title}. "), *content)


def _noise(results: Mapping[str, Result], quantity: str) -> list[Row]:
    rows = results["binomial"].rows if "binomial" in results else []
    return [row for row in rows if row["quantity"] == quantity]
