# SPDX-License-Identifier: Apache-2.0
"""Does it matter which of two views is scored? r_t of first against second views (memorization thesis, figure B.1).

A method that learns from two views of an image is scored on how each finds the other, so there are two indicators and
two r_t. They are compared averaged over all M augmentations, and for the first pair of views alone. The mean
absolute error is never 0: beside it stands its expectation if both views are equally hard, once with
independent trials and once with the answers of one network to one pair swapped at random.

python -m analysis.views --epochs 1 2 5 30 200
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table, spread_over
from analysis.statistics.agreement import agreement, expected_error_independent, expected_error_paired
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.names import label
from dynamics.study import Study

THESIS_EPOCHS = (1, 2, 5, 30, 200)

KINDS = ("averaged", "one pair")
"""With a single augmentation both are the same, and only one pair of views is compared."""

COLUMNS: Mapping[str, str] = {
    **shared("method"),
    "kind": "`averaged` over all augmentations, or `one pair`, the first pair of views alone.",
    **shared("epoch", "seeds"),
    "trials": "Answers on each view of an example: N M, for one pair N.",
    **shared("examples"),
    "mean_first": "E[r_t] of first views, 0 to 1.",
    "mean_second": "E[r_t] of second views, 0 to 1.",
    "mae": "Mean absolute difference of r_t between first and second views, 0 to 1.",
    "mae_if_equal": "`mae` to expect of equally hard views with independent trials.",
    "mae_if_equal_sd": "Standard deviation of `mae_if_equal`, examples being independent.",
    "mae_if_swapped": "`mae` to expect if the answers of a network to a pair of views were swapped at random.",
    "mae_if_swapped_sd": "Standard deviation of `mae_if_swapped`, examples being independent.",
    "pearson": "Correlation of r_t of first with second views, -1 to 1; empty where one is constant.",
    "spearman": "Rank correlation of r_t of first with second views, -1 to 1; empty where one is constant.",
}
"""What the columns mean."""


def applies(study: Study) -> str | None:
    """Say in one line why a study has nothing for this analysis; None where it has.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> applies(example_study()) is None
    True
    """
    if paired(study):
        return None
    return f"no method in study {study.name} has two views of an example, as simclr has"


def paired(study: Study) -> list[str]:
    """Return the methods whose panel has two views of each example.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> paired(example_study())
    ['simclr']
    """
    return [method for method in study.methods if study.runs[method][0].shape[0] > 1]


@checked
def analyse(study: Study, *, epochs: Sequence[int] | None = None) -> results.Result:
    """Compare first and second views for all methods of a study that have two.

    The result has a row for each method, kind ("averaged" or "one pair") and epoch; see :func:`row`. Its
    arrays `<method>.averaged` and `<method>.one pair` (epoch, view, example) are correct answers, out of the
    rows' `trials`, at the epochs of the rows; examples are in the panel's order.

    Parameters
    ----------
    study
        The study.
    epochs
        Epochs to compare at; by default 1 2 5 30 200, as far as a method has them, and its last.

    Raises
    ------
    UserError
        When no method has two views, or one of `epochs` is missing.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> analyse(example_study(), epochs=[2, 5]).table[["kind", "epoch", "mae"]].round(3).values.tolist()
    [['averaged', 2, 0.146], ['averaged', 5, 0.212], ['one pair', 2, 0.192], ['one pair', 5, 0.275]]
    """
    study.check_right_or_wrong()
    study = study.complete()
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    for method in paired(study):
        counts = study.counts(method)
        chosen = {t for t in THESIS_EPOCHS if t in counts.epochs} | {int(counts.epochs[-1])}
        wanted = sorted(set(epochs) if epochs else chosen)
        for epoch in wanted:
            counts.position(epoch)  # explains an epoch that is not there
        correct = study.indicators(method, wanted)[:, :, :2]
        for kind in KINDS[correct.shape[3] == 1 :]:
            own = correct if kind == "averaged" else correct[:, :, :, :1]
            rows += [row(method, kind, epoch, own[:, at]) for at, epoch in enumerate(wanted)]
            arrays[f"{method}.{kind}"] = own.sum(axis=(0, 3), dtype=np.int32)
    settings = {"one_view": [method for method in study.methods if method not in paired(study)]}
    return results.Result(name="views", rows=rows, inputs=study.inputs(), arrays=arrays, settings=settings)


def row(
    method: str, kind: str, epoch: int, correct: Bool[np.ndarray, "seed view augmentation example"]
) -> results.Row:
    """Compare first and second views at one epoch; correlations are nan for constant r_t.

    Examples
    --------
    >>> correct = np.array([[[[True, False]], [[True, True]]]])  # one seed, two views, two examples
    >>> found = row("simclr", "one pair", 1, correct)
    >>> found["mean_first"], found["mean_second"], found["mae"]
    (0.5, 1.0, 0.5)
    """
    seeds, _, augmentations, examples = correct.shape
    trials = seeds * augmentations
    first, second = correct.sum(axis=(0, 2), dtype=np.int64)
    found = agreement(first / trials, second / trials)
    independent = expected_error_independent(first, second, trials)
    swapped = expected_error_paired(correct[:, 0], correct[:, 1])
    return {
        "method": method,
        "kind": kind,
        "epoch": epoch,
        "seeds": seeds,
        "trials": trials,
        "examples": examples,
        "mean_first": float(first.mean() / trials),
        "mean_second": float(second.mean() / trials),
        "mae": found.mae,
        "mae_if_equal": independent.mean,
        "mae_if_equal_sd": independent.sd,
        "mae_if_swapped": swapped.mean,
        "mae_if_swapped_sd": swapped.sd,
        "pearson": found.pearson,
        "spearman": found.spearman,
    }


SHOWN = 6
"""Maximum number of epochs per method and kind in the table."""


def tables(result: results.Result) -> list[Table]:
    """Return each method and kind at the requested epochs, or at some of them where there are many.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study()))[0].notes
    ['one view only: supervised']
    """
    rows: list[results.Row] = []
    for method, kind in dict.fromkeys((row["method"], row["kind"]) for row in result.rows):
        own = [row for row in result.rows if (row["method"], row["kind"]) == (method, kind)]
        rows += [own[place] for place in spread_over(len(own), SHOWN)]
    columns = [
        Column("method", "method", "method"),
        Column("kind", "r_t"),
        Column("epoch", "t", "d"),
        Column("trials", "trials", "d"),
        Column("mean_first", "E[first]", ".3f"),
        Column("mean_second", "E[second]", ".3f"),
        Column("mae", "MAE", ".3f"),
        Column("mae_if_equal", "if independent", ".3f", "mae_if_equal_sd"),
        Column("mae_if_swapped", "if swapped", ".3f", "mae_if_swapped_sd"),
        Column("pearson", "Pearson", ".3f"),
        Column("spearman", "Spearman", ".3f"),
    ]
    caption = (
        "first against second views; MAE of equally hard views: if independent, and if swapped at random"
    )
    one_view = ", ".join(map(label, result.settings["one_view"]))
    notes = [f"one view only: {one_view}"] if one_view else []
    return [Table(caption=caption, columns=columns, rows=rows, notes=notes)]


if __name__ == "__main__":
    main("views")
