# SPDX-License-Identifier: Apache-2.0
"""Are some classes easier than others? E[r_t] of every class after every epoch (memorization thesis, eq. 5.3).

Class means always differ a little. F' tests whether they differ for seeds and examples like these (Clark 1973), at
every epoch, corrected for the number of tests. The plain F of an analysis of variance of r_t holds for these seeds
only: where each network still gives one answer to all images, their classes do differ, by chance. What fraction of the
variance between examples the classes explain is epsilon squared.

Examples are grouped by their true class for every method, also for those that never saw it. Where a method
was trained on other labels, a second set of rows groups them by these.

python -m analysis.classes
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64
from scipy import stats

from analysis.alignment import align
from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.false_discoveries import control_false_discoveries
from analysis.framework.table import Column, Table, spread_over
from analysis.framework.without_learning import hardly_learnt, means_without_learning
from analysis.statistics.class_differences import (
    ClassMeans,
    Differences,
    class_differences,
    class_means,
    crossed_class_test,
)
from analysis.statistics.quasi_f import QuasiF
from dynamics.answers import MethodCounts
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import counted, label
from dynamics.study import Study

TRUE, TRAINED = "true", "trained"
LEVEL = 0.05
"""Level of the test."""

COLUMNS: Mapping[str, str] = {
    **shared("method"),
    "classes_by": "Label that makes the class: `true`, or `trained` where another one was learnt.",
    **shared("epoch", "seeds", "examples"),
    "classes": "Number of classes that have an example.",
    **shared("mean_r"),
    "crossed_f": "F' of classes, for seeds and examples like these: about 1 where they do not differ.",
    **shared("crossed_dof", "crossed_error_dof"),
    "crossed_p": "p-value of `crossed_f`: small where classes differ.",
    "f": "F of classes for these seeds alone: about 1 where they do not differ.",
    "dof_between": "Degrees of freedom between classes: classes less one.",
    "dof_within": "Degrees of freedom within classes: examples less classes.",
    "f_5_percent": "Value that `f` exceeds in one case of twenty where classes do not differ.",
    "p": "p-value of `f`, for these seeds alone.",
    "eta_squared": "Fraction of the variance of r_t that is between classes, 0 to 1, chance included.",
    "epsilon_squared": "`eta_squared`, chance taken off; below 0: an estimate near 0.",
    "omega_squared": "`eta_squared` of the variance components, chance taken off: a little below `epsilon_squared`.",
    "spread": "Mean of r_t of the easiest class less that of the hardest, 0 to 1.",
    "sd": "Standard deviation of the means of the classes, each counting once.",
    "sd_if_equal": "`sd` to expect had the labels been shuffled.",
    "hard_to_easy": "Classes, the hardest first; empty where all are equally hard.",
    "reference_epoch": "Epoch of the reference with the nearest E[r_t]; empty for itself, or where classes are others.",
    "reference_residual": "Distance of E[r_t] from that of the reference at its epoch, 0 to 1.",
    "reference_spearman": "Rank correlation of the means of the classes with those of the reference, -1 to 1.",
    **shared("crossed_q"),
}
"""What the columns mean."""


class Grouping(NamedTuple):
    """The examples of one method, grouped by class."""

    counts: MethodCounts
    by: str
    """"true" or "trained": which label makes the class."""
    labels: Int64[np.ndarray, " example"]
    names: list[str] | None
    """Names of all classes, by number, where the runs have them."""

    def names_of(self, classes: Int64[np.ndarray, " class"]) -> list[str]:
        """Return names of classes; their numbers where there are no names."""
        known = self.names is not None and int(classes.max()) < len(self.names)
        return [self.names[number] if known and self.names else str(number) for number in classes]


def applies(study: Study) -> str | None:
    """Say in one line why a study has nothing for this analysis; None where it has.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> applies(example_study()) is None
    True
    """
    if any(groupings(study, method) for method in study.methods):
        return None
    return f"no method in study {study.name} has examples of two or more labels: ingest it with its labels"


def groupings(study: Study, method: str) -> list[Grouping]:
    """Return the ways to group a method's examples by class: none without labels, two for random labels.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [(one.by, one.names_of(np.array([0, 2]))) for one in groupings(example_study(), "supervised")]
    [('true', ['0', '2'])]
    """
    counts = study.counts(method)
    true = counts.labels if counts.true_labels is None else counts.true_labels
    named = study.runs[method][0].provenance.get("classes")
    names = None if named is None else [str(name) for name in named]
    found = [] if true is None else [Grouping(counts, TRUE, true, names)]
    if true is not None and counts.labels is not None and not np.array_equal(true, counts.labels):
        found.append(Grouping(counts, TRAINED, counts.labels, names))
    return [grouping for grouping in found if len(np.unique(grouping.labels)) > 1]


@checked
def analyse(study: Study, *, mates: Mates | None = None) -> results.Result:
    """Compute class means and whether they differ, for all methods with labels and all epochs.

    The result has one row per method, grouping and epoch; see :func:`rows_of`. Its arrays are, for each method
    and grouping, `<method>.<grouping>.class_mean` (epoch, class), `.classes` (class), their numbers, and
    `.sizes` (class), their examples; and `<method>.epochs`. `settings` has the classes' names.

    Parameters
    ----------
    study
        The study.
    mates
        Where the nearest view is looked for: among the panel's fixed mates (the thesis's), or among random ones, which
        leaves r_t(x) a property of x (:mod:`dynamics.mates`); by default as the study has it, fixed.

    Raises
    ------
    UserError
        When no method has labels.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> analyse(example_study()).rows[0]["hard_to_easy"]
    ['2', '1', '0']
    """
    study = study.with_mates(mates).complete()
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    reference = _reference(study)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    names: dict[str, list[str]] = {}
    for method in study.methods:
        for grouping in groupings(study, method):
            key = f"{method}.{grouping.by}"
            means = class_means(grouping.counts.learning_probability, grouping.labels)
            tests = [
                crossed_class_test(right[:, 0].mean(axis=1), grouping.labels)
                for _, right in study.answers(method)
            ]
            rows += rows_of(grouping, means, reference, tests)
            arrays[f"{method}.epochs"] = grouping.counts.epochs
            arrays[f"{key}.class_mean"] = means.means
            arrays[f"{key}.classes"], arrays[f"{key}.sizes"] = means.classes, means.sizes
            names[key] = grouping.names_of(means.classes)
    control_false_discoveries(rows, "crossed_p", "crossed_q")
    without = [method for method in study.methods if f"{method}.{TRUE}" not in names]
    settings = {
        "reference": reference.counts.method,
        "classes": names,
        "without_labels": without,
        "without_learning": means_without_learning(study),
    }
    return results.Result(name="classes", rows=rows, inputs=study.inputs(), arrays=arrays, settings=settings)


def _reference(study: Study) -> Grouping:
    """Return the method whose order of classes the others are compared with: supervised, or the first."""
    methods = sorted(study.methods, key=lambda method: method != "supervised")
    return next(grouping for method in methods for grouping in groupings(study, method)[:1])


def rows_of(
    grouping: Grouping, means: ClassMeans, reference: Grouping, tests: Sequence[QuasiF]
) -> list[results.Row]:
    """Return one row per epoch: F' and F, fractions of variance, spread and order of the classes.

    `reference_*` compare the order of the classes with that of the reference at the epoch with the nearest
    mean r_t (eq. 4.4); they are None where the classes are not the same, and for the reference itself.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> (grouping,) = groupings(example_study(), "supervised")
    >>> means = class_means(grouping.counts.learning_probability, grouping.labels)
    >>> outcomes = example_study().correct("supervised").isel(view=0).mean("augmentation").values
    >>> tests = [crossed_class_test(outcomes[:, at], grouping.labels) for at in range(6)]
    >>> rows_of(grouping, means, grouping, tests)[-1]["hard_to_easy"]
    ['2', '1', '0']
    """
    counts = grouping.counts
    found = class_differences(counts.learning_probability, grouping.labels)
    names = grouping.names_of(means.classes)
    compared = _compared(grouping, means, reference)
    return [
        {
            "method": counts.method,
            "classes_by": grouping.by,
            "epoch": int(epoch),
            "seeds": counts.num_seeds,
            "examples": len(grouping.labels),
            "classes": len(names),
            "mean_r": float(counts.mean[at]),
            "crossed_f": float(tests[at].f),
            "crossed_dof": float(tests[at].dof_above),
            "crossed_error_dof": float(tests[at].dof_below),
            "crossed_p": float(tests[at].p),
            **_differences(found, at),
            "hard_to_easy": _order(names, means.means[at]),
            **compared[at],
        }
        for at, epoch in enumerate(counts.epochs)
    ]


def _order(names: list[str], means: Float[np.ndarray, " class"]) -> list[str] | None:
    """Return the classes' names, hardest first; None where all are equal."""
    return [names[index] for index in np.argsort(means, kind="stable")] if np.ptp(means) > 0 else None


