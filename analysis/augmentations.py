# SPDX-License-Identifier: Apache-2.0
"""Is it the example that is hard, or its augmentation? r~_t of every augmentation (memorization thesis, figure 4.5).

After every epoch the variance of `correct` is split into components: between examples, between the augmentations of
one example, between seeds, between a seed's examples beyond that, and the rest. Three answers come from it:

    example_f         do examples differ beyond their augmentations and the luck of seeds? (F', within the classes
                      that the method saw, where they are known; corrected for the number of tests)
    augmentation_share   what fraction of the true variance of r~_t lies between augmentations of one example
    generalizability     what fraction of the variance of r_t between examples is the examples' own: with these
                      numbers of seeds and augmentations, and without bound of either

A method with one augmentation of each example has no split: there "example" means the augmented example.

python -m analysis.augmentations
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64, Shaped

from analysis.framework import results
from analysis.framework.columns import ends_of, shared
from analysis.framework.command import main
from analysis.framework.false_discoveries import control_false_discoveries
from analysis.framework.table import Column, Table, spread_over, wider_of_two
from analysis.framework.targets import (
    TARGETS,
    check_targets,
    first_reaching,
    first_to_reach,
    never_reached,
)
from analysis.framework.without_learning import hardly_learnt, means_without_learning
from analysis.statistics.common_augmentation import ALIKE, common_effect
from analysis.statistics.variance_components import (
    component_intervals,
    example_test,
    generalizability,
    variance_components,
)
from dynamics.answers import MethodCounts
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import counted, label
from dynamics.study import Study

SHOWN = 21
"""About how many examples a figure shows, evenly spaced in order of r_t: every 50th of 1024, as in the thesis."""
LEVEL = 0.05
"""Level of the test."""

COLUMNS: Mapping[str, str] = {
    **shared("method", "epoch", "targets", "seeds", "augmentations", "examples", "mean_r"),
    "tested": "What `example_f` tests: `example`, or with one augmentation `augmented example`.",
    "within_classes": "Whether examples are compared within the classes that the method saw.",
    "example_f": "F' of examples against augmentations and the luck of seeds: about 1 where they do not differ.",
    **shared("example_dof", "example_error_dof"),
    "example_p": "p-value of `example_f`: small where examples differ.",
    "var_example": "Variance between examples (augmented ones for M = 1); a negative estimate means about 0.",
    "var_augmentation": "Variance between augmentations of one example; empty for one augmentation.",
    "var_seed": "Variance between seeds: how far their accuracies spread.",
    "var_seed_by_example": "Variance of a seed's luck with one example; for M = 1 all of the rest.",
    "var_residual": "Variance of the rest of an answer; empty for one augmentation.",
    "var_r": "Variance of r_t over examples without the noise of seeds: example + augmentation / M.",
    "var_r_tilde": "Variance of r~_t without the noise of seeds: example + augmentation.",
    "augmentation_share": "Fraction of `var_r_tilde` between augmentations of one example, about 0 to 1.",
    "generalizability": "Fraction of the variance of r_t that is the examples' own; near 0 a new study reorders them.",
    "generalizability_more_seeds": "`generalizability` for any number of seeds; empty for one augmentation.",
    "generalizability_more_augmentations": "`generalizability` for any number of augmentations; empty for one.",
    **ends_of("var_example"),
    **ends_of("var_r"),
    **ends_of("var_r_tilde"),
    **ends_of("augmentation_share"),
    **ends_of("generalizability"),
    "selection_epochs": "First epochs at the first of `targets` by either half of the seeds; empty below four seeds.",
    "selection_p": "p-value of `example_f` by the seeds that did not choose the epoch: the larger of both halves.",
    **shared("example_q"),
}
"""What the columns mean."""


@checked
def analyse(
    study: Study, *, targets: Sequence[float] = TARGETS, mates: Mates | None = None
) -> results.Result:
    """Split the variance of `correct` for all methods and epochs of a study.

    The result has a row for each method and epoch; see :func:`row`. `targets` lists the means of r_t that an epoch is
    the first to reach. The arrays have one layer for each row of a method that has targets: `<method>.mean_counts`
    (row, example), correct answers out of N * M, sorted; and of the examples that are shown `<method>.shown` (row,
    shown), their places in that order, and `<method>.shown_counts` (row, shown, augmentation), answers out of N.

    Parameters
    ----------
    study
        The study.
    targets
        Means of r_t, 0 to 1, at whose first epochs single augmentations are shown.
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
    >>> result = analyse(example_study())
    >>> [(row["method"], row["epoch"], row["targets"]) for row in result.rows if row["targets"]]
    [('simclr', 3, [0.25]), ('simclr', 5, [0.5]), ('supervised', 3, [0.25]), ('supervised', 5, [0.5])]
    """
    study = study.with_mates(mates).complete()
    check_targets(targets)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    common: list[str] = []
    for method in study.methods:
        counts = study.counts(method)
        reached = {
            int(counts.epochs[at]): means for at, means in first_to_reach(counts.mean, targets).items()
        }
        labels = trained_labels(counts)
        layers = []
        for epoch, right in study.answers(method):
            if method not in common and common_effect(right[:, 0]) < ALIKE:
                common.append(method)
            own = row(right[:, 0], labels)
            rows.append({"method": method, "epoch": epoch, "targets": reached.get(epoch, []), **own})
            if epoch in reached:
                layers.append(_layer(right[:, 0]))
        for one in rows:
            if one["method"] == method:
                one |= selection(study, method, one["targets"][0]) if one["targets"] else NO_SELECTION
        for name in layers[0] if layers else ():
            arrays[f"{method}.{name}"] = np.stack([layer[name] for layer in layers])
    control_false_discoveries(rows, "example_p", "example_q")
    return results.Result(
        name="augmentations",
        rows=rows,
        inputs=study.inputs(),
        arrays=arrays,
        settings={
            "targets": list(targets),
            "without_learning": means_without_learning(study),
            "common": common,
        },
    )


NO_SELECTION: results.Row = dict.fromkeys(("selection_epochs", "selection_p"))


def selection(study: Study, method: str, target: float) -> results.Row:
    """Choose the epoch of a target on every other seed and test it on the rest, and the other way round.

    An epoch that is chosen and tested by the same seeds may look more unequal than it is. Returned are the two epochs
    and the larger of the two p-values of F'; None for fewer than four seeds, or where half of them never get there.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = selection(example_study(), "simclr", 0.5)
    >>> found["selection_epochs"], round(found["selection_p"], 2)
    ([5, 6], 0.21)
    """
    counts = study.counts(method)
    halves = np.arange(counts.num_seeds) % 2 == 0, np.arange(counts.num_seeds) % 2 == 1
    if counts.num_seeds < 4:
        return NO_SELECTION
    epochs, p = [], []
    for chosen, tested in (halves, halves[::-1]):
        at = first_reaching(counts.seed_means[chosen].mean(axis=0), target)
        if at is None:
            return NO_SELECTION
        epochs.append(int(counts.epochs[at]))
        right = study.indicators(method, epochs[-1:])[:, 0, 0]
        p.append(float(example_test(right[tested], trained_labels(counts)).p))
    return {"selection_epochs": epochs, "selection_p": max(p) if np.isfinite(p).all() else None}


def trained_labels(counts: MethodCounts) -> Int64[np.ndarray, " example"] | None:
    """Return the class of each example as the method saw it; None where there are no classes of several examples.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> len(np.unique(trained_labels(example_study().counts("simclr"))))
    3
    """
    labels = counts.true_labels if counts.labels is None else counts.labels
    several = labels is not None and 1 < len(np.unique(labels)) <= len(labels) // 2
    return labels if several else None


def row(
    correct: Shaped[np.ndarray, "seed augmentation example"],
    labels: Int64[np.ndarray, " example"] | None = None,
) -> results.Row:
    """Return the test, the components and their intervals at one epoch; nan where seeds or examples are too few.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = row(example_study().indicators("simclr", [5])[:, 0, 0])
    >>> round(found["var_example"], 3), round(found["generalizability"], 2)
    (0.054, 0.73)
    """
    seeds, augmentations, examples = correct.shape
    test, found = example_test(correct, labels), variance_components(correct)
    values: results.Row = {
        "seeds": seeds,
        "augmentations": augmentations,
        "examples": examples,
        "mean_r": float(correct.mean()),
        "tested": "example" if augmentations > 1 else "augmented example",
        "within_classes": labels is not None,
        "example_f": float(test.f),
        "example_dof": float(test.dof_above),
        "example_error_dof": float(test.dof_below),
        "example_p": float(test.p),
        **{_column(name): float(value) for name, value in found._asdict().items()},
        "generalizability_more_seeds": None,
        "generalizability_more_augmentations": None,
    }
    if augmentations > 1:
        for name, more in (("seeds", (np.inf, augmentations)), ("augmentations", (seeds, np.inf))):
            limit = generalizability(found, seeds=more[0], augmentations=more[1])
            values[f"generalizability_more_{name}"] = float(limit)
    for name, intervals in component_intervals(correct).items():
        values |= intervals.columns(_column(name))
    return values


def _column(component: str) -> str:
    return component if component in ("augmentation_share", "generalizability") else f"var_{component}"


def _layer(correct: Shaped[np.ndarray, "seed augmentation example"]) -> dict[str, np.ndarray]:
    """Return the arrays that the figure draws of one epoch."""
    kind = np.int32 if correct.dtype == bool else np.float64
    counts = correct.sum(axis=(0, 1), dtype=kind)
    order = np.argsort(counts, kind="stable")
    shown = np.arange(0, len(counts), max(1, round(len(counts) / (SHOWN - 0.5))))
    single = correct.sum(axis=0, dtype=kind)[:, order[shown]]
    return {"mean_counts": counts[order], "shown": shown, "shown_counts": single.T}


PARTS = {
    "example": "example %",
    "augmentation": "augmentation %",
    "seed": "seed %",
    "seed_by_example": "seed x example %",
    "residual": "rest %",
}
"""Components of the variance of `correct`, by column title."""


def tables(result: results.Result) -> list[Table]:
    """Return whether examples differ (`test`), and how the variance of `correct` splits (`split`).

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> test, split = tables(analyse(example_study()))
    >>> test.notes[0]
    'SimCLR: examples of a class differ (q < 0.05) in 3 of 6 epochs'
    """
    return [_test(result), _split(result)]


def _test(result: results.Result) -> Table:
    shown: list[results.Row] = []
    notes = []
    for method, own in result.by_method.items():
        shown += [own[place] for place in spread_over(len(own), 4)]
        what = f"{own[0]['tested']}s{' of a class' if own[0]['within_classes'] else ''}"
        tested = [one for one in own if one["example_q"] is not None]
        if own[0]["seeds"] < 2:
            notes.append(f"{label(method)}: a test of {what} needs two seeds")
        else:
            differ = sum(one["example_q"] < LEVEL for one in tested)
            notes.append(
                f"{label(method)}: {what} differ (q < {LEVEL}) in {differ} of {counted(len(own), 'epoch')}"
            )
    columns = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("mean_r", "E[r_t]", ".3f"),
        Column("tested", "tested"),
        Column("example_f", "F'", ".2f"),
        Column("example_p", "p", "p"),
        Column("example_q", "q", "p"),
        Column("generalizability", "generalizability", ".2f"),
        Column("generalizability_these_examples", "95 %, these examples", "interval"),
        Column("generalizability_examples_like_these", "95 %, examples like these", "interval"),
        Column("generalizability_more_seeds", "any N", ".2f"),
        Column("generalizability_more_augmentations", "any M", ".2f"),
    ]
    caption = (
        "is it the example? F' about 1: examples (of a class, where classes are known) do not differ beyond their "
        "augmentations and the luck of seeds; q: p "
        "after Benjamini and Hochberg, all epochs of all methods; generalizability: fraction of the variance of r_t, "
        "between classes as well, that is the examples' own, at this N and M and without bound of one of them; some "
        "epochs of augmentations.csv"
    )
    notes += wider_of_two(shown)
    notes += ["a generalizability outside 0 to 1 is a ratio of noise: hardly anything varies"] * any(
        one[name] is not None and not 0 <= one[name] <= 1
        for one in shown
        for name in ("generalizability", "generalizability_more_seeds", "generalizability_more_augmentations")
    )
    notes += _common(result)
    notes += hardly_learnt(shown, result.settings.get("without_learning", {}))
    return Table(key="test", caption=caption, columns=columns, rows=shown, notes=notes)


def _split(result: results.Result) -> Table:
    several = [one for one in result.rows if one["augmentations"] > 1]
    rows = [one | _percentages(one) for one in several if one["targets"]]
    columns = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("targets", "first to reach"),
        Column("seeds", "N", "d"),
        Column("mean_r", "E[r_t]", ".3f"),
        *(Column(f"percent_{part}", title, ".1f") for part, title in PARTS.items()),
        Column("selection_p", "p, other seeds", "p"),
        Column("augmentation_share", "fraction", ".3f"),
        Column("augmentation_share_these_examples", "95 %, these examples", "interval"),
        Column("augmentation_share_examples_like_these", "95 %, examples like these", "interval"),
    ]
    caption = (
        "components of the variance of correct; p, other seeds: of F' where the epoch was chosen on one half of the "
        "seeds and tested on the other (the larger of two); fraction: of the true variance of r~_t, between "
        "augmentations"
    )
    single = dict.fromkeys(one["method"] for one in result.rows if one["augmentations"] == 1)
    notes = ["a negative component is an unbiased estimate of one near 0"] * any(
        (one[f"var_{part}"] or 0) < 0 for one in rows for part in PARTS
    )
    notes += ["intervals need three seeds, and the split itself two"] * any(one["seeds"] < 3 for one in rows)
    notes += wider_of_two([one for one in rows if one["seeds"] > 2])
    notes += ["p, other seeds: needs four seeds"] * any(one["seeds"] < 4 for one in rows)
    notes += ["a fraction outside 0 to 1 is a ratio of noise: hardly anything varies"] * any(
        one["augmentation_share"] is not None and not 0 <= one["augmentation_share"] <= 1 for one in rows
    )
    notes += [f"{label(method)} has one augmentation of each example: nothing to split" for method in single]
    methods = dict.fromkeys(one["method"] for one in several)
    notes += _common(result)
    notes += hardly_learnt(rows, result.settings.get("without_learning", {}))
    notes += never_reached([one for one in several if one["targets"]], methods, result.settings["targets"])
    return Table(key="split", caption=caption, columns=columns, rows=rows, notes=notes)


def _common(result: results.Result) -> list[str]:
    """Say whose augmentations are the same transforms for all examples."""
    return [
        f"{label(method)}: some augmentations are easier for all examples alike (p < {ALIKE:g}), not drawn for each "
        "anew: F', components, fractions and generalizability do not hold"
        for method in result.settings.get("common", ())
    ]


def _percentages(one: results.Row) -> results.Row:
    """Return each component in percent of their sum; None where there is no variance, or no split."""
    values = [np.nan if one[f"var_{part}"] is None else one[f"var_{part}"] for part in PARTS]
    total = sum(values)
    return {
        f"percent_{part}": 100 * value / total if total > 0 else None
        for part, value in zip(PARTS, values, strict=True)
    }


if __name__ == "__main__":
    main("augmentations")
