# SPDX-License-Identifier: Apache-2.0
"""Do values have the types that a signature or a recipe's fields ask for? What a caller can get wrong, in one line."""

import dataclasses
import functools
import inspect
import numbers
import os
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

from dynamics import files
from dynamics.errors import UserError

P = ParamSpec("P")
R = TypeVar("R")

WORDS = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "Path": "a path",
    "NoneType": "left out",
    "Study": "a study, as dynamics.open_study returns one",
}
"""What a value is, by the name of its type."""


def of_kind(name: str, value: Any, hint: Any) -> Any:
    """Return a value with the type that is asked for; NumPy's scalars become Python's, strings become paths.

    Parameters
    ----------
    name
        Name of the parameter or field, for the message.
    value
        What was given.
    hint
        Its annotation: a class, or a union, tuple, sequence or literal of them.

    Raises
    ------
    UserError
        If it has another type.

    Examples
    --------
    >>> of_kind("seed", np.int64(3), int), of_kind("epochs", range(2), Sequence[int])
    (3, (0, 1))
    >>> of_kind("seed", 1.5, int | None)
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: seed must be an integer or left out, got 1.5
    """
    if hint is Path and isinstance(value, (str, os.PathLike)):
        return files.expanded(value, name)
    plain = _plain(value, hint)
    if not _fits(plain, hint):
        raise UserError(f"`{name}` must be {_described(hint)}, got {value!r}")
    return plain


def check_fields(instance: Any) -> None:
    """Give every field of a frozen dataclass the type that it is annotated with (:func:`of_kind`), or refuse it.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Settings:
    ...     steps: int = 100
    ...     __post_init__ = check_fields
    >>> Settings(steps=1.5)
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: steps must be an integer, got 1.5
    """
    hints = typing.get_type_hints(type(instance))
    for field in dataclasses.fields(instance):
        value = of_kind(field.name, getattr(instance, field.name), hints[field.name])
        object.__setattr__(instance, field.name, value)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of a function as :func:`of_kind` does, so that a wrong one is refused in one line.

    Examples
    --------
    >>> @checked
    ... def double(number: int) -> int:
    ...     return 2 * number
    >>> double("two")
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: number must be an integer, got 'two'
    """
    signature, hints = inspect.signature(function), typing.get_type_hints(function)

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        bound = signature.bind(*arguments, **options)
        for name, value in bound.arguments.items():
            bound.arguments[name] = of_kind(name, value, hints[name])
        return function(*bound.args, **bound.kwargs)

    return call


def _plain(value: Any, hint: Any) -> Any:
    """Return a scalar of NumPy's as Python's, which a record can hold, and a sequence that may be one as a tuple."""
    if isinstance(value, numbers.Integral) and not isinstance(value, int):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, (int, float)):
        return float(value)
    if _sequence_in(hint) and (
        isinstance(value, (list, range)) or (isinstance(value, np.ndarray) and value.ndim)
    ):
        return tuple(_plain(one, None) for one in value)
    return value


def _sequence_in(hint: Any) -> bool:
    return typing.get_origin(hint) is Sequence or any(map(_sequence_in, typing.get_args(hint)))


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value has the type of a field, as far as a study file or a call may get it wrong."""
    options = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is Literal:
        return type(value) in map(type, options) and value in options
    if origin in (typing.Union, UnionType):
        return any(_fits(value, option) for option in options)
    if origin is Sequence or (origin is tuple and len(options) == 2 and options[1] is Ellipsis):
        return isinstance(value, tuple) and all(_fits(one, options[0]) for one in value)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(options) and all(map(_fits, value, options))
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return not isinstance(hint, type) or isinstance(value, hint)


def _described(hint: Any) -> str:
    """Return what a parameter takes, in words."""
    options = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, options))}"
    if typing.get_origin(hint) in (typing.Union, UnionType):
        words = list(map(_described, options))
        return (", or " if any("," in word for word in words) else " or ").join(words)
    if typing.get_origin(hint) in (tuple, Sequence):
        return f"a list, each {_described(options[0])}"
    name = getattr(hint, "__name__", str(hint))
    return WORDS.get(name, name)
