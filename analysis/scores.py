# SPDX-License-Identifier: Apache-2.0
"""Which examples are hard? The scores of the literature, and how well N seeds know them.

Forgetting, first learned, confidence, variability, AUM, EL2N and others (:mod:`analysis.statistics.difficulty` defines
them), as far as a study's arrays allow. For each, the reliability of the mean over N seeds and the seeds that a
reliability of 0.9 needs; the correlation of any two, of one method or of two, without the noise of few seeds; and where
some labels are wrong (`--flip-labels 0.1`), how well the score tells them from the others: the area under the ROC
curve, 0.5 for chance, 1 where all wrong labels look harder than all right ones.

Scores of single runs are noisy (Kwok et al. 2024, arXiv:2401.01867): look at the reliability first.

python -m analysis.scores
"""

from collections.abc import Iterator, Mapping
from itertools import combinations_with_replacement

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from analysis.correlation import beyond_one, finite, why_not_comparable
from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table, spread_over
from analysis.statistics.difficulty import HARD, NEEDS, DifficultySoFar, early_epoch, title
from analysis.statistics.disattenuated import Scores, correlate, reliability, seeds_needed
from dynamics.kinds import checked
from dynamics.names import label
from dynamics.study import Study

WANTED = 0.9
"""Reliability that the seeds are counted for."""
CHECKPOINTS = 10
"""About how many epochs the area under the ROC curve is computed after."""

COLUMNS: Mapping[str, str] = {
    **shared("method", "score", "other"),
    "other_score": "Score of `other` that it is compared with; in rows about one score the same.",
    **shared("seeds"),
    "hard": "Whether a `high` or a `low` score means a hard example; empty for variability.",
    **shared("reliability"),
    "seeds_for_90": "Number of seeds that a reliability of 0.9 needs; empty where no number is enough.",
    "rho": "Rank correlation without the noise of few seeds; above 0 where both call the same examples hard.",
    **shared("rho_examples_like_these_low", "rho_examples_like_these_high", "observed"),
    "auroc": "Area under the ROC curve of wrong labels: 0.5 chance, 1 finds all; empty without wrong labels.",
}
"""What the columns mean."""


@checked
def analyse(study: Study) -> results.Result:
    """Compute all difficulty scores of a study, how reliable they are, and how they correlate.

    The result has a row for each score of each method with itself, and for each pair of scores; see :func:`row`. Its
    arrays are `<method>.<score>` (seed, example), averaged over augmentations, `<method>.examples` (example), and where
    some labels are wrong `<method>.wrong` (example), `<method>.checkpoints` (epoch) and `<method>.auroc.<score>`
    (epoch), of the scores of all epochs up to that one.

    Parameters
    ----------
    study
        The study.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = analyse(example_study()).table
    >>> found[found["method"] + found["score"] == found["other"] + found["other_score"]]["score"].unique().tolist()
    ['area', 'first_learned', 'learned_for_good', 'forgetting']
    """
    study = study.complete()
    ranked: dict[tuple[str, str], Scores] = {}
    arrays: dict[str, np.ndarray] = {}
    auroc: dict[tuple[str, str], float] = {}
    for method in study.methods:
        wrong = wrong_labels(study, method)
        checkpoints, by_epoch = [], []
        for epoch, state in difficulty_of(study, method):
            if wrong is not None and epoch in _checkpoints(study, method):
                checkpoints.append(epoch)
                by_epoch.append(
                    {name: detection(values, wrong, name) for name, values in state.scores().items()}
                )
        values = state.scores()
        seeds = [run.seed for run in study.runs[method]]
        for name, own in values.items():
            arrays[f"{method}.{name}"] = own
            ranked[method, name] = Scores(stats.rankdata(own, axis=1), seeds)
            if wrong is not None:
                curve = np.array([found.get(name, np.nan) for found in by_epoch])
                arrays[f"{method}.auroc.{name}"] = curve
                auroc[method, name] = float(curve[-1])
        arrays[f"{method}.examples"] = study.runs[method][0].examples
        if wrong is not None:
            arrays[f"{method}.checkpoints"], arrays[f"{method}.wrong"] = np.array(checkpoints), wrong
    rows = []
    for one, other in combinations_with_replacement(ranked, 2):
        if one[0] == other[0] or why_not_comparable(study, one[0], other[0]) is None:
            rows.append(row(one, other, ranked) | {"auroc": auroc.get(one) if one == other else None})
    return results.Result(name="scores", rows=rows, inputs=study.inputs(), arrays=arrays)


def difficulty_of(study: Study, method: str) -> Iterator[tuple[int, DifficultySoFar]]:
    """Yield every epoch with the scores up to it, of the first view.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> *_, (epoch, state) = difficulty_of(example_study(), "supervised")
    >>> epoch, list(state.scores())
    (6, ['area', 'first_learned', 'learned_for_good', 'forgetting'])
    """
    runs = study.runs[method]
    names = [name for name in dict.fromkeys(NEEDS.values()) if all(name in run.recorded for run in runs)]
    state = DifficultySoFar(early=early_epoch(len(study.counts(method).epochs)))
    for epoch, *arrays in study.stream(method, *names):
        state.add({name: values[:, 0] for name, values in zip(names, arrays, strict=True)})
        yield epoch, state