def _differences(found: Differences, at: int) -> results.Row:
    return {
        "f": float(found.f[at]),
        "dof_between": found.between,
        "dof_within": found.within,
        "f_5_percent": found.critical,
        "p": float(found.p[at]),
        "eta_squared": float(found.eta_squared[at]),
        "epsilon_squared": float(found.epsilon_squared[at]),
        "omega_squared": float(found.omega_squared[at]),
        "spread": float(found.spread[at]),
        "sd": float(found.sd[at]),
        "sd_if_equal": float(found.sd_if_equal[at]),
    }


def _compared(grouping: Grouping, means: ClassMeans, reference: Grouping) -> list[results.Row]:
    """Compare the order of the classes with the reference's, epoch by epoch."""
    columns = ("reference_epoch", "reference_residual", "reference_spearman")
    base = class_means(reference.counts.learning_probability, reference.labels)
    same = grouping.names_of(means.classes) == reference.names_of(base.classes)
    if grouping.by != TRUE or grouping.counts.method == reference.counts.method or not same:
        return [dict.fromkeys(columns) for _ in grouping.counts.epochs]
    aligned = align(grouping.counts.mean, reference.counts.mean)
    return [
        dict(
            zip(
                columns,
                (
                    int(reference.counts.epochs[position]),
                    float(residual),
                    _rank_correlation(means.means[at], base.means[position]),
                ),
                strict=True,
            )
        )
        for at, (position, residual) in enumerate(zip(*aligned, strict=True))
    ]


