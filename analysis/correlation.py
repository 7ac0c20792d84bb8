# SPDX-License-Identifier: Apache-2.0
"""Do two methods find the same examples hard? r_t correlated over examples, at equal means of r_t.

Each method is taken where its mean of r_t is 1/4, 1/2 and 3/4, interpolated between epochs, so that none has learnt
more than another. Noise of few seeds makes the correlation of two r_t too small; here it comes from pairs of different
seeds, which share no noise (:mod:`analysis.statistics.disattenuated`), over all examples and within classes. Beside it
stand the reliability of each r_t, and how many seeds would bring it to 0.8.

python -m analysis.correlation
"""

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table
from analysis.framework.targets import TARGETS, Crossing, check_targets, crossing
from analysis.statistics.disattenuated import Scores, correlate, reliability, seeds_needed
from analysis.statistics.jackknife import mean_intervals
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import label
from dynamics.study import Study

COLUMNS: Mapping[str, str] = {
    **shared("method", "other"),
    "mean": "E[r_t] at which both methods are taken.",
    "within_classes": "Whether examples are compared within their true classes, or all with all.",
    **shared("seeds"),
    "epoch": "Epoch of `method`, between two, at which E[r_t] first is `mean`.",
    **shared("epoch_low", "epoch_high"),
    "other_seeds": "Number of seeds of `other`.",
    "other_epoch": "Epoch of `other`, between two, at which E[r_t] first is `mean`.",
    **shared("other_epoch_low", "other_epoch_high", "examples"),
    "rho": "Correlation of r_t over examples without the noise of few seeds; empty where seeds share nothing.",
    **shared("rho_examples_like_these_low", "rho_examples_like_these_high", "observed"),
    "example_rho": "`rho` of the examples under any augmentations, from pairs of different seeds and augmentations; "
    "empty with one augmentation, or where different ones share nothing.",
    **shared("example_rho_examples_like_these_low", "example_rho_examples_like_these_high"),
    "reliability": f"{shared('reliability')['reliability']} Over all examples, in rows of a class, too.",
    **shared("seeds_for_80"),
    "other_reliability": "`reliability` of the r_t of `other`.",
    "other_seeds_for_80": "`seeds_for_80` of `other`.",
}
"""What the columns mean."""


class Aligned(NamedTuple):
    """A method where its mean of r_t is a given one."""

    epoch: float
    """Between two epochs."""
    epoch_low: float | None
    epoch_high: float | None
    """Ends of its 95 % interval, over seeds; None where the mean's own interval does not reach the mean."""
    scores: Scores
    """Answers, interpolated between two epochs: what two methods are compared by."""
    single: Scores | None
    """The same by augmentation; None where there is one."""
    reliability: float
    """Of r_t, interpolated between those of the two epochs; interpolated answers would hold less noise."""


@checked
def analyse(
    study: Study, *, targets: Sequence[float] = TARGETS, mates: Mates | None = None
) -> results.Result:
    """Correlate r_t of all pairs of methods at equal means of r_t.

    The result has a row for each pair of methods (a method with itself, too), mean, and over all examples or within
    classes; see :func:`row`.

    Parameters
    ----------
    study
        The study.
    targets
        Means of r_t, 0 to 1.
    mates
        Where the nearest view is looked for: among the panel's fixed mates (the thesis's), or among random ones, which
        leaves r_t(x) a property of x (:mod:`dynamics.mates`); by default as the study has it, fixed.

    Raises
    ------
    UserError
        When there are no targets, or one is not in [0, 1].

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = analyse(example_study(), targets=[0.5]).table
    >>> found[["method", "other", "within_classes"]].values.tolist()[2:4]
    [['simclr', 'supervised', False], ['simclr', 'supervised', True]]
    """
    study = study.with_mates(mates).complete()
    check_targets(targets)
    rows: list[results.Row] = []
    never: dict[str, list[float]] = {}
    for mean in dict.fromkeys(targets):
        aligned = {method: found for method in study.methods if (found := at_equal_mean(study, method, mean))}
        for method in study.methods:
            if method not in aligned:
                never.setdefault(method, []).append(mean)
        for method, other in combinations_with_replacement(aligned, 2):
            if method == other or why_not_comparable(study, method, other) is None:
                rows += _rows(study, method, other, mean, aligned)
    pairs = combinations_with_replacement(study.methods, 2)
    reasons = [why_not_comparable(study, *pair) for pair in pairs if pair[0] != pair[1]]
    left_out = [reason for reason in reasons if reason]
    left_out += [_never_at(study, method, missed) for method, missed in never.items()]
    settings = {"targets": list(targets), "left_out": left_out}
    return results.Result(name="correlation", rows=rows, inputs=study.inputs(), settings=settings)


