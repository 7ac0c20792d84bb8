# SPDX-License-Identifier: Apache-2.0
"""Is r_t(x) a property of x, or of the batch that it is looked up in? r_t without the luck of mates, at any batch size.

Methods that embed views are right where the positive is the nearest view of a batch, so an answer depends on the other
examples of the batch, the mates. The memorization thesis has one partition of its panel for all epochs and seeds. Here
mates are random: the probability of being right follows from the number of rivals, exactly (:mod:`dynamics.mates`).

    mean_r                   E[r_t] among random mates, in batches of the same size
    mates_share              part of the variance between examples that seeds share which is due to the fixed mates
    mean_r_other_classes     E[r_t] if mates of the example's own class did not count
    same_class_errors        part of the errors that go to mates of the example's own class, and its bounds

python -m analysis.mates
"""

from collections.abc import Iterator, Mapping

import numpy as np

from analysis.framework import results
from analysis.framework.columns import ends_of, shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table, spread_over
from analysis.statistics.disattenuated import Scores, reliability
from analysis.statistics.jackknife import mean_intervals
from analysis.statistics.mates import batch_sizes, mates_share, over_batch_sizes, same_class_errors
from dynamics.answers import batch_of
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.mates import right_among_mates
from dynamics.names import counted, label
from dynamics.snapshots.schema import RIVALS
from dynamics.study import Study

