# SPDX-License-Identifier: Apache-2.0
"""The grid of a sweep: parses and checks the fields and values after --over, and combines them."""

import dataclasses
import difflib
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
"""Maximum number of settings of a sweep."""


def read_over(over: Sequence[Sequence[str]], recipe: type[Recipe]) -> dict[str, tuple[Value, ...]]:
    """Parse what follows each --over: a numeric field of the recipe, and its values.

    Parameters
    ----------
    over
        Words such as ("lr", "1e-4", "1e-3"); the field is spelled with hyphens or underscores.
    recipe
        The method's recipe.

    Returns
    -------
    dict
        Values by field, spelled with underscores, in the order in which they were typed.

    Raises
    ------
    UserError
        If there is no field or no value, the field is unknown, not numeric or given twice, or a value is not a
        number of the field's type or is given twice.

    Examples
    --------
    >>> read_over([("lr", "1e-4", "1e-3")], Recipe)
    {'lr': (0.0001, 0.001)}
    """
    if not over:
        raise UserError("--over must be given, with a field and its values, such as --over lr 1e-4 3e-4 1e-3")
    kinds = numeric_fields(recipe)
    values: dict[str, tuple[Value, ...]] = {}
    for words in over:
        if not words:
            raise UserError("--over needs a field and its values, such as --over lr 1e-4 3e-4 1e-3")
        field = words[0].replace("-", "_")
        if field not in kinds:
            _refuse(words[0], field, recipe, kinds)
        if field in values:
            raise UserError(f"--over {words[0]} is given twice: write all its values after one of them")
        values[field] = _values(words[0], words[1:], kinds[field])
    count = math.prod(map(len, values.values()))
    if count > LARGEST:
        raise UserError(f"the number of settings must be <= {LARGEST}, got {count}: give --over fewer values")
    return values


def numeric_fields(recipe: type[Recipe]) -> dict[str, type[Value]]:
    """Return the fields of a recipe that hold a number (or None), with their type, int or float."""
    kinds: dict[str, type[Value]] = {}
    for field, hint in typing.get_type_hints(recipe).items():
        options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        for kind in (int, float):
            if kind in options and set(options) <= {kind, types.NoneType}:
                kinds[field] = kind
    return kinds


def grid(over: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """Return all combinations of values; the last field varies fastest.

    Examples
    --------
    >>> grid({"lr": (0.1, 0.2), "width": (8, 16)})[:2]
    [{'lr': 0.1, 'width': 8}, {'lr': 0.1, 'width': 16}]
    """
    return [dict(zip(over, point, strict=True)) for point in itertools.product(*over.values())]


def check_flags(over: Mapping[str, object], argv: Sequence[str]) -> None:
    """Check that no field is both swept and given as a flag, one of which would be ignored.

    Raises
    ------
    UserError
        If there is such a field; names its flag.
    """
    flags = {word.partition("=")[0].replace("_", "-") for word in argv if word.startswith("--")}
    for field in over:
        if flag(field) in flags:
            raise UserError(f"`{field}` and --over {flag(field)[2:]} exclude each other: use one")


def _refuse(word: str, field: str, recipe: type[Recipe], kinds: Mapping[str, object]) -> typing.NoReturn:
    known = ", ".join(name.replace("_", "-") for name in kinds)
    if any(field == known_field.name for known_field in dataclasses.fields(recipe)):
        raise UserError(f"--over {word}: this field does not hold a number; use one of {known}")
    near = difflib.get_close_matches(field, kinds, n=1)
    nearest = f" (did you mean {near[0].replace('_', '-')}?)" if near else ""
    raise UserError(f"--over {word}: there is no such field; use one of {known}{nearest}")


def _values(field: str, words: Sequence[str], kind: type[Value]) -> tuple[Value, ...]:
    if not words:
        raise UserError(
            f"--over {field} has no values: write, for example, --over {field} {kind(1)} {kind(2)}"
        )
    values: list[Value] = []
    for word in words:
        try:
            value = kind(word)
        except ValueError:
            what = "integers" if kind is int else "numbers"
            raise UserError(f"--over {field}: the values must be {what}, got {word!r}") from None
        if not math.isfinite(value):
            raise UserError(f"--over {field}: the values must be finite, got {word!r}")
        if value in values:
            raise UserError(f"--over {field}: the values must differ, got {word} twice")
        values.append(value)
    return tuple(values)
