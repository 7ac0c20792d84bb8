# SPDX-License-Identifier: Apache-2.0
"""The thesis's tables 4.1, 4.2 and B.1 with our results beside them, row by row."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from analysis.comparison import thesis, verdicts
from analysis.comparison.verdicts import Verdict
from analysis.storage.results import Result, Row

Printed = TypeVar("Printed", thesis.ChiSquare, thesis.Error)


class NoiseRow(NamedTuple):
    """A row of table 4.1 or 4.2: one method at the first epoch that reaches one p0."""

    method: str
    target: float
    printed: thesis.ChiSquare | thesis.Error | None
    """None for a method that the thesis does not have."""
    ours: Row | None
    """The row of analysis.binomial; None where the epoch was not reached or the method not run."""
    epoch: Verdict
    value: Verdict


class ProbeRow(NamedTuple):
    """A row of table B.1."""

    method: str
    printed: thesis.Accuracy | None
    ours: Row | None
    train: Verdict
    test: Verdict


def table_4_1(binomial: Result) -> list[NoiseRow]:
    """Compare the thesis's chi-square of r~_t: it prints no spread, so only the printed digits agree."""
    return [
        NoiseRow(
            method,
            target,
            printed,
            ours,
            _epoch(ours, printed),
            Verdict.MISSING
            if printed is None or ours is None
            else verdicts.to_printed_digits(ours["chi2"], printed.chi2),
        )
        for method, target, printed, ours in _paired(binomial, "r_tilde", thesis.TABLE_4_1)
    ]


def table_4_2(binomial: Result) -> list[NoiseRow]:
    """Compare the MAE of r_t against noise, by its spread over ten draws of noise."""
    return [
        NoiseRow(
            method,
            target,
            printed,
            ours,
            _epoch(ours, printed),
            Verdict.MISSING
            if printed is None or ours is None
            else verdicts.within_printed_spread(ours["mae"], printed.mae, printed.sd),
        )
        for method, target, printed, ours in _paired(binomial, "r", thesis.TABLE_4_2)
    ]


def table_b_1(probes: Result) -> list[ProbeRow]:
    """Compare accuracies of linear probes, by our spread over seeds."""
    found = {row["method"]: row for row in probes.rows}
    rows = []
    for method in [*thesis.TABLE_B_1, *(name for name in found if name not in thesis.TABLE_B_1)]:
        printed, ours = thesis.TABLE_B_1.get(method), found.get(method)
        judged = [
            Verdict.MISSING
            if printed is None or ours is None
            else verdicts.within_spread_of_seeds(ours[split], ours[f"{split}_sd"], getattr(printed, split))
            for split in ("train", "test")
        ]
        rows.append(ProbeRow(method, printed, ours, judged[0], judged[1]))
    return rows


def _paired(
    binomial: Result, quantity: str, table: Mapping[str, tuple[Printed, ...]]
) -> Sequence[tuple[str, float, Printed | None, Row | None]]:
    own = {(row["method"], row["target"]): row for row in binomial.rows if row["quantity"] == quantity}
    methods = [*table, *dict.fromkeys(method for method, _ in own if method not in table)]
    return [
        (method, target, table[method][at] if method in table else None, own.get((method, target)))
        for method in methods
        for at, target in enumerate(thesis.TARGETS)
    ]


def _epoch(ours: Row | None, printed: thesis.ChiSquare | thesis.Error | None) -> Verdict:
    if printed is None or ours is None:
        return Verdict.MISSING
    return verdicts.same_epoch(ours["epoch"], printed.epoch)
