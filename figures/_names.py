# SPDX-License-Identifier: Apache-2.0
"""Names that people chose, of methods, classes and data sets, as text that a figure shows as it is."""

import itertools
import unicodedata
from functools import cache

from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

from dynamics import names
from figures._style import RC


def label(method: str) -> str:
    """Return a method's display name for a figure."""
    return _escaped(names.label(_spelled(method)))


def plain(text: str) -> str:
    r"""Return text that matplotlib shows as it is: no formula, no legend entry that is left out, no placeholder.

    Characters that the figures' font lacks are written as their code points; no font of the machine replaces them, so
    that a figure has the same bytes everywhere.

    Examples
    --------
    >>> plain("5$ to 10$"), plain("_background_"), plain("猫 2")
    ('5\\$ to 10\\$', ' _background_', 'U+732B 2')
    """
    return _escaped(_spelled(text))


def _escaped(text: str) -> str:
    shown = text.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # legends leave out what begins with an underscore


def _spelled(text: str) -> str:
    """Return text with code points in place of the characters that the font lacks."""
    pieces = itertools.groupby(unicodedata.normalize("NFC", text), key=_has_glyph)
    return "".join(
        "".join(characters) if known else "U+" + "+".join(f"{ord(one):04X}" for one in characters)
        for known, characters in pieces
    )


def _has_glyph(character: str) -> bool:
    return ord(character) in _glyphs() and character.isprintable()


@cache
def _glyphs() -> frozenset[int]:
    path = findfont(FontProperties(family=RC["font.family"]))
    return frozenset(FT2Font(path).get_charmap())
