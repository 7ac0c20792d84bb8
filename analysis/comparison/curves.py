# SPDX-License-Identifier: Apache-2.0
"""The numbers that were read off the thesis's figures, with ours beside them: one function a figure."""

import math
from collections.abc import Mapping

from analysis.comparison import thesis, verdicts
from analysis.comparison.verdicts import Compared
from analysis.framework.results import Result, Row


def figure_4_1(learning: Result) -> list[Compared]:
    """Compare E[r_t] at the thesis's epochs.

    The error of a mean is that over seeds (a quarter of our 95 % interval) and that over the panel's examples,
    which are not the thesis's.
    """
    rows = {(row["method"], row["epoch"]): row for row in learning.rows}
    return [
        _compared(
            method,
            f"t = {epoch}",
            printed,
            ours := _value(row := rows.get((method, epoch)), "mean_r"),
            verdicts.within_error(ours, _error(row, learning), printed),
        )
        for method, means in thesis.FIGURE_4_1.items()
        for epoch, printed in means.items()
    ]


def _error(row: Row | None, learning: Result) -> float | None:
    low, high = _value(row, "mean_r_low"), _value(row, "mean_r_high")
    if row is None or low is None or high is None:
        return None
    examples = learning.settings["methods"][row["method"]]["examples"]
    return math.hypot((high - low) / 4, row["sd_r"] / math.sqrt(examples))


def figure_4_2(alignment: Result) -> list[Compared]:
    """Compare the epochs that are aligned to SimCLR's."""
    if alignment.settings["reference"] != "simclr":
        return []
    found = {(row["method"], row["reference_epoch"]): row["epoch"] for row in alignment.rows}
    return [
        Compared(
            method,
            f"SimCLR at t = {at}",
            str(printed),
            None if (ours := found.get((method, at))) is None else str(ours),
            verdicts.same_epoch(ours, printed),
        )
        for method, epochs in thesis.FIGURE_4_2.items()
        if method != "simclr"
        for at, printed in zip(thesis.ALIGNED_TO, epochs, strict=True)
    ]


def figure_4_3(binomial: Result) -> list[Compared]:
    """Compare the spread of r~_t over examples."""
    return _spreads(binomial, "r_tilde", thesis.FIGURE_4_3_SD)


def figure_4_4(binomial: Result) -> list[Compared]:
    """Compare the spread of r_t over examples."""
    return _spreads(binomial, "r", thesis.FIGURE_4_4_SD)


def _spreads(binomial: Result, quantity: str, table: Mapping[str, tuple[str, ...]]) -> list[Compared]:
    """Compare standard deviations; the error of one of K values is about sd / sqrt(2 K)."""
    rows = {(row["method"], row["target"]): row for row in binomial.rows if row["quantity"] == quantity}
    compared = []
    for method, printed in table.items():
        for target, text in zip(thesis.TARGETS, printed, strict=True):
            row = rows.get((method, target))
            sd, error = _value(row, "sd"), None if row is None else row["sd"] / math.sqrt(2 * row["examples"])
            verdict = verdicts.within_error(sd, error, text)
            compared.append(_compared(method, f"mean {target}", text, sd, verdict))
    return compared


def figure_4_5(augmentations: Result) -> list[Compared]:
    """Compare the share of variance between augmentations; the thesis's is of 21 examples, its error unknown."""
    rows = {(row["method"], row["target"]): row for row in augmentations.rows}
    compared = []
    for method, printed in thesis.FIGURE_4_5.items():
        for target, text in zip(thesis.TARGETS, printed, strict=True):
            share = _value(rows.get((method, target)), "augmentation_share")
            verdict = verdicts.without_spread(share, text)
            compared.append(_compared(method, f"mean {target}", text, share, verdict))
    return compared


def figure_5_1(embedding: Result) -> list[Compared]:
    """Compare the share of nearest neighbours of the same class."""
    rows = {row["method"]: row for row in embedding.rows}
    return [
        _compared(
            method,
            "features",
            printed,
            ours := _value(rows.get(method), "neighbours_features"),
            verdicts.without_spread(ours, printed),
        )
        for method, printed in thesis.FIGURE_5_1.items()
    ]


def figure_5_2(divergence: Result) -> list[Compared]:
    """Compare least, median and largest divergence by the thesis's formula."""
    found = {one["method"]: one for one in divergence.settings["summary"] if one["estimator"] == "thesis"}
    compared = []
    for method, printed in thesis.FIGURE_5_2.items():
        for name, text in zip(("min", "median", "max"), printed, strict=True):
            ours = _value(found.get(method), name)
            verdict = verdicts.without_spread(ours, text)
            compared.append(Compared(method, name, text, None if ours is None else f"{ours:.4g}", verdict))
    return compared


def figure_5_3(classes: Result) -> list[Compared]:
    """Compare how far the class means are apart."""
    rows = {(row["method"], row["epoch"]): row for row in classes.rows if row["classes_by"] == "true"}
    return [
        _compared(
            method,
            f"t = {epoch}",
            printed,
            ours := _value(rows.get((method, epoch)), "spread"),
            verdicts.without_spread(ours, printed),
        )
        for method, spreads in thesis.FIGURE_5_3_SPREAD.items()
        for epoch, printed in spreads.items()
    ]


def figure_b_1(views: Result) -> list[Compared]:
    """Compare the distance between first and second views."""
    rows = {(row["kind"], row["epoch"]): row for row in views.rows if row["method"] == "simclr"}
    return [
        _compared(
            "simclr",
            f"{kind}, t = {epoch}",
            printed,
            ours := _value(row := rows.get((kind, epoch)), "mae"),
            verdicts.within_error(ours, _value(row, "mae_if_swapped_sd"), printed),
        )
        for kind, errors in thesis.FIGURE_B_1.items()
        for epoch, printed in errors.items()
    ]


def _value(row: Row | None, name: str) -> float | None:
    """Return a number of a row; None where there is no row or no number."""
    value = None if row is None else row.get(name)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _compared(
    method: str, where: str, printed: str, ours: float | None, verdict: verdicts.Verdict
) -> Compared:
    return Compared(method, where, printed, None if ours is None else f"{ours:.3f}", verdict)


FIGURES = {
    "4.1": (figure_4_1, "learning", "mean of r"),
    "4.2": (figure_4_2, "alignment", "aligned epoch"),
    "4.3": (figure_4_3, "binomial", "standard deviation of r̃ over examples"),
    "4.4": (figure_4_4, "binomial", "standard deviation of r over examples"),
    "4.5": (figure_4_5, "augmentations", "share of true variance between augmentations"),
    "5.1": (figure_5_1, "embedding", "share of same-class neighbours"),
    "5.2": (figure_5_2, "divergence", "KL between classes, nats"),
    "5.3": (figure_5_3, "classes", "largest less smallest class mean"),
    "B.1": (figure_b_1, "views", "MAE of first against second views"),
}
"""By number: what compares a figure's numbers, the result that it takes, and what they are."""
