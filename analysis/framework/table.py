# SPDX-License-Identifier: Apache-2.0
"""A table as data: columns that know how their numbers are written, rows, a caption, notes.

Every analysis describes its numbers once, in `tables(result)`; the terminal, the report's page and a notebook render
the same object, so that no number is formatted twice.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dynamics.names import label

NONE = "\N{EN DASH}"
"""What is written where there is no value."""

FEW_SEEDS = 5
"""Up to which number of seeds an interval may be far too narrow, or too wide, by luck."""

WORDS = ("text", "method", "verdict", "code")
"""Forms of columns that hold no numbers."""

Row = Mapping[str, Any]


class Column(NamedTuple):
    """One column: the value of a row that it shows, its title, and how the value is written.

    `form` is a Python format for numbers (".3f", ".2g", ".0%"), or one of

    digits      a number of any size: four significant digits, its spread in the same decimal places
    interval    `low to high`, from the values `<key>_low` and `<key>_high`, each written as ".3f"
    power       two digits and a power of ten, `1.3·10¹⁷`
    up          a number of things that are needed, rounded up
    p           a probability to one digit, `< 1e-300` where it is too small for a float
    printed     a number that is text, with the digits that a document prints
    method      the name of a method as documents write it
    verdict     a word that judges; a page gives it a colour
    code        something to type
    text        any value, as text
    """

    key: str
    title: str
    form: str = "text"
    spread: str = ""
    """Key of a standard deviation, written behind a ± where there is one."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows to be shown, with everything that a reader needs to know about them.

    Examples
    --------
    >>> table = Table(caption="E[r_t]", columns=[Column("epoch", "t", "d"), Column("r", "mean r", ".3f", "sd")],
    ...               rows=[{"epoch": 1, "r": 0.25, "sd": 0.011}, {"epoch": 2, "r": None, "sd": None}])
    >>> table.cells()
    [['1', '0.250 ± 0.011'], ['2', '–']]
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    """Sentences below the table."""
    key: str = ""
    """Name of this table among those of its analysis, where it has several."""

    def cells(self) -> list[list[str]]:
        """Return every value as text, row by row."""
        return [[write(row, column) for column in self.columns] for row in self.rows]

    def numeric(self, place: int) -> bool:
        """Whether a column holds numbers, which are set to the right."""
        column = self.columns[place]
        if column.form not in WORDS:
            return True
        values = [row.get(column.key) for row in self.rows]
        numbers = [isinstance(value, (int, float)) and not isinstance(value, bool) for value in values]
        known = [number for number, value in zip(numbers, values, strict=True) if value is not None]
        return column.form == "text" and bool(known) and all(known)

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        head = "".join(f"<th>{html.escape(column.title)}</th>" for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.cells()
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def write(row: Row, column: Column) -> str:
    """Return one value as text; a dash where there is none.

    Examples
    --------
    >>> write({"top1": 0.91234, "sd": 0.01}, Column("top1", "top-1", ".3f", spread="sd"))
    '0.912 ± 0.010'
    >>> write({}, Column("top1", "top-1", ".3f")), write({"seeds": 3.15}, Column("seeds", "seeds for 0.8", "up"))
    ('–', '4')
    """
    if column.form == "interval":
        ends = [row.get(f"{column.key}_{end}") for end in ("low", "high")]
        return NONE if any(_absent(end) for end in ends) else f"{ends[0]:.3f} to {ends[1]:.3f}"
    value = row.get(column.key)
    if _absent(value):
        return NONE
    if column.form in SPECIAL:
        return SPECIAL[column.form](value)
    spread = row.get(column.spread) if column.spread else None
    form = _four_digits(value) if column.form == "digits" else column.form
    return f"{value:{form}}" + ("" if _absent(spread) else f" ± {spread:{form}}")


def _four_digits(value: Any) -> str:
    """Return the format that shows four significant digits of a number, or three and its power of ten."""
    size = abs(value)
    if size > 0 and not 1e-4 <= size < 1e6:
        return ".3g"
    return f".{max(3 - math.floor(math.log10(size)), 0) if size > 0 else 3}f"


def power(value: float) -> str:
    """Return a number as two digits and a power of ten.

    Examples
    --------
    >>> power(1.3e17), power(2.7), power(0.00042)
    ('1.3·10¹⁷', '2.7', '4.2·10⁻⁴')
    """
    if not math.isfinite(value):
        return f"{value}"
    mantissa, exponent = f"{value:.1e}".split("e")
    if 0 <= int(exponent) < 3:
        return f"{float(f'{mantissa}e{exponent}'):g}"
    return f"{mantissa}·10{str(int(exponent)).translate(RAISED)}"


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _probability(value: float) -> str:
    return "< 1e-300" if value == 0 else f"{value:.1g}"


def _absent(value: object) -> bool:
    empty = isinstance(value, (str, list, tuple)) and not value
    return value is None or empty or (isinstance(value, float) and math.isnan(value))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


SPECIAL = {
    "power": power,
    "p": _probability,
    "up": lambda value: f"{math.ceil(value - 1e-9)}",
    "method": lambda value: label(str(value)),
    **dict.fromkeys(("printed", "verdict", "code", "text"), _text),
}


def wider_of_two(rows: Sequence[Row]) -> list[str]:
    """Say which of two intervals to rely on where few seeds make either too narrow (docs/statistics/intervals.md).

    Examples
    --------
    >>> wider_of_two([{"seeds": 3}]), wider_of_two([{"seeds": 8}])
    (['with two to five seeds rely on the wider of the two intervals'], [])
    """
    few = any(1 < row["seeds"] <= FEW_SEEDS for row in rows)
    return ["with two to five seeds rely on the wider of the two intervals"] * few


def spread_over(count: int, places: int) -> list[int]:
    """Return places evenly spread over a list, its first and last among them.

    Examples
    --------
    >>> spread_over(20, 3), spread_over(2, 5)
    ([0, 10, 19], [0, 1])
    """
    steps = places - 1
    return sorted({min(place * count // steps, count - 1) for place in range(places)})