COLUMNS: Mapping[str, str] = {
    **shared("method", "epoch"),
    "batch": "Number of examples of a batch of the panel.",
    **shared("seeds"),
    "mean_r": "E[r_t] among random mates in batches of this size, 0 to 1.",
    **ends_of("mean_r"),
    "mean_r_fixed": "E[r_t] among the panel's fixed mates, 0 to 1.",
    "mean_r_other_classes": "`mean_r` if mates of the example's own class did not count.",
    "same_class_errors": "Probability that a rival, drawn in the batch of an error, is of the example's class.",
    "same_class_errors_least": "Fraction of errors that go to the own class for certain: no other rival is there.",
    "same_class_errors_most": "Fraction of errors that can go to the own class: a rival of it is there.",
    "mates_share": "Part of the variance between examples, as seeds share it, that fixed mates make: 0 none, 1 all.",
    **shared("mates_share_examples_like_these_low", "mates_share_examples_like_these_high"),
    "observed": "Correlation of r_t among fixed and among random mates; empty where one is constant.",
    "reliability": "Reliability of r_t among random mates: 0 all noise, 1 none; empty for one seed.",
    "reliability_fixed": "Reliability of r_t among the fixed mates.",
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
    if study.kept is not None:
        return "mates are those of the whole panel: leave out `keep`"
    if any(_rivals_of(study)):
        return None
    return f"no method in study {study.name} recorded rivals: train one that embeds views, such as simclr"


def _rivals_of(study: Study) -> Iterator[str]:
    for method in study.methods:
        if all({*RIVALS} <= {*run.recorded} and "panel_batch" in run.config for run in study.runs[method]):
            yield method


@checked
def analyse(study: Study) -> results.Result:
    """Set r_t among random mates beside that among the fixed ones, for all methods that recorded rivals, and epochs.

    The result has a row for each method and epoch. Its arrays are, for each method, `<method>.epochs`,
    `<method>.batch_sizes` (size), and E[r_t] among random mates in batches of these sizes, `<method>.mean_r` (epoch,
    size), and without mates of the example's class, `<method>.mean_r_other_classes` (epoch, size).

    Parameters
    ----------
    study
        The study.

    Raises
    ------
    UserError
        When no method recorded rivals.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> row = analyse(example_study()).rows[0]
    >>> row["method"], row["batch"], 0 <= row["mean_r"] <= row["mean_r_other_classes"] <= 1
    ('simclr', 10, True)
    """
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    for method in _rivals_of(study):
        run = study.runs[method][0]
        examples, batch = run.shape[2], batch_of(run)
        sizes, right_with = batch_sizes(examples, batch), right_among_mates(examples, batch)
        curves: dict[str, list[np.ndarray]] = {"mean_r": [], "mean_r_other_classes": []}
        for epoch, right, *counts in study.stream(method, "correct", "rivals", "same_class_rivals"):
            rivals, same_class = (values[:, 0] for values in counts)
            rows.append(
                {
                    "method": method,
                    "epoch": epoch,
                    "batch": batch,
                    **_row(right[:, 0], rivals, same_class, right_with, batch),
                }
            )
            curves["mean_r"].append(over_batch_sizes(rivals, examples, sizes))
            curves["mean_r_other_classes"].append(over_batch_sizes(rivals - same_class, examples, sizes))
        arrays |= {f"{method}.{name}": np.stack(values) for name, values in curves.items()}
        arrays[f"{method}.batch_sizes"] = np.array(sizes)
        arrays[f"{method}.epochs"] = np.array([row["epoch"] for row in rows if row["method"] == method])
    return results.Result(name="mates", rows=rows, inputs=study.inputs(), arrays=arrays)


def _row(
    right: np.ndarray, rivals: np.ndarray, same_class: np.ndarray, right_with: np.ndarray, batch: int
) -> results.Row:
    """Return one epoch's numbers, from arrays (seed, augmentation, example)."""
    among_random = right_with[rivals]
    seeds, errors = range(len(right)), same_class_errors(rivals, same_class, right_with)
    share = mates_share(right, among_random, batch=batch)
    intervals = mean_intervals(among_random.mean(axis=(1, 2)), among_random.mean(axis=(0, 1)))
    r = [values.mean(axis=(0, 1)) for values in (right, among_random)]
    varies = min(values.std() for values in r) > 0
    return {
        "seeds": len(right),
        "mean_r": float(among_random.mean()),
        **intervals.columns("mean_r"),
        "mean_r_fixed": float(right.mean()),
        "mean_r_other_classes": float(right_with[rivals - same_class].mean()),
        "same_class_errors": errors.errors,
        "same_class_errors_least": errors.least,
        "same_class_errors_most": errors.most,
        "mates_share": share.share,
        "mates_share_examples_like_these_low": float(share.interval.low),
        "mates_share_examples_like_these_high": float(share.interval.high),
        "observed": float(np.corrcoef(*r)[0, 1]) if varies else None,
        "reliability": reliability(Scores(among_random.mean(axis=1), seeds)),
        "reliability_fixed": reliability(Scores(right.mean(axis=1), seeds)),
    }


def tables(result: results.Result) -> list[Table]:
    """Return each method at its first, middle and last epochs.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study()))[0].notes
    ['SimCLR: batches of 10 of 30 examples']
    """
    rows, notes = [], []
    for method, own in result.by_method.items():
        rows += [own[place] for place in spread_over(len(own), 5)]
        examples = result.arrays[f"{method}.batch_sizes"][-1]
        notes.append(f"{label(method)}: batches of {own[0]['batch']} of {counted(int(examples), 'example')}")
    if any(row["seeds"] == 1 for row in rows):
        notes.append("what seeds share, and its parts, need two seeds")
    columns = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("mean_r_fixed", "E[r_t], fixed mates", ".3f"),
        Column("mean_r", "random mates", ".3f"),
        Column("mean_r_examples_like_these", "95 %, examples like these", "interval"),
        Column("mates_share", "mates' share", ".2f"),
        Column("mates_share_examples_like_these", "95 %, examples like these", "interval"),
        Column("observed", "correlation", ".2f"),
        Column("mean_r_other_classes", "without own class", ".3f"),
        Column("same_class_errors", "errors to own class", ".2f"),
        Column("same_class_errors_least", "at least", ".2f"),
        Column("same_class_errors_most", "at most", ".2f"),
    ]
    caption = (
        "is it the example, or its mates? mates' share: of the variance between examples that seeds agree on, the part "
        "that the panel's fixed batches make; correlation: of r_t among fixed and among random mates, over examples; "
        "errors to own class: a rival taken at random in the batch of a wrong answer is of the example's class"
    )
    return [Table(caption=caption, columns=columns, rows=rows, notes=notes)]


if __name__ == "__main__":
    main("mates")
