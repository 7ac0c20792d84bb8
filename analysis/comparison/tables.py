# SPDX-License-Identifier: Apache-2.0
"""The thesis's tables 4.1, 4.2 and B.1 with our results beside them, row by row; apart, what it has no rows for."""

from collections.abc import Mapping
from typing import NamedTuple

from analysis.comparison import thesis, verdicts
from analysis.comparison.verdicts import Verdict
from analysis.framework.results import Result, Row


class NoiseRow(NamedTuple):
    """A row of table 4.1 or 4.2: one method at the first epoch that reaches one p0."""

    method: str
    target: float
    printed: thesis.Noise
    ours: Row | None
    """The row of analysis.binomial; None where the epoch was not reached or the method not run."""
    epoch: Verdict
    value: Verdict


class ProbeRow(NamedTuple):
    """A row of table B.1."""

    method: str
    printed: thesis.Accuracy
    ours: Row | None
    train: Verdict
    test: Verdict


def table_4_1(binomial: Result) -> list[NoiseRow]:
    """Compare the thesis's chi-square of r~_t: it prints no spread, so only the printed digits agree."""
    return _compare(binomial, "r_tilde", "chi2", thesis.TABLE_4_1)


def table_4_2(binomial: Result) -> list[NoiseRow]:
    """Compare the MAE of r_t against noise, by its spread over ten draws of noise."""
    return _compare(binomial, "r", "mae", thesis.TABLE_4_2)


def table_b_1(probes: Result) -> list[ProbeRow]:
    """Compare accuracies of linear probes, by our spread over seeds."""
    found = {row["method"]: row for row in probes.rows}
    rows = []
    for method, printed in thesis.TABLE_B_1.items():
        ours = found.get(method)
        judged = [
            Verdict.MISSING
            if ours is None
            else verdicts.within_spread_of_seeds(ours[split], ours[f"{split}_sd"], getattr(printed, split))
            for split in ("train", "test")
        ]
        rows.append(ProbeRow(method, printed, ours, judged[0], judged[1]))
    return rows


def noise_of_others(binomial: Result, quantity: str) -> list[Row]:
    """Return the rows of `r_tilde` (as in table 4.1) or `r` (4.2) of methods that the thesis does not have."""
    return [
        row for row in binomial.rows if row["quantity"] == quantity and row["method"] not in thesis.TABLE_4_1
    ]


def probes_of_others(probes: Result) -> list[Row]:
    """Return the accuracies of methods that the thesis does not have."""
    return [row for row in probes.rows if row["method"] not in thesis.TABLE_B_1]


def _compare(
    binomial: Result, quantity: str, column: str, table: Mapping[str, tuple[thesis.Noise, ...]]
) -> list[NoiseRow]:
    found = {(row["method"], row["target"]): row for row in binomial.rows if row["quantity"] == quantity}
    return [
        _noise_row(method, target, printed, found.get((method, target)), column)
        for method, rows in table.items()
        for target, printed in zip(thesis.TARGETS, rows, strict=True)
    ]


def _noise_row(method: str, target: float, printed: thesis.Noise, ours: Row | None, column: str) -> NoiseRow:
    if ours is None:
        return NoiseRow(method, target, printed, ours, Verdict.MISSING, Verdict.MISSING)
    epoch = verdicts.same_epoch(ours["epoch"], printed.epoch)
    if printed.sd is None:
        value = verdicts.to_printed_digits(ours[column], printed.value)
    else:
        value = verdicts.within_printed_spread(ours[column], printed.value, printed.sd)
    return NoiseRow(method, target, printed, ours, epoch, value)