def at_equal_mean(study: Study, method: str, mean: float) -> Aligned | None:
    """Return every seed's answers where the method's mean of r_t is `mean`; None where it never is.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = at_equal_mean(example_study(), "simclr", 0.5)
    >>> round(found.epoch, 2), found.scores.values.shape
    (4.25, (4, 30))
    """
    counts = study.counts(method)
    found = crossing(counts.mean, mean)
    if found is None:
        return None
    band = mean_intervals(counts.seed_means, counts.learning_probability.T).these_examples
    low, high = (_epoch(counts.epochs, crossing(curve, mean)) for curve in (band.high, band.low))
    ends = [int(counts.epochs[place]) for place in (found.before, found.after)]
    single = study.indicators(method, ends)[:, :, 0]
    answers = single.mean(axis=2)
    weights = 1 - found.weight, found.weight
    values = weights[0] * answers[:, 0] + weights[1] * answers[:, 1]
    known = [reliability(Scores(answers[:, at], counts.seeds)) for at in (0, 1)]
    epoch = _epoch(counts.epochs, found)
    assert epoch is not None
    blend = weights[0] * known[0] + weights[1] * known[1]
    by_augmentation = _by_augmentation(weights[0] * single[:, 0] + weights[1] * single[:, 1], counts.seeds)
    return Aligned(epoch, low, high, Scores(values, counts.seeds), by_augmentation, blend)


def _by_augmentation(
    answers: Float[np.ndarray, "seed augmentation example"], seeds: Sequence[int]
) -> Scores | None:
    number, augmentations, examples = answers.shape
    if augmentations < 2:
        return None
    return Scores(
        answers.reshape(number * augmentations, examples),
        np.repeat(np.array(seeds), augmentations).tolist(),
        np.tile(np.arange(augmentations), number).tolist(),
    )


def _never_at(study: Study, method: str, targets: Sequence[float]) -> str:
    means = study.counts(method).mean
    return (
        f"{label(method)} never is at a mean r_t of {', '.join(map(str, targets))}: it begins at {means[0]:.3f} and "
        f"rises to {means.max():.3f} (choose other targets)"
    )


def _epoch(epochs: np.ndarray, found: Crossing | None) -> float | None:
    return None if found is None else float(found.between(epochs.astype(np.float64)))


def why_not_comparable(study: Study, method: str, other: str) -> str | None:
    """Say why the examples of two methods cannot be set against each other; None where they can.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> why_not_comparable(example_study(), "simclr", "supervised")
    """
    first, second = (study.runs[name][0] for name in (method, other))
    between = f"{label(method)} and {label(other)} are not compared"
    given = [run.panel.get("ids") for run in (first, second)]  # files only say where an example comes from
    if not np.array_equal(first.examples, second.examples) or given[0] != given[1]:
        return f"{between}: their panels are of different examples"
    # What other programs recorded is named by them, or only numbered as it came.
    unnamed = [
        label(run.method)
        for run in (first, second)
        if not run.panel.get("named", "file" not in run.provenance)
    ]
    if unnamed:
        return (
            f"{between}: nothing says which examples those of {' and '.join(unnamed)} are, or in which order"
        )
    one, two = (run.labels if run.true_labels is None else run.true_labels for run in (first, second))
    if one is not None and two is not None and (unlike := np.count_nonzero(one != two)):
        return (
            f"{between}: {unlike} of {len(first.examples)} examples of the same index or id have different labels "
            "(where labels are wrong on purpose, `true_labels` says what they are)"
        )
    data = [run.provenance.get("data_fingerprint") for run in (first, second) if not run.panel.get("named")]
    if len({*data}) > 1:
        return f"{between}: they were not trained on the same images"
    return None


def _rows(
    study: Study, method: str, other: str, mean: float, aligned: dict[str, Aligned]
) -> list[results.Row]:
    counts = study.counts(method)
    labels = counts.labels if counts.true_labels is None else counts.true_labels
    grouped = labels is not None and len(np.unique(labels)) > 1
    first, second = aligned[method], aligned[other]
    return [
        {
            "method": method,
            "other": other,
            "mean": mean,
            "within_classes": within,
            **_named("", first),
            **_named("other_", second),
            "examples": first.scores.values.shape[1],
            **row(first.scores, second.scores, labels if within else None),
            **_of_examples(first.single, second.single, labels if within else None),
            **_reliability_of("", first),
            **_reliability_of("other_", second),
        }
        for within in ((False, True) if grouped else (False,))
    ]


def _named(prefix: str, aligned: Aligned) -> results.Row:
    return {
        f"{prefix}seeds": len(aligned.scores.seeds),
        f"{prefix}epoch": aligned.epoch,
        f"{prefix}epoch_low": aligned.epoch_low,
        f"{prefix}epoch_high": aligned.epoch_high,
    }


def _reliability_of(prefix: str, aligned: Aligned) -> results.Row:
    needed = seeds_needed(aligned.reliability, len(aligned.scores.seeds))
    return {f"{prefix}reliability": aligned.reliability, f"{prefix}seeds_for_80": finite(needed)}


