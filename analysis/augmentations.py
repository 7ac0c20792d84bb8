# SPDX-License-Identifier: Apache-2.0
"""Is it the example that is hard, or its augmentation? r~_t of every augmentation (memorization thesis, figure 4.5).

The variance of `correct` is split into components: between examples, between the augmentations of one example,
between seeds, between a seed's examples beyond that, and the rest, from all K examples at the first epochs whose
mean r_t reaches 1/4, 1/2 and 3/4. The fraction of the true variance of r~_t that lies between augmentations says
how much averaging over them evens the examples out. The intervals are over seeds: they say how much other seeds
would change the numbers for the same examples and augmentations. A method with one augmentation has no such split.

python -m analysis.augmentations
"""

from collections.abc import Sequence

import numpy as np

from analysis.binomial import TARGETS, Case, cases, check_targets, never_reached
from analysis.framework import results
from analysis.framework.command import main
from analysis.framework.random_state import generator
from analysis.framework.table import Column, Table
from analysis.statistics.variance_components import component_intervals, variance_components
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.names import label
from dynamics.study import Study

SHOWN = 21
"""About how many examples a figure shows, evenly spaced in order of r_t: every 50th of 1024, as in the thesis."""


def applies(study: Study) -> str | None:
    """Say in one line why a study has nothing for this analysis; None where it has.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> applies(example_study()) is None
    True
    """
    return _reason(study, TARGETS)


@checked
def analyse(study: Study, *, targets: Sequence[float] = TARGETS, random_state: int = 0) -> results.Result:
    """Split the variance of `correct` for all methods of a study with several augmentations.

    The result has a row for each method and epoch that is the first to reach a target; see :func:`row`. Its arrays
    have one layer for each row of a method: `<method>.mean_counts` (row, example), correct answers out of N * M,
    sorted; and of the examples that are shown `<method>.shown` (row, shown), their places in that order, and
    `<method>.shown_counts` (row, shown, augmentation), correct answers out of N.

    Parameters
    ----------
    study
        The study.
    targets
        Means of r_t, 0 to 1; each is analysed at the first epoch that reaches it.
    random_state
        Seed of the bootstrap over training seeds.

    Raises
    ------
    UserError
        When no method has several augmentations, or none of those reaches a target; when there are no targets.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> analyse(example_study()).table[["method", "targets", "epoch"]].values.tolist()
    [['simclr', [0.25], 3], ['simclr', [0.5], 5], ['supervised', [0.25], 3], ['supervised', [0.5], 5]]
    """
    check_targets(targets)
    if (reason := _reason(study, targets)) is not None:
        raise UserError(reason)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    several = augmented(study)
    for method in several:
        own = cases(study, method, "r", targets)
        if not own:
            continue
        rows += [row(case, generator(random_state, case.epoch)) for case in own]
        layers = [_layer(case) for case in own]
        for name in layers[0]:
            arrays[f"{method}.{name}"] = np.stack([layer[name] for layer in layers])
    settings = {
        "targets": list(targets),
        "random_state": random_state,
        "one_augmentation": [method for method in study.methods if method not in several],
    }
    return results.Result(
        name="augmentations", rows=rows, inputs=study.inputs(), arrays=arrays, settings=settings
    )


def augmented(study: Study) -> list[str]:
    """Return the methods whose panel has several augmentations of each example.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> augmented(example_study())
    ['simclr', 'supervised']
    """
    return [method for method in study.methods if study.runs[method][0].shape[1] > 1]


def _reason(study: Study, targets: Sequence[float]) -> str | None:
    several = augmented(study)
    if not several:
        return (
            f"no method in study {study.name} has several augmentations of an example: "
            "train one with 2 or more panel augmentations"
        )
    highest, method = max((float(study.counts(method).mean.max()), method) for method in several)
    if highest < min(targets):
        return (
            f"no method with several augmentations in study {study.name} reaches a mean r_t of {min(targets)} "
            f"({method} gets to {highest:.3f}): train longer"
        )
    return None


def row(case: Case, rng: np.random.Generator) -> results.Row:
    """Return the components of one method's variance at one epoch, each with its interval.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> (case,) = cases(example_study(), "simclr", "r", [0.5])
    >>> found = row(case, np.random.default_rng(0))
    >>> found["epoch"], round(found["var_example"], 3)
    (5, 0.054)
    """
    found = variance_components(case.correct)
    low, high = component_intervals(case.correct, rng=rng)
    seeds, augmentations, examples = case.correct.shape
    values: results.Row = {
        "method": case.method,
        "targets": list(case.targets),
        "epoch": case.epoch,
        "seeds": seeds,
        "augmentations": augmentations,
        "examples": examples,
        "mean_r": case.p0,
    }
    for name in found._fields:
        column = name if name == "augmentation_share" else f"var_{name}"
        values[column] = float(getattr(found, name))
        values[f"{column}_low"] = float(getattr(low, name))
        values[f"{column}_high"] = float(getattr(high, name))
    return values


def _layer(case: Case) -> dict[str, np.ndarray]:
    """Return the arrays that the figure draws for one case."""
    examples = len(case.counts)
    order = np.argsort(case.counts, kind="stable")
    shown = np.arange(0, examples, max(1, round(examples / (SHOWN - 0.5))))
    single = case.correct.sum(axis=0, dtype=np.int32)[:, order[shown]]
    return {"mean_counts": case.counts[order], "shown": shown, "shown_counts": single.T}


PARTS = {
    "example": "example %",
    "augmentation": "augmentation %",
    "seed": "seed %",
    "seed_by_example": "seed x example %",
    "residual": "rest %",
}
"""Components of the variance of `correct`, by column title."""


def tables(result: results.Result) -> list[Table]:
    """Return the components of the variance of `correct`, in percent, and the fraction between augmentations.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> (table,) = tables(analyse(example_study()))
    >>> table.notes[1]
    'SimCLR never reaches a mean r_t of 0.75'
    """
    columns = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("targets", "first to reach"),
        Column("seeds", "N", "d"),
        Column("mean_r", "E[r_t]", ".3f"),
        *(Column(f"percent_{part}", title, ".1f") for part, title in PARTS.items()),
        Column("augmentation_share", "fraction", ".3f"),
        Column("augmentation_share", "95 % over seeds", "interval"),
    ]
    caption = (
        "components of the variance of correct; fraction: of the true variance of r~_t, between augmentations"
    )
    rows = [row_ | _percentages(row_) for row_ in result.rows]
    return [Table(caption=caption, columns=columns, rows=rows, notes=_notes(result))]


def _percentages(row_: results.Row) -> results.Row:
    """Return each component in percent of their sum; None where there is no variance, or no split."""
    values = [np.nan if row_[f"var_{part}"] is None else row_[f"var_{part}"] for part in PARTS]
    total = sum(values)
    return {
        f"percent_{part}": 100 * value / total if total > 0 else None
        for part, value in zip(PARTS, values, strict=True)
    }


def _notes(result: results.Result) -> list[str]:
    notes = []
    if any((row_[f"var_{part}"] or 0) < 0 for row_ in result.rows for part in PARTS):
        notes.append("a negative component is an unbiased estimate of one near 0")
    if any(row_["seeds"] < 3 for row_ in result.rows):
        notes.append("intervals need three seeds, and the split itself two")
    single = result.settings["one_augmentation"]
    notes += [f"{label(method)} has one augmentation of each example: nothing to split" for method in single]
    several = [method for method in result.inputs if method not in single]
    return notes + never_reached(result.rows, several, result.settings["targets"])


if __name__ == "__main__":
    main("augmentations")
