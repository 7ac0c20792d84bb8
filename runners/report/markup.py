# SPDX-License-Identifier: Apache-2.0
"""The HTML elements of a page; all text is escaped unless it is marked as HTML."""

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analysis.framework.table import NONE, Column, Table

WIDE = 9
"""Minimum number of columns of a table that may be wider than the text."""
LONG = 30
"""Number of characters beyond which the lines of a cell may break."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return anything as HTML.

    Examples
    --------
    >>> text("a < b"), text(Html("<b>a</b>"))
    ('a &lt; b', '<b>a</b>')
    """
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def element(tag: str, *content: object, **attributes: str) -> Html:
    """Return an element; underscores in names of attributes become hyphens, one at the end is dropped.

    Examples
    --------
    >>> element("p", "a & b", class_="meta")
    '<p class="meta">a &amp; b</p>'
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items()
    )
    return Html(f"<{tag}{named}>{join(content)}</{tag}>")


def join(content: Iterable[object]) -> Html:
    """Return pieces one after the other."""
    return Html("".join(text(piece) for piece in content))


def paragraph(*content: object, **attributes: str) -> Html:
    """Return a paragraph."""
    return element("p", *content, **attributes)


def code(value: str) -> Html:
    """Return text to type, as code."""
    return element("code", value)


def badge(word: str) -> Html:
    """Return a verdict or conclusion as a coloured word.

    Examples
    --------
    >>> badge("no value")
    '<span class="badge no-value">no value</span>'
    """
    return element("span", word, class_=f"badge {word.replace(' ', '-')}")


def folded(summary: str, *content: object, unfolded: bool = False) -> Html:
    """Return content that a reader can open and close; closed at first by default."""
    state = {"open": "open"} if unfolded else {}
    return element("details", element("summary", summary), *content, **state)


class Section(NamedTuple):
    """A part of the page that the table of contents links to; without content it is left out."""

    anchor: str
    title: str
    content: Html


def section(shown: Section) -> Html:
    """Return a section as HTML.

    Examples
    --------
    >>> section(Section("run", "What was run", paragraph("nothing")))
    '<section id="run"><h2>What was run</h2><p>nothing</p></section>'
    """
    return element("section", element("h2", shown.title), shown.content, id=shown.anchor)


def table(shown: Table) -> Html:
    """Return a table that scrolls sideways where the page is narrow; columns of numbers are set to the right.

    Of a table without rows the page says that it has none.
    """
    caption = shown.caption[:1].upper() + shown.caption[1:]
    content = _scrolled(shown, caption) if shown.rows else paragraph(f"{caption}: no rows")
    return join([content, *(paragraph(note, class_="meta") for note in shown.notes)])


def _scrolled(shown: Table, caption: str) -> Html:
    right = [shown.numeric(place) for place in range(len(shown.columns))]
    head = element(
        "tr", *(_cell("th", column.title, right[i], scope="col") for i, column in enumerate(shown.columns))
    )
    body = (element("tr", *_row(shown.columns, cells, right)) for cells in shown.cells())
    whole = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", head),
        element("tbody", *body),
    )
    return element(
        "div",
        whole,
        class_="scroll wide" if len(shown.columns) >= WIDE else "scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def _row(columns: Sequence[Column], cells: Sequence[str], right: Sequence[bool]) -> list[Html]:
    return [
        _cell("td", cell.replace("-", "\N{MINUS SIGN}") if numeric else _formed(column.form, cell), numeric)
        for column, cell, numeric in zip(columns, cells, right, strict=True)
    ]


def _formed(form: str, cell: str) -> object:
    """Return a cell of words in its column's form."""
    if cell == NONE:
        return cell
    if form == "verdict":
        return badge(cell)
    if form == "code":
        return code(cell)
    return element("span", cell, class_="prose") if len(cell) > LONG else cell


def _cell(tag: str, value: object, right: bool, **attributes: str) -> Html:
    if right:
        attributes["class_"] = "number"
    return element(tag, value, **attributes)