def _rank_correlation(first: Float[np.ndarray, " class"], second: Float[np.ndarray, " class"]) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def tables(result: results.Result) -> list[Table]:
    """Return each grouping at its first, middle and last epochs, and in how many of all epochs its classes differ.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study()))[0].notes[0]
    'SimCLR by true class: classes differ (q < 0.05) in 0 of 6 epochs'
    """
    rows: list[results.Row] = []
    notes = []
    for method, by in dict.fromkeys((row["method"], row["classes_by"]) for row in result.rows):
        own = [row for row in result.rows if (row["method"], row["classes_by"]) == (method, by)]
        rows += [_with_ends(own[place]) for place in spread_over(len(own), 4)]
        differ = [row["epoch"] for row in own if row["crossed_q"] is not None and row["crossed_q"] < LEVEL]
        last = f", the last of them {differ[-1]}" if differ else ""
        share = f"classes differ (q < {LEVEL}) in {len(differ)} of {counted(len(own), 'epoch')}{last}"
        if own[0]["seeds"] < 2:
            share = "whether classes differ for other seeds, too, cannot be tested with one seed"
        notes.append(f"{label(method)} by {by} class: {share}")
    notes += dict.fromkeys(hardly_learnt(rows, result.settings.get("without_learning", {})))
    notes += [
        f"{label(method)} has no labels, or one for all examples; left out"
        for method in result.settings["without_labels"]
    ]
    columns = [
        Column("method", "method", "method"),
        Column("classes_by", "class"),
        Column("epoch", "t", "d"),
        Column("mean_r", "E[r_t]", ".3f"),
        Column("crossed_f", "F'", ".2f"),
        Column("crossed_p", "p", "p"),
        Column("crossed_q", "q", "p"),
        Column("f", "F, these seeds", ".2f"),
        Column("p", "p, these seeds", "p"),
        Column("epsilon_squared", "epsilon²", ".3f"),
        Column("sd", "sd of classes", ".3f"),
        Column("sd_if_equal", "if equal", ".3f"),
        Column("hardest", "hardest"),
        Column("easiest", "easiest"),
        Column("reference_spearman", f"Spearman with {label(result.settings['reference'])}", ".2f"),
    ]
    caption = (
        "do classes differ in r_t? F': for seeds and examples like these; q: p after Benjamini and Hochberg, all "
        "epochs of all methods; epsilon²: fraction of the variance of r_t that classes explain, chance taken off; some "
        "epochs of classes.csv"
    )
    return [Table(caption=caption, columns=columns, rows=rows, notes=notes)]


def _with_ends(row: results.Row) -> results.Row:
    """Add the hardest and the easiest class, where one is harder than another."""
    order = row["hard_to_easy"] or [None]
    return row | {"hardest": order[0], "easiest": order[-1]}


if __name__ == "__main__":
    main("classes")