def row(first: Scores, second: Scores, labels: np.ndarray | None = None) -> results.Row:
    """Return the correlation of two methods, with its interval.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> answers = (rng.random((2, 6, 200)) < rng.random(200)).astype(float)
    >>> found = row(Scores(answers[0], range(6)), Scores(answers[1], range(6)))
    >>> round(found["rho"], 1), round(found["observed"], 1)
    (1.0, 0.7)
    """
    found = correlate(first, second, labels)
    return {
        "rho": found.rho,
        "rho_examples_like_these_low": float(found.examples_like_these.low),
        "rho_examples_like_these_high": float(found.examples_like_these.high),
        "observed": found.observed,
    }


def _of_examples(first: Scores | None, second: Scores | None, labels: np.ndarray | None) -> results.Row:
    """Return the correlation without what the augmentations do, and its interval."""
    if first is None or second is None:
        low = high = rho = None
    else:
        found = correlate(first, second, labels)
        rho, low, high = found.rho, *map(float, found.examples_like_these)
    return {
        "example_rho": rho,
        "example_rho_examples_like_these_low": low,
        "example_rho_examples_like_these_high": high,
    }


def finite(value: float) -> float | None:
    """Return a number; None where there is none, or no number is large enough.

    Examples
    --------
    >>> finite(8.0), finite(np.inf)
    (8.0, None)
    """
    return value if np.isfinite(value) else None


def beyond_one(rows: Sequence[results.Row]) -> list[str]:
    """Say how estimates are to be read that no correlation can have.

    Examples
    --------
    >>> beyond_one([{"rho": 1.2, "reliability": -0.4}])  # doctest: +ELLIPSIS
    ['a rho above 1 is...', 'a reliability below 0 says...']
    """
    above = any((row_.get("rho") or 0) > 1 for row_ in rows)
    below = any((row_.get("reliability") or 0) < 0 for row_ in rows)
    notes = ["a rho above 1 is more than a correlation can be: noise, see its interval"] * above
    notes += ["a reliability below 0 says that seeds agree less than by chance: read it as 0"] * below
    return notes


def tables(result: results.Result) -> list[Table]:
    """Return the correlations of pairs (`pairs`), and how reliable each method's r_t is (`reliability`).

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [table.key for table in tables(analyse(example_study()))]
    ['pairs', 'reliability']
    """
    return [_pairs(result), _reliability(result)]


def _pairs(result: results.Result) -> Table:
    columns = [
        Column("mean", "E[r_t]", ".2f"),
        Column("method", "method", "method"),
        Column("epoch", "t", ".1f"),
        Column("other", "other", "method"),
        Column("other_epoch", "t", ".1f"),
        Column("over", "over"),
        Column("observed", "observed", ".2f"),
        Column("rho", "rho", ".2f"),
        Column("rho_examples_like_these", "95 %, examples like these", "interval"),
        Column("example_rho", "rho, any augmentations", ".2f"),
        Column("example_rho_examples_like_these", "95 %, examples like these", "interval"),
    ]
    over = {True: "examples of a class", False: "all examples"}
    rows = [
        row_ | {"over": over[row_["within_classes"]]}
        for row_ in result.rows
        if row_["method"] != row_["other"]
    ]
    notes = list(result.settings["left_out"])
    single = any(1 in (row_["seeds"], row_["other_seeds"]) for row_ in rows)
    reason = (
        "a method has one seed"
        if single
        else "what the seeds of a method share is not two standard errors above 0"
    )
    notes += [f"where {reason} there is no rho; more seeds may tell"] * any(
        row_["rho"] is None or np.isnan(row_["rho"]) for row_ in rows
    )
    notes += beyond_one([*rows, *({"rho": row_["example_rho"]} for row_ in rows)])
    caption = (
        "are the same examples hard, under the panel's augmentations? rho: correlation of r_t between methods at "
        "equal means, without the noise of few seeds (observed: with it); any augmentations: of the examples "
        "themselves, for methods may be asked about the same augmentations, or each about its own"
    )
    return Table(key="pairs", caption=caption, columns=columns, rows=rows, notes=notes)


def _reliability(result: results.Result) -> Table:
    columns = [
        Column("mean", "E[r_t]", ".2f"),
        Column("method", "method", "method"),
        Column("epoch", "t", ".1f"),
        Column("epoch", "95 %, other seeds", "interval"),
        Column("seeds", "N", "d"),
        Column("reliability", "reliability", ".2f"),
        Column("seeds_for_80", "seeds for 0.8", "up"),
    ]
    rows = [row_ for row_ in result.rows if row_["method"] == row_["other"] and not row_["within_classes"]]
    caption = (
        "how well N seeds know which examples are hard under the panel's augmentations: correlation of r_t with that "
        "of N new seeds"
    )
    return Table(key="reliability", caption=caption, columns=columns, rows=rows, notes=beyond_one(rows))


if __name__ == "__main__":
    main("correlation")
