# SPDX-License-Identifier: Apache-2.0
"""What have methods that the thesis does not have in place of its tables: the same statistics, ours only."""

from collections.abc import Iterable, Sequence

from analysis.comparison import tables, thesis
from analysis.framework.results import Result, Row
from dynamics.names import label
from runners.report.markup import Html, join, paragraph, table
from runners.report.values import chi, fixed, interval, small, spread

NOT_IN_THE_THESIS = "Methods that the thesis does not have: "


def noise(binomial: Result, methods: Iterable[str], quantity: str) -> Html:
    """Return what stands below table 4.1 (`r_tilde`) or 4.2 (`r`); nothing where all methods are the thesis's."""
    found = tables.noise_of_others(binomial, quantity)
    never = [m for m in methods if m not in thesis.TABLE_4_1 and all(row["method"] != m for row in found)]
    symbol = {"r_tilde": "r̃", "r": "r"}[quantity]
    parts = []
    if found:
        columns, cells = NOISE[quantity]
        rows = [[label(row["method"]), row["target"], row["epoch"], *cells(row)] for row in found]
        caption = f"{NOT_IN_THE_THESIS}at the first epochs with such a mean {symbol}, if any"
        parts.append(table(["method", "first mean ≥", "epoch", *columns], rows, caption=caption, wide=True))
    if never:
        names = ", ".join(label(method) for method in never)
        parts.append(paragraph(f"Without a row, as their mean {symbol} stayed below all of these: {names}."))
    return join(parts)


def _chi_square(row: Row) -> list[object]:
    return [
        fixed(row, "p0"),
        chi(row),
        fixed(row, "dispersion", 2),
        fixed(row, "tarone_z", 1),
        small(row, "tarone_p"),
        fixed(row, "betabinomial_icc"),
        interval(row, "betabinomial_icc"),
    ]


def _error(row: Row) -> list[object]:
    return [
        fixed(row, "p0"),
        spread(row, "mae", 3),
        fixed(row, "mae_floor"),
        fixed(row, "mae_if_equal"),
        fixed(row, "icc"),
        interval(row, "icc"),
    ]


NOISE = {
    "r_tilde": (("p0", "χ²", "dispersion", "Tarone Z", "p", "ICC", "95 %"), _chi_square),
    "r": (("p0", "MAE", "floor", "if equal", "ICC", "95 %"), _error),
}
"""Columns, and what fills them."""


def probes(result: Result) -> Html:
    """Return what stands below table B.1; nothing where all methods are the thesis's."""
    rows: Sequence[Row] = tables.probes_of_others(result)
    if not rows:
        return Html("")
    lines = [[label(row["method"]), row["seeds"], spread(row, "train"), spread(row, "test")] for row in rows]
    caption = f"{NOT_IN_THE_THESIS}the same probe"
    return table(["features of", "seeds", "train", "test"], lines, caption=caption)
