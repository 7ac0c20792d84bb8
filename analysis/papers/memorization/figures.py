# SPDX-License-Identifier: Apache-2.0
"""The numbers that were read off the thesis's figures, with ours beside them: one function per figure."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from analysis.framework.results import Result, Row
from analysis.framework.table import Column, Table
from analysis.framework.targets import by_target, of_quantity
from analysis.papers import Results, verdicts
from analysis.papers.memorization import printed as thesis
from analysis.papers.memorization.recipe import reasons
from analysis.papers.verdicts import Judged, Verdict
from dynamics.study import Study


def beside(number: str, study: Study, results: Results) -> list[Table]:
    """Return the numbers of a figure for the methods that a study has; no table where there are none.

    Examples
    --------
    >>> from analysis import alignment
    >>> from analysis.framework.example import example_study
    >>> (table,) = beside("4.2", example_study(), {"alignment": alignment.analyse(example_study())})
    >>> table.caption, table.cells()[0]
    ('Aligned epoch', ['supervised', 'SimCLR at t = 1', '1', '1', '0', 'inside', '–'])
    """
    if number not in FIGURES or FIGURES[number].need not in results:
        return []
    figure, why = FIGURES[number], reasons(study)
    rows = [row for row in figure.compare(results[figure.need]) if row["method"] in why]
    if all(row["ours"] is None for row in rows):
        return []
    columns = [
        Column("method", "setting", "method"),
        Column("where", "where"),
        Column("printed", "thesis", "printed"),
        Column("ours", "ours", figure.form),
        Column("allowed", "allowed ±", figure.form if figure.form == ".4g" else ".3g"),
        Column("verdict", "verdict", "verdict"),
        Column("why", "why it may differ"),
    ]
    judged = [row | {"why": why[row["method"]] if _differs(row) else ""} for row in rows]
    return [Table(caption=figure.caption, columns=columns, rows=judged)]


def _differs(row: Row) -> bool:
    return row["ours"] is not None and row["verdict"] is not Verdict.INSIDE


def figure_4_1(learning: Result) -> list[Row]:
    """Compare E[r_t] at the thesis's epochs.

    The error of a mean is that over seeds (a quarter of our 95 % interval) and that over the panel's examples,
    which are not the thesis's.

    Examples
    --------
    >>> from analysis import learning
    >>> from analysis.framework.example import example_study
    >>> rows = figure_4_1(learning.analyse(example_study()))
    >>> [(row["where"], row["printed"], round(row["ours"], 2)) for row in rows[:2]]
    [('t = 1', '.099', 0.12), ('t = 2', '.289', 0.22)]
    """
    rows = {(row["method"], row["epoch"]): row for row in learning.rows}
    compared = []
    for method, means in thesis.FIGURE_4_1.items():
        for epoch, printed in means.items():
            row = rows.get((method, epoch))
            ours = _value(row, "mean_r")
            judged = verdicts.within_error(ours, _error(row, "mean_r"), printed)
            compared.append(_row(method, f"t = {epoch}", printed, ours, judged))
    return compared


def _error(row: Row | None, name: str) -> float | None:
    low, high = (_value(row, f"{name}_examples_like_these_{end}") for end in ("low", "high"))
    return None if low is None or high is None else (high - low) / 4


def figure_4_2(alignment: Result) -> list[Row]:
    """Compare the epochs that are aligned to SimCLR's.

    Examples
    --------
    >>> from analysis import alignment
    >>> from analysis.framework.example import example_study
    >>> rows = figure_4_2(alignment.analyse(example_study()))
    >>> [(row["where"], row["printed"], row["ours"]) for row in rows[:3]]  # it has 6 epochs only
    [('SimCLR at t = 1', '1', 1), ('SimCLR at t = 5', '5', 5), ('SimCLR at t = 10', '9', None)]
    """
    if alignment.settings["reference"] != "simclr":
        return []
    found = {(row["method"], row["reference_epoch"]): row["epoch"] for row in alignment.rows}
    compared = []
    for method in thesis.METHODS[1:]:
        for at, printed in zip(thesis.ALIGNED_TO, thesis.FIGURE_4_2[method], strict=True):
            ours = found.get((method, at))
            judged = verdicts.same_epoch(ours, printed)
            compared.append(_row(method, f"SimCLR at t = {at}", str(printed), ours, judged))
    return compared


def figure_4_3(binomial: Result) -> list[Row]:
    """Compare the spread of r~_t over examples.

    Examples
    --------
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> rows = figure_4_3(binomial.analyse(example_study()))
    >>> [(row["where"], row["printed"], round(row["ours"], 2), row["verdict"].value) for row in rows[:2]]
    [('mean 0.25', '.353', 0.27, 'inside'), ('mean 0.5', '.419', 0.28, 'outside')]
    """
    return _spreads(binomial, "r_tilde", thesis.FIGURE_4_3_SD)


def figure_4_4(binomial: Result) -> list[Row]:
    """Compare the spread of r_t over examples.

    Examples
    --------
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> rows = figure_4_4(binomial.analyse(example_study()))
    >>> [(row["where"], row["printed"], round(row["ours"], 2), row["verdict"].value) for row in rows[:2]]
    [('mean 0.25', '.134', 0.24, 'outside'), ('mean 0.5', '.157', 0.27, 'inside')]
    """
    return _spreads(binomial, "r", thesis.FIGURE_4_4_SD)


def _spreads(binomial: Result, quantity: str, table: Mapping[str, Sequence[str]]) -> list[Row]:
    """Compare standard deviations; the error is that over seeds and examples, a quarter of our 95 % interval."""
    rows = by_target(of_quantity(binomial.rows, quantity))
    compared = []
    for method, target, printed in _at_targets(table):
        row = rows.get((method, target))
        sd = _value(row, "sd")
        judged = verdicts.within_error(sd, _error(row, "sd"), printed)
        compared.append(_row(method, f"mean {target}", printed, sd, judged))
    return compared


def figure_4_5(augmentations: Result) -> list[Row]:
    """Compare the fraction of variance between augmentations; the thesis's is of 21 examples, its error unknown.

    Examples
    --------
    >>> from analysis import augmentations
    >>> from analysis.framework.example import example_study
    >>> row = figure_4_5(augmentations.analyse(example_study()))[0]
    >>> row["where"], row["printed"], round(row["ours"], 2), row["verdict"].value
    ('mean 0.25', '.95', 0.58, 'no spread')
    """
    rows = by_target(augmentations.rows)
    return [
        _without_spread(
            method, f"mean {target}", printed, _value(rows.get((method, target)), "augmentation_share")
        )
        for method, target, printed in _at_targets(thesis.FIGURE_4_5)
    ]


def _at_targets(table: Mapping[str, Sequence[str]]) -> list[tuple[str, float, str]]:
    return [
        (method, target, printed)
        for method, values in table.items()
        for target, printed in zip(thesis.TARGETS, values, strict=True)
    ]


def figure_5_1(embedding: Result) -> list[Row]:
    """Compare the fraction of nearest neighbours of the same class.

    Examples
    --------
    >>> rows = [{"method": "simclr", "neighbours_features": 0.6341}]
    >>> row = figure_5_1(Result(name="embedding", rows=rows, inputs={}))[0]
    >>> row["printed"], row["ours"], row["verdict"].value
    ('.634', 0.6341, 'inside')
    """
    rows = {row["method"]: row for row in embedding.rows}
    return [
        _without_spread(method, "features", printed, _value(rows.get(method), "neighbours_features"))
        for method, printed in thesis.FIGURE_5_1.items()
    ]


def figure_5_2(divergence: Result) -> list[Row]:
    """Compare the smallest, median and largest divergence by the thesis's formula.

    Examples
    --------
    >>> summary = [{"method": "simclr", "estimator": "thesis", "min": 60.0, "median": 328.0, "max": 900.0}]
    >>> rows = figure_5_2(Result(name="divergence", rows=[], inputs={}, settings={"summary": summary}))
    >>> [(row["where"], row["printed"], row["ours"]) for row in rows[:3]]
    [('min', '66', 60.0), ('median', '328', 328.0), ('max', '1061', 900.0)]
    """
    found = {one["method"]: one for one in divergence.settings["summary"] if one["estimator"] == "thesis"}
    return [
        _without_spread(method, name, printed, _value(found.get(method), name))
        for method, values in thesis.FIGURE_5_2.items()
        for name, printed in zip(("min", "median", "max"), values, strict=True)
    ]


def figure_5_3(classes: Result) -> list[Row]:
    """Compare how far the class means are apart.

    Examples
    --------
    >>> from analysis import classes
    >>> from analysis.framework.example import example_study
    >>> row = figure_5_3(classes.analyse(example_study()))[0]
    >>> row["method"], row["where"], row["printed"], round(row["ours"], 3)
    ('simclr', 't = 1', '.041', 0.175)
    """
    rows = {(row["method"], row["epoch"]): row for row in classes.rows if row["classes_by"] == "true"}
    return [
        _without_spread(method, f"t = {epoch}", printed, _value(rows.get((method, epoch)), "spread"))
        for method, spreads in thesis.FIGURE_5_3_SPREAD.items()
        for epoch, printed in spreads.items()
    ]


def figure_b_1(views: Result) -> list[Row]:
    """Compare the distance between first and second views.

    Examples
    --------
    >>> from analysis import views
    >>> from analysis.framework.example import example_study
    >>> row = figure_b_1(views.analyse(example_study()))[0]
    >>> row["where"], row["printed"], round(row["ours"], 2), row["verdict"].value
    ('averaged, t = 1', '.016', 0.13, 'outside')
    """
    rows = {(row["kind"], row["epoch"]): row for row in views.rows if row["method"] == "simclr"}
    compared = []
    for kind, errors in thesis.FIGURE_B_1.items():
        for epoch, printed in errors.items():
            row = rows.get((kind, epoch))
            ours = _value(row, "mae")
            judged = verdicts.within_error(ours, _value(row, "mae_if_swapped_sd"), printed)
            compared.append(_row("simclr", f"{kind}, t = {epoch}", printed, ours, judged))
    return compared


def _value(row: Row | None, name: str) -> float | None:
    """Return a number of a row; None where there is no row or no number."""
    value = None if row is None else row.get(name)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _without_spread(method: str, where: str, printed: str, ours: float | None) -> Row:
    return _row(method, where, printed, ours, verdicts.without_spread(ours, printed))


def _row(method: str, where: str, printed: str, ours: float | int | None, judged: Judged) -> Row:
    return {"method": method, "where": where, "printed": printed, "ours": ours, **judged._asdict()}


class Comparison(NamedTuple):
    """How the numbers of one figure are compared."""

    compare: Callable[[Result], list[Row]]
    need: str
    """Name of the result that `compare` takes."""
    caption: str
    form: str = ".3f"
    """Format of our numbers."""


FIGURES = {
    "4.1": Comparison(figure_4_1, "learning", "Mean of r"),
    "4.2": Comparison(figure_4_2, "alignment", "Aligned epoch", "d"),
    "4.3": Comparison(figure_4_3, "binomial", "Standard deviation of r̃ over examples"),
    "4.4": Comparison(figure_4_4, "binomial", "Standard deviation of r over examples"),
    "4.5": Comparison(figure_4_5, "augmentations", "Fraction of true variance between augmentations"),
    "5.1": Comparison(figure_5_1, "embedding", "Fraction of same-class neighbours"),
    "5.2": Comparison(figure_5_2, "divergence", "KL between classes, nats", ".4g"),
    "5.3": Comparison(figure_5_3, "classes", "Largest less smallest class mean"),
    "B.1": Comparison(figure_b_1, "views", "MAE of first against second views"),
}
"""Comparisons by the number of the figure."""
