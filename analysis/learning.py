# SPDX-License-Identifier: Apache-2.0
"""With what probability is each example learnt after each epoch? r_t(x) (memorization thesis, eqs. 4.2, 4.3, 4.5).

    r_t(x)   = 1/(N M) * sum over seeds and augmentations of correct      E[r_t] = mean over the panel
    r~_t(x~) = 1/N * sum over seeds of correct, for one fixed augmentation

python -m analysis.learning
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from analysis.framework import results
from analysis.framework.columns import ends_of, shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table, spread_over, wider_of_two
from analysis.statistics.jackknife import mean_intervals
from dynamics.answers import MethodCounts
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import label
from dynamics.study import Study

COLUMNS: Mapping[str, str] = {
    **shared("method", "epoch", "seeds"),
    "trials": "Answers on each example, N M; their mean over examples where some are missing.",
    **shared("mean_r"),
    **ends_of("mean_r"),
    "sd_r": "Standard deviation of r_t over examples, with the noise of N seeds, 0 to 1/2.",
    "kept_labels": "Number of examples whose changed label is the true one; empty where no label was changed.",
    "mean_r_kept": "E[r_t] of the examples that kept their true label; empty where no label was changed.",
    "mean_r_changed": "E[r_t] of the examples with another label; empty where no label was changed.",
    "mean_r_tilde": "E[r~_t]: the mean under the first augmentation, 0 to 1.",
    "sd_r_tilde": "Standard deviation of r~_t over examples, with the noise of N seeds, 0 to 1/2.",
}
"""What the columns mean."""


@checked
def analyse(study: Study, *, mates: Mates | None = None) -> results.Result:
    """Compute r_t, r~_t and E[r_t] of all methods and epochs.

    The result has one row per method and epoch, and for each method the arrays `<method>.correct` (epoch,
    example; counts of the first view out of N * M), `.correct_second` (the second view, where there is one),
    `.single` (epoch, example; counts out of N), where answers are missing `.answered` and `.single_answered` (how many
    each count is out of), `.epochs`, `.examples`, and `.labels`, `.true_labels` where
    they are known.

    Parameters
    ----------
    study
        The study.
    mates
        Where the nearest view is looked for: among the panel's fixed mates (the thesis's), or among random ones, which
        leaves r_t(x) a property of x (:mod:`dynamics.mates`); by default as the study has it, fixed.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> analyse(example_study()).table.groupby("method")["mean_r"].last().round(3).to_dict()
    {'simclr': 0.729, 'supervised': 0.688}
    """
    study = study.with_mates(mates)
    rows, arrays, settings = [], {}, {}
    for method in study.methods:
        counts = study.counts(method)
        rows += _rows(counts)
        arrays.update(_arrays(counts))
        settings[method] = {
            "seeds": counts.num_seeds,
            "augmentations": counts.num_augmentations,
            "trials": counts.trials,
            "views": len(counts.correct),
            "examples": len(counts.examples),
        }
    return results.Result(
        name="learning", rows=rows, inputs=study.inputs(), arrays=arrays, settings={"methods": settings}
    )


def _rows(counts: MethodCounts) -> list[results.Row]:
    r, single = counts.learning_probability, counts.single_augmentation
    intervals = mean_intervals(counts.seed_means, r.T)
    return [
        {
            "method": counts.method,
            "epoch": int(epoch),
            "seeds": counts.num_seeds,
            "trials": counts.trials if counts.answered is None else float(counts.answered[0, i].mean()),
            "mean_r": float(r[i].mean()),
            **intervals.columns("mean_r", i),
            "sd_r": float(r[i].std()),
            **_by_label(counts, r[i]),
            "mean_r_tilde": float(single[i].mean()),
            "sd_r_tilde": float(single[i].std()),
        }
        for i, epoch in enumerate(counts.epochs)
    ]


def _by_label(counts: MethodCounts, r: Float[np.ndarray, " example"]) -> results.Row:
    """Return the means of examples that a permutation of the labels leaves their own, and of the others."""
    own, true = counts.labels, counts.true_labels
    changed = None if own is None or true is None else own != true
    if changed is None or not changed.any():
        return dict.fromkeys(("kept_labels", "mean_r_kept", "mean_r_changed"))
    kept = int((~changed).sum())
    return {
        "kept_labels": kept,
        "mean_r_kept": float(r[~changed].mean()) if kept else None,
        "mean_r_changed": float(r[changed].mean()),
    }


def _arrays(counts: MethodCounts) -> dict[str, np.ndarray]:
    small: type[np.generic] = np.uint16 if counts.trials < 2**16 else np.uint32
    if counts.correct.dtype != np.int32:
        small = np.float32  # expected counts, among random mates
    arrays = {
        "correct": counts.correct[0].astype(small),
        "single": counts.single.astype(small),
        "epochs": counts.epochs,
        "examples": counts.examples,
    }
    if counts.answered is not None and counts.single_answered is not None:
        arrays["answered"], arrays["single_answered"] = counts.answered[0], counts.single_answered
    if len(counts.correct) > 1:
        arrays["correct_second"] = counts.correct[1].astype(small)
    if counts.labels is not None:
        arrays["labels"] = counts.labels
    if counts.true_labels is not None:
        arrays["true_labels"] = counts.true_labels
    return {f"{counts.method}.{name}": array for name, array in arrays.items()}


def tables(result: results.Result) -> list[Table]:
    """Return each method at its first, middle and last epochs.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study()))[0].cells()[0]
    ['SimCLR', '1', '4', '8', '0.117', '0.095 to 0.138', '0.060 to 0.173', '0.144', '0.083', '0.149']
    """
    rows = []
    last = {row["method"]: row for row in result.rows}
    for own in result.by_method.values():
        rows += [own[place] for place in spread_over(len(own), 5)]
    columns = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("seeds", "N", "d"),
        Column("trials", "N*M", "g"),
        Column("mean_r", "E[r_t]", ".3f"),
        Column("mean_r_these_examples", "95 %, these examples", "interval"),
        Column("mean_r_examples_like_these", "95 %, examples like these", "interval"),
        Column("sd_r", "sd r_t", ".3f"),
        Column("mean_r_tilde", "E[r~_t]", ".3f"),
        Column("sd_r_tilde", "sd r~_t", ".3f"),
    ]
    notes = [
        f"{label(method)}: {kept} of {len(result.arrays[f'{method}.examples'])} examples kept their true label; "
        f"E[r_t] at the end {row['mean_r_kept']:.3f} of these, {row['mean_r_changed']:.3f} of the others"
        for method, row in last.items()
        if (kept := row["kept_labels"])
    ]
    caption = "learning probability at first, middle and last epochs (learning.csv has every epoch)"
    return [Table(caption=caption, columns=columns, rows=rows, notes=notes + wider_of_two(rows))]


if __name__ == "__main__":
    main("learning")
