# SPDX-License-Identifier: Apache-2.0
"""The few pieces of HTML that the report is made of; all text is escaped unless it says that it is HTML."""

import html
import math
from collections.abc import Iterable, Sequence
from enum import StrEnum

NONE = "\N{EN DASH}"
"""Stands where there is no value."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return anything as HTML: numbers to four digits, None as a dash, booleans as words."""
    if isinstance(value, Html):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Html(NONE)
    if isinstance(value, bool):
        return Html("yes" if value else "no")
    if isinstance(value, float):
        return Html(f"{value:.4g}".replace("-", "\N{MINUS SIGN}"))
    return Html(html.escape(str(value)))


def element(tag: str, *content: object, **attributes: str) -> Html:
    """Return an element; underscores in names of attributes become hyphens, one at the end is dropped."""
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
    """Return something to type."""
    return element("code", value)


def moment(value: object) -> Html:
    """Return an ISO time to the minute."""
    return text(None if value is None else Html(html.escape(str(value)[:16].replace("T", " "))))


def badge(word: StrEnum) -> Html:
    """Return a verdict or outcome as a coloured word."""
    return element("span", word.value, class_=f"badge {word.value.replace(' ', '-')}")


def folded(summary: str, *content: object, unfolded: bool = False) -> Html:
    """Return content that a reader can open and close; closed at first unless it is to be open."""
    state = {"open": "open"} if unfolded else {}
    return element("details", element("summary", summary), *content, **state)


def table(
    columns: Sequence[object], rows: Iterable[Sequence[object]], *, caption: str, wide: bool = False
) -> Html:
    """Return a table that scrolls sideways where the page is narrow; columns of numbers are set to the right."""
    rows = [list(row) for row in rows]
    right = [
        any(_numeric(row[i]) for row in rows) and all(_numeric(row[i]) or row[i] is None for row in rows)
        for i in range(len(columns))
    ]
    head = element("tr", *(_cell("th", name, right[i], scope="col") for i, name in enumerate(columns)))
    body = [element("tr", *(_cell("td", value, right[i]) for i, value in enumerate(row))) for row in rows]
    whole = element(
        "table", element("caption", element("span", caption)), element("thead", head), element("tbody", *body)
    )
    return element(
        "div",
        whole,
        class_="scroll wide" if wide else "scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def _cell(tag: str, value: object, right: bool, **attributes: str) -> Html:
    if right:
        attributes["class_"] = "number"
        value = str(text(value)).replace("-", "\N{MINUS SIGN}") if tag == "td" else value
    return element(tag, value, **attributes)


def _numeric(value: object) -> bool:
    if isinstance(value, (bool, Html)) or value is None:
        return False
    plain = str(value).strip("+-\N{MINUS SIGN}\N{EN DASH}<%")
    return bool(plain) and plain[0] in "0123456789."


def section(anchor: str, title: str, *content: object) -> Html:
    """Return a section of the page that can be linked to."""
    return element("section", element("h2", title), *content, id=anchor)