def wrong_labels(study: Study, method: str) -> Bool[np.ndarray, " example"] | None:
    """Return which examples were trained on a wrong label; None where none was, or most were.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> wrong_labels(example_study(), "supervised") is None
    True
    """
    run = study.runs[method][0]
    if run.labels is None or run.true_labels is None:
        return None
    wrong = run.labels != run.true_labels
    return wrong if 0 < wrong.mean() < 0.5 else None


def _checkpoints(study: Study, method: str) -> set[int]:
    epochs = study.counts(method).epochs
    return {int(epochs[place]) for place in spread_over(len(epochs), CHECKPOINTS)}


def detection(
    values: Float[np.ndarray, "seed example"], wrong: Bool[np.ndarray, " example"], score: str
) -> float:
    """Return the area under the ROC curve of the mean over seeds: wrong labels should look hard.

    Of a score without a hard side the better one is taken: 0.5 to 1.

    Examples
    --------
    >>> detection(np.array([[0.1, 0.9, 0.8]]), np.array([True, False, False]), "area")
    1.0
    """
    ranks = stats.rankdata(values.mean(axis=0) * (HARD[score] or 1))
    some, others = wrong.sum(), (~wrong).sum()
    area = float((ranks[wrong].sum() - some * (some + 1) / 2) / (some * others))
    return area if HARD[score] else max(area, 1 - area)


def row(
    one: tuple[str, str], other: tuple[str, str], ranked: Mapping[tuple[str, str], Scores]
) -> results.Row:
    """Return how two scores correlate, or how reliable one is.

    `rho` is positive where both call the same examples hard.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> hard = rng.normal(size=300)
    >>> scores = {("m", name): Scores(sign * hard + rng.normal(size=(8, 300)), range(8))
    ...           for name, sign in (("area", -1), ("el2n", 1))}
    >>> round(row(("m", "area"), ("m", "el2n"), scores)["rho"], 1)
    1.0
    """
    first, second = ranked[one], ranked[other]
    values: results.Row = {
        "method": one[0],
        "score": one[1],
        "other": other[0],
        "other_score": other[1],
        "seeds": len(first.seeds),
        "hard": {1: "high", -1: "low", 0: None}[HARD[one[1]]],
        **dict.fromkeys(("reliability", "seeds_for_90", "rho", "rho_examples_like_these_low")),
        "rho_examples_like_these_high": None,
        "observed": None,
    }
    if one == other:
        known = reliability(first)
        needed = seeds_needed(known, len(first.seeds), wanted=WANTED)
        return values | {"reliability": known, "seeds_for_90": finite(needed)}
    sign = (HARD[one[1]] or 1) * (HARD[other[1]] or 1)
    found = correlate(first, second)
    ends = sorted(sign * float(end) for end in found.examples_like_these)
    return values | {
        "rho": sign * found.rho,
        "rho_examples_like_these_low": ends[0],
        "rho_examples_like_these_high": ends[1],
        "observed": sign * found.observed,
    }


def tables(result: results.Result) -> list[Table]:
    """Return the reliability of all scores (`reliability`), and the correlations of those of one method (`pairs`).

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [table.key for table in tables(analyse(example_study()))]
    ['reliability', 'pairs']
    """
    own = [row for row in result.rows if (row["method"], row["score"]) == (row["other"], row["other_score"])]
    columns = [
        Column("method", "method", "method"),
        Column("title", "score"),
        Column("hard", "hard"),
        Column("seeds", "N", "d"),
        Column("reliability", "reliability", ".2f"),
        Column("seeds_for_90", "seeds for 0.9", "up"),
        Column("auroc", "wrong labels, AUROC", ".2f"),
    ]
    notes = [
        f"{label(method)}: {int(result.arrays[f'{method}.wrong'].sum())} of "
        f"{len(result.arrays[f'{method}.wrong'])} examples have a wrong label"
        for method in dict.fromkeys(row["method"] for row in own)
        if f"{method}.wrong" in result.arrays
    ]
    if any(row["seeds"] == 1 for row in own):
        notes.append("reliability needs two seeds")
    notes += beyond_one(own)
    caption = (
        "how well do N seeds know which examples are hard? reliability: rank correlation with the score of N new "
        "seeds, under the panel's augmentations"
    )
    first = Table(
        key="reliability",
        caption=caption,
        columns=columns,
        rows=[row | _titled(row) for row in own],
        notes=notes,
    )
    return [first, _pairs(result)]


def _titled(row: results.Row) -> results.Row:
    return {"title": title(row["score"]), "other_title": title(row["other_score"])}


def _pairs(result: results.Result) -> Table:
    rows = [
        row | _titled(row)
        for row in result.rows
        if row["method"] == row["other"] and row["score"] != row["other_score"]
    ]
    columns = [
        Column("method", "method", "method"),
        Column("title", "score"),
        Column("other_title", "score"),
        Column("observed", "observed", ".2f"),
        Column("rho", "rho", ".2f"),
        Column("rho_examples_like_these", "95 %, examples like these", "interval"),
    ]
    caption = (
        "do scores call the same examples hard? rank correlation of two scores of one method, without the noise of few "
        "seeds (observed: with it); scores.csv has those between methods"
    )
    return Table(key="pairs", caption=caption, columns=columns, rows=rows, notes=beyond_one(rows))


if __name__ == "__main__":
    main("scores")
