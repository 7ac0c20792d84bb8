# SPDX-License-Identifier: Apache-2.0
"""Weaknesses of the thesis's statistics, with the numbers of a study that show them."""

from collections.abc import Sequence

import numpy as np

from analysis.framework.results import Row
from analysis.framework.table import Column, Table, power
from analysis.framework.targets import of_quantity
from analysis.papers import Results, Weakness
from dynamics.names import counted, label
from dynamics.study import Study


def weaknesses(study: Study, results: Results) -> list[Weakness]:
    """Return all weaknesses; one whose results are missing has no numbers.

    Examples
    --------
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> found = weaknesses(example_study(), {"binomial": binomial.analyse(example_study())})
    >>> [weakness.title for weakness in found]
    ['Chi-square', 'Mean absolute error', 'Sorting', 'Repeated examples']
    >>> "in 0 of 5 tests all expected counts are at 5 or above" in found[0].text
    True
    """
    return [
        _tails(results),
        _floors(results),
        _order(results),
        *_mates(results),
        *_kept_labels(results),
        _replacement(study),
    ]


def _tails(results: Results) -> Weakness:
    text = [
        "Its chi-square has expected counts near zero in the tails, so that values like 10¹⁹ measure a single cell."
    ]
    rows = [row for row in _noise(results, "r_tilde") if row["chi2"] is not None]
    if rows:
        valid = sum(bool(row["chi2_valid"]) for row in rows)
        text += [
            f"Here the smallest expected count is {min(row['chi2_smallest_expected'] for row in rows):.1g}, and "
            f"in {valid} of {counted(len(rows), 'test')} all expected counts are at 5 or above.",
            _largest(max(rows, key=lambda row: row["chi2"])),
        ]
    if any(row["dispersion"] is not None for row in rows):  # one seed has none
        text.append(
            "Dispersion, Tarone's test and the intraclass correlation in table 4.1 have no such tails. All of these "
            "test whether augmented examples differ; whether examples do is tested by F' (augmentations)."
        )
    return Weakness("Chi-square", " ".join(text))


def _largest(top: Row) -> str:
    """Describe the row with the largest chi-square by statistics that hold their level."""
    others = {
        "a dispersion of {:.2f}": top["dispersion"],
        "a χ² of {:.3g} once cells are pooled": top["pooled_chi2"],
    }
    known = " and ".join(words.format(value) for words, value in others.items() if value is not None)
    where = f"{label(top['method'])}, t = {top['epoch']}"
    if not known:
        return f"The largest χ² is {power(top['chi2'])} ({where})."
    return f"The largest χ², {power(top['chi2'])} ({where}), goes with {known}."


def _floors(results: Results) -> Weakness:
    text = [
        "Its MAE compares r, an average of N·M trials, with noise of N trials: even examples that are equally hard "
        "differ from such noise, by an amount that depends on N."
    ]
    if rows := _noise(results, "r"):
        below = [row for row in rows if row["mae"] < row["mae_if_equal"]]
        text.append(
            f"Here the MAE between two draws of the noise is {_span(rows, 'mae_floor')}, that of equally hard examples "
            f"{_span(rows, 'mae_if_equal')}, and the observed one {_span(rows, 'mae')}, which is smaller than that of "
            f"equally hard examples in {len(below)} of {counted(len(rows), 'case')}."
        )
    shares = results["augmentations"].rows if "augmentations" in results else []
    split = "; ".join(
        f"{label(row['method'])} at t = {row['epoch']}: {row['augmentation_share']:.2f}"
        for row in shares
        if 0.5 in row["targets"] and row["augmentation_share"] is not None
    )
    if split:
        text.append(
            "The split of variance answers the question directly; fraction of the true variance of r̃ between "
            f"augmentations: {split}."
        )
    return Weakness("Mean absolute error", " ".join(text))


