# SPDX-License-Identifier: Apache-2.0
"""Which settings does --over ask for: fields and values as they are typed, checked, and all their combinations."""

import dataclasses
import itertools
import math
import types
import typing
from collections.abc import Mapping, Sequence

from analysis.framework.console import flag
from analysis.framework.sweeps import Value
from dynamics.config import Recipe
from dynamics.errors import UserError

LARGEST = 1000
"""Settings of one sweep."""


def read_over(over: Sequence[Sequence[str]], recipe: type[Recipe]) -> dict[str, tuple[Value, ...]]:
    """Read what follows each --over: a numeric field of the recipe, and its values.

    Parameters
    ----------
    over
        Words, as ("lr", "1e-4", "1e-3"); a field is spelled with hyphens or underscores.
    recipe
        The method's recipe.

    Returns
    -------
    dict
        Values by field, with underscores, in the order in which they were typed.

    Raises
    ------
    UserError
        When there is no field or no value, the field is unknown, not numeric or named twice, or a value is no
        number of the field's kind or there twice.
    """
    if not over:
        raise UserError(
            "sweep over what? add --over with a field and its values, as --over lr 1e-4 3e-4 1e-3"
        )
    kinds = numeric_fields(recipe)
    found: dict[str, tuple[Value, ...]] = {}
    for words in over:
        if not words:
            raise UserError("--over needs a field and its values, as --over lr 1e-4 3e-4 1e-3")
        field = words[0].replace("-", "_")
        if field not in kinds:
            _refuse(words[0], field, recipe, kinds)
        if field in found:
            raise UserError(f"--over {words[0]} is there twice: put all its values behind one")
        found[field] = _values(words[0], words[1:], kinds[field])
    count = math.prod(map(len, found.values()))
    if count > LARGEST:
        raise UserError(f"--over asks for {count} settings: use {LARGEST} or fewer")
    return found


def numeric_fields(recipe: type[Recipe]) -> dict[str, type[Value]]:
    """Return the fields of a recipe that hold a number (or a number or None), with int or float."""
    kinds: dict[str, type[Value]] = {}
    for field, hint in typing.get_type_hints(recipe).items():
        options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        for kind in (int, float):
            if kind in options and set(options) <= {kind, types.NoneType}:
                kinds[field] = kind
    return kinds


def grid(over: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Return all combinations of values, the last field's fastest."""
    return [dict(zip(over, point, strict=True)) for point in itertools.product(*over.values())]


def check_flags(over: Mapping[str, object], argv: Sequence[str]) -> None:
    """Refuse a field that is swept and given as a flag, too: one of the two would be ignored.

    Raises
    ------
    UserError
        Names the flag.
    """
    given = {word.partition("=")[0].replace("_", "-") for word in argv if word.startswith("--")}
    for field in over:
        if flag(field) in given:
            raise UserError(f"`{field}` and --over {flag(field)[2:]} exclude each other: use one")


def _refuse(word: str, field: str, recipe: type[Recipe], kinds: Mapping[str, object]) -> typing.NoReturn:
    known = ", ".join(name.replace("_", "-") for name in kinds)
    if any(field == own.name for own in dataclasses.fields(recipe)):
        raise UserError(f"--over {word}: this field holds no number; use one of {known}")
    raise UserError(f"--over {word}: there is no such field; use one of {known}")


def _values(field: str, words: Sequence[str], kind: type[Value]) -> tuple[Value, ...]:
    if not words:
        raise UserError(f"--over {field} has no values: write for example --over {field} {kind(1)} {kind(2)}")
    values: list[Value] = []
    for word in words:
        try:
            value = kind(word)
        except ValueError:
            what = "whole number" if kind is int else "number"
            raise UserError(f"--over {field}: {word!r} is not a {what}") from None
        if not math.isfinite(value):
            raise UserError(f"--over {field}: {word!r} is not finite")
        if value in values:
            raise UserError(f"--over {field}: {word} is there twice")
        values.append(value)
    return tuple(values)
