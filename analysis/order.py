# SPDX-License-Identifier: Apache-2.0
"""In which order are examples learnt, and do other seeds and other methods learn them in the same one? Four scores.

Scores of all epochs together (area under the curve of answers, first learned, learned for good, forgetting) select no
epoch and are far more reliable than r_t of one. For each, the mean rank correlation of two seeds says how much order
there is (0 where chance alone orders the examples; tested by shuffling the examples of a class within seeds), its value
for the mean over N seeds how well this study knows it, and the correlation between methods without the noise of few
seeds (:mod:`analysis.statistics.disattenuated`) how much two methods share. All are about the panel's augmentations: an
example may be learnt early under these and late under others.

python -m analysis.order
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy import stats

from analysis import correlation
from analysis.augmentations import LEVEL, trained_labels
from analysis.correlation import beyond_one, finite, why_not_comparable
from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.random_state import generator
from analysis.framework.table import Column, Table
from analysis.statistics.difficulty import title
from analysis.statistics.disattenuated import Scores, seeds_needed
from analysis.statistics.learning_order import SCORES, learning_order
from analysis.statistics.within_seeds import Permutation, check_permutations, permutation_test
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import label
from dynamics.study import Study

COLUMNS: Mapping[str, str] = {
    **shared("method", "other", "score", "seeds", "examples"),
    "seeds_rho": "Mean rank correlation of two seeds: 0 no common order, 1 the same; empty for pairs of methods.",
    "permutation_p": "p-value of `seeds_rho`, by shuffling the examples of a class within seeds; small: an order.",
    **shared("reliability", "seeds_for_80"),
    "rho": "Rank correlation of two methods without the noise of few seeds; empty in rows about one method.",
    **shared("rho_examples_like_these_low", "rho_examples_like_these_high", "observed"),
}
"""What the columns mean."""


@checked
def analyse(
    study: Study, *, permutations: int = 999, random_state: int = 0, mates: Mates | None = None
) -> results.Result:
    """Order the examples of all methods, and compare the orders of seeds and of methods.

    The result has a row for each method and score (`other` is the method itself), and for each pair of methods and
    score. Its arrays `<method>.<score>` (example) are means over seeds and augmentations, in the panel's order, and
    `<method>.examples` their indices.

    Parameters
    ----------
    study
        The study.
    permutations
        Number of permutations of the test of agreement between seeds.
    random_state
        Seed of the permutations.
    mates
        Where the nearest view is looked for: among the panel's fixed mates (the thesis's), or among random ones, which
        leaves r_t(x) a property of x (:mod:`dynamics.mates`); by default as the study has it, fixed.

    Raises
    ------
    UserError
        When `permutations` is not from 1 to a million, or `random_state` is negative.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = analyse(example_study(), permutations=99).table
    >>> found[found["score"] == "area"][["method", "other"]].values.tolist()
    [['simclr', 'simclr'], ['supervised', 'supervised'], ['simclr', 'supervised']]
    """
    study = study.with_mates(mates).complete()
    check_permutations(permutations)
    scores: dict[str, dict[str, Scores]] = {}
    arrays: dict[str, np.ndarray] = {}
    rows: list[results.Row] = []
    for method in study.methods:
        counts = study.counts(method)
        order = learning_order(right[:, 0] for _, right in study.answers(method))
        for name, values in order._asdict().items():
            arrays[f"{method}.{name}"] = values.mean(axis=0)
            ranked = Scores(stats.rankdata(values, axis=1), counts.seeds)
            scores.setdefault(name, {})[method] = ranked
            tested = permutation_test(
                ranked.values,
                trained_labels(counts),
                rng=generator(random_state, len(rows)),
                permutations=permutations,
            )
            rows.append(_of_one(method, name, ranked, tested))
        arrays[f"{method}.examples"] = counts.examples
    left_out = []
    for method, other in combinations(study.methods, 2):
        reason = why_not_comparable(study, method, other)
        if reason is not None:
            left_out.append(reason)
            continue
        for name in SCORES:
            first, second = scores[name][method], scores[name][other]
            rows.append(_row(method, other, name, first, correlation.row(first, second)))
    settings = {"permutations": permutations, "random_state": random_state, "left_out": left_out}
    return results.Result(name="order", rows=rows, inputs=study.inputs(), arrays=arrays, settings=settings)


MEASURED = ("seeds_rho", "permutation_p", "reliability", "seeds_for_80", "rho", "rho_examples_like_these_low",
           "rho_examples_like_these_high", "observed")  # fmt: skip


def _row(method: str, other: str, score: str, scores: Scores, values: results.Row) -> results.Row:
    seeds, examples = scores.values.shape
    place: results.Row = {
        "method": method,
        "other": other,
        "score": score,
        "seeds": seeds,
        "examples": examples,
    }
    return place | dict.fromkeys(MEASURED) | values


def _of_one(method: str, name: str, ranks: Scores, tested: Permutation) -> results.Row:
    """Return how much the seeds of one method agree."""
    seeds = len(ranks.values)
    rho = mean_correlation(ranks.values)
    reliability = seeds * rho / (1 + (seeds - 1) * rho)
    values = {
        "seeds_rho": rho,
        "permutation_p": tested.p_over if seeds > 1 and np.isfinite(tested.z) else None,
        "reliability": reliability,
        "seeds_for_80": finite(seeds_needed(reliability, seeds)),
    }
    return _row(method, method, name, ranks, values)


def mean_correlation(ranks: Float[np.ndarray, "seed example"]) -> float:
    """Return the mean Spearman correlation over pairs of seeds; nan for one seed, or one without any order.

    Examples
    --------
    >>> round(mean_correlation(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])), 2)
    -0.33
    """
    if len(ranks) < 2 or (np.ptp(ranks, axis=1) == 0).any():
        return float("nan")
    return float(np.corrcoef(ranks)[np.triu_indices(len(ranks), 1)].mean())


def tables(result: results.Result) -> list[Table]:
    """Return how much seeds agree (`seeds`), and how much methods do (`methods`).

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [len(table.rows) for table in tables(analyse(example_study(), permutations=9))]
    [8, 4]
    """
    rows = [row | {"title": title(row["score"])} for row in result.rows]
    seeds = [
        Column("method", "method", "method"),
        Column("title", "score"),
        Column("seeds", "N", "d"),
        Column("seeds_rho", "rho of two seeds", ".2f"),
        Column("permutation_p", "p", "p"),
        Column("reliability", "reliability", ".2f"),
        Column("seeds_for_80", "seeds for 0.8", "up"),
    ]
    pairs = [
        Column("title", "score"),
        Column("method", "method", "method"),
        Column("other", "other", "method"),
        Column("observed", "observed", ".2f"),
        Column("rho", "rho", ".2f"),
        Column("rho_examples_like_these", "95 %, examples like these", "interval"),
    ]
    of_one = [row for row in rows if row["method"] == row["other"]]
    of_two = sorted(
        (row for row in rows if row["method"] != row["other"]), key=lambda row: SCORES.index(row["score"])
    )
    return [
        Table(
            key="seeds",
            caption=(
                "do seeds learn examples in one order? rho: mean rank correlation of two seeds, 0 where there is no "
                "order; p: by shuffling examples of a class within seeds; reliability: of the mean over N seeds"
            ),
            columns=seeds,
            rows=of_one,
            notes=[*beyond_one(of_one), *_within_classes_only(of_one)],
        ),
        Table(
            key="methods",
            caption=(
                "do methods learn examples in one order, under the panel's augmentations? rho: rank correlation "
                "without the noise of few seeds (observed: with it); methods may share augmentations: see "
                "analysis.correlation"
            ),
            columns=pairs,
            rows=of_two,
            notes=[*result.settings["left_out"], *beyond_one(of_two)],
        ),
    ]


def _within_classes_only(rows: Sequence[results.Row]) -> list[str]:
    """Say of what p is where seeds agree less than by chance and p is small all the same."""
    return [
        f"{label(row['method'])}, {row['title']}: seeds order a class's examples alike (p), but classes unlike (rho)"
        for row in rows
        if row["seeds_rho"] is not None and row["seeds_rho"] < 0 and (row["permutation_p"] or 1) < LEVEL
    ]


if __name__ == "__main__":
    main("order")