def _span(rows: Sequence[Row], name: str) -> str:
    ends = dict.fromkeys(f"{end(row[name] for row in rows):.3f}" for end in (min, max))
    return " to ".join(ends)


def _order(results: Results) -> Weakness:
    words = "Each curve is sorted on its own, which hides whether the same examples are hard in each setting."
    found = results.get("correlation")
    rows = [] if found is None else [row for row in found.rows if row["method"] != row["other"]]
    shown = [row for row in rows if row["mean"] == 0.5 and not row["within_classes"]]
    if not shown:
        left_out = [] if found is None else found.settings["left_out"]
        return Weakness("Sorting", f"{words} Not computed here: {left_out[0]}." if left_out else words)
    columns = [
        Column("method", "setting", "method"),
        Column("epoch", "t", ".1f"),
        Column("other", "setting", "method"),
        Column("other_epoch", "t", ".1f"),
        Column("observed", "observed", ".2f"),
        Column("rho", "rho", ".2f"),
        Column("rho_examples_like_these", "95 %, examples like these", "interval"),
    ]
    table = Table(caption="Are the same examples hard?", columns=columns, rows=shown)
    text = (
        f"{words} Correlation of r between settings where the mean of both is 1/2; rho is freed of the noise of few "
        "seeds, which makes the observed one smaller:"
    )
    return Weakness("Sorting", text, [table])


def _mates(results: Results) -> list[Weakness]:
    last = {row["method"]: row for row in results["mates"].rows} if "mates" in results else {}
    if "simclr" not in last:
        return []
    row = last["simclr"]
    text = [
        "It looks SimCLR's views up among the same mates in every epoch and seed, so that an example is hard where its "
        "mates happen to look like it: part of r may belong to the batch."
    ]
    if row["mates_share"] is not None and (row["mates_share_examples_like_these_low"] or 0) > 0:
        low, high = (row[f"mates_share_examples_like_these_{end}"] for end in ("low", "high"))
        text.append(
            f"Here {row['mates_share']:.0%} ({low:.0%} to {high:.0%}) of the variance between examples that seeds "
            f"agree on at t = {row['epoch']} is that of the mates."
        )
    text.append(
        f"Among random mates E[r] is {row['mean_r']:.3f}; without those of the example's own class it would be "
        f"{row['mean_r_other_classes']:.3f}. `--mates random` repeats the analyses of r that need no right or wrong "
        "answers."
    )
    return [Weakness("Mates", " ".join(text))]


def _kept_labels(results: Results) -> list[Weakness]:
    rows = results["learning"].rows if "learning" in results else []
    last = {row["method"]: row for row in rows if row["kept_labels"] is not None}
    if not last:
        return []
    apart = "; ".join(
        f"{label(method)}: {row['kept_labels']} kept, r {row['mean_r_kept']:.3f} of them and "
        f"{row['mean_r_changed']:.3f} of the others"
        for method, row in last.items()
        if row["mean_r_kept"] is not None
    )
    text = (
        "It takes random labels for near-binomial: all examples about equally hard. Arpit et al. (2017, "
        "arXiv:1706.05394) set a binomial curve against random inputs (randX), not against random labels of real "
        "images (randY), whose examples differ in how they look. A permutation also keeps some labels, which a network "
        f"may learn from other images{f' (here, at the last epoch: {apart})' if apart else ''}."
    )
    return [Weakness("Random labels", text)]


def _replacement(study: Study) -> Weakness:
    run = study.runs[study.methods[0]][0]
    taken = "" if "dataset" in run.config else " (taken in as they are)"
    return Weakness(
        "Repeated examples",
        "The thesis drew the panel's examples with replacement, so that some count twice. "
        f"Distinct here: {len(np.unique(run.examples))} of {counted(len(run.examples), 'example')}{taken}.",
    )


def _noise(results: Results, quantity: str) -> list[Row]:
    rows = results["binomial"].rows if "binomial" in results else []
    return of_quantity(rows, quantity)
