# SPDX-License-Identifier: Apache-2.0
"""Does it matter which of two views is asked: r_t of first against second views (memorization thesis, figure B.1).

A method that learns from two views of an image asks each for the other, so there are two indicators and two
r_t. They are compared averaged over all M augmentations, and for the first pair of views alone. The mean
absolute error is never 0: beside it stands what it would be if both views were equally hard, once with
independent trials and once with the answers of one network to one pair swapped at random.

python -m analysis.views --epochs 1 2 5 30 200
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tyro
from jaxtyping import Bool

from analysis.framework import console, results
from analysis.framework.where import Where, open_study
from analysis.statistics.agreement import agreement, expected_error_independent, expected_error_paired
from dynamics.errors import UserError
from dynamics.study import Study

THESIS_EPOCHS = (1, 2, 5, 30, 200)

KINDS = ("averaged", "one pair")


def applies(study: Study) -> str | None:
    """Say in one line why a study has nothing for this analysis; None where it has."""
    if paired(study):
        return None
    return f"no method in study {study.name} has two views of an example: simclr does"


def paired(study: Study) -> list[str]:
    """Return the methods whose panel has two views of each example."""
    return [method for method in study.methods if study.runs[method][0].shape[0] > 1]


def analyse(study: Study, *, epochs: Sequence[int] | None = None) -> results.Result:
    """Compare first and second views for all methods of a study that have two.

    The result has a row for each method, kind ("averaged" or "one pair") and epoch; see :func:`row`. Its
    arrays `<method>.averaged` and `<method>.one pair` (epoch, view, example) are correct answers, out of the
    rows' `trials`, at the epochs of the rows; examples are in the panel's order.

    Parameters
    ----------
    study
        What to read.
    epochs
        Which epochs; by default those of the thesis that a method has, and its last.

    Raises
    ------
    UserError
        When no method has two views, or an epoch that was asked for is missing.
    """
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    for method in paired(study):
        counts = study.counts(method)
        chosen = {t for t in THESIS_EPOCHS if t in counts.epochs} | {int(counts.epochs[-1])}
        wanted = sorted(chosen if epochs is None else set(epochs))
        for epoch in wanted:
            counts.position(epoch)  # explains an epoch that is not there
        correct = study.indicators(method, wanted)[:, :, :2]
        for kind in KINDS:
            own = correct if kind == "averaged" else correct[:, :, :, :1]
            rows += [row(method, kind, epoch, own[:, at]) for at, epoch in enumerate(wanted)]
            arrays[f"{method}.{kind}"] = own.sum(axis=(0, 3), dtype=np.int32)
    settings = {"one_view": [method for method in study.methods if method not in paired(study)]}
    return results.Result(name="views", rows=rows, inputs=study.inputs(), arrays=arrays, settings=settings)


def row(
    method: str, kind: str, epoch: int, correct: Bool[np.ndarray, "seed view augmentation example"]
) -> results.Row:
    """Return how first and second views compare at one epoch; correlations are nan for constant r_t."""
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


def show(result: results.Result) -> None:
    """Print one line a method, kind and epoch."""
    columns = ["method", "r_t", "epoch", "trials", "E[first]", "E[second]", "MAE", "if equal", "if swapped"]
    console.table(
        "first against second views; the MAE of views that are equally hard: if independent, and if swapped at random",
        [*columns, "Pearson", "Spearman"],
        [
            [row_["method"], row_["kind"], row_["epoch"], row_["trials"]]
            + [f"{row_[name]:.3f}" for name in ("mean_first", "mean_second", "mae")]
            + [f"{row_[name]:.3f} ± {row_[f'{name}_sd']:.3f}" for name in ("mae_if_equal", "mae_if_swapped")]
            + ["" if np.isnan(row_[name]) else f"{row_[name]:.3f}" for name in ("pearson", "spearman")]
            for row_ in result.rows
        ],
    )
    if result.settings["one_view"]:
        console.say(f"one view only: {', '.join(result.settings['one_view'])}")


@dataclass(frozen=True, kw_only=True)
class Arguments(Where):
    """Compare r_t of first and second views."""

    epochs: tuple[int, ...] | None = None
    """Epochs to compare at; by default 1 2 5 30 200, as far as a method has them, and its last."""


def main() -> None:
    """Run the command."""
    arguments = tyro.cli(Arguments, prog="python -m analysis.views")
    study = open_study(arguments)
    result = analyse(study, epochs=arguments.epochs)
    show(result)
    results.save(result, arguments.results / study.name)


if __name__ == "__main__":
    console.run(main)
