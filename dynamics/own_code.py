# SPDX-License-Identifier: Apache-2.0
"""What a class of one's own is made of: seeds trained with other code or other values are of another method."""

import ast
import functools
import hashlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from dynamics import own_files


def code_of(kind: type) -> str:
    """Return a hash of a class's code: of its functions, and of the values, classes and functions that they use.

    Comments and formatting do not count, nor does what is installed: that has versions.

    Examples
    --------
    >>> class Twice:
    ...     def of(self, x: int) -> int:
    ...         return 2 * x
    >>> len(code_of(Twice))
    64
    """
    return hashlib.sha256("\n".join(_code(kind, set())).encode(errors="replace")).hexdigest()


def _code(value: Any, seen: set[int]) -> Iterator[str]:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, property):
        yield from (line for part in (value.fget, value.fset) for line in _code(part, seen))
    elif isinstance(value, (type, FunctionType)):
        if id(value) not in seen and not installed(value.__module__):
            seen.add(id(value))
            yield from (
                _code_of_class(value, seen) if isinstance(value, type) else _code_of_function(value, seen)
            )
    else:
        yield from _code_of_value(value, seen)


def _code_of_value(value: Any, seen: set[int]) -> Iterator[str]:
    """Return what identifies a constant, a container, an array or an object that a class uses."""
    if isinstance(value, (bool, int, float, complex, str, bytes, type(None))):
        yield repr(value)
    elif id(value) not in seen:
        seen.add(id(value))
        yield type(value).__qualname__
        parts = _in_container(value)
        for part in _in_object(value) if parts is None else parts:
            yield from _code(part, seen)


def _in_container(value: Any) -> list[Any] | None:
    """Return what is in a container or an array; None if a value is neither."""
    if isinstance(value, Mapping):
        return [part for key in sorted(value, key=repr) for part in (key, value[key])]
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if hasattr(value, "detach"):  # a tensor, without importing torch for it
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), value.shape, content]
    return None


def _in_object(value: Any) -> list[Any]:
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if hasattr(value, "state_dict"):
        return [value.state_dict()]
    if installed(type(value).__module__):
        shown = repr(value)
        return [] if re.search(r" at 0x[0-9a-f]+", shown) else [shown]
    return [type(value), getattr(value, "__dict__", None)]


def _code_of_class(kind: type, seen: set[int]) -> Iterator[str]:
    for base in kind.__mro__:
        if base is not kind:
            yield from _code(base, seen)
    for name, value in sorted(vars(kind).items()):
        if not name.startswith("__") or name in ("__init__", "__call__", "__post_init__"):
            yield name
            yield from _code(value, seen)


def _code_of_function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    try:
        yield ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):  # typed into an interpreter, or made by a decorator
        for code in _codes(function.__code__):
            constants = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
            yield f"{code.co_code.hex()} {code.co_names} {constants}"
    for value in (function.__defaults__, function.__kwdefaults__, *_closed_over(function)):
        yield from _code(value, seen)
    for code in _codes(function.__code__):
        for name in code.co_names:
            if name in function.__globals__ and not isinstance(function.__globals__[name], ModuleType):
                yield name
                yield from _code(function.__globals__[name], seen)


def _closed_over(function: FunctionType) -> Iterator[Any]:
    """Return the values that a function keeps from where it was defined."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet, as a class's own name within the class
            continue


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Return a function's code, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def installed(module: str) -> bool:
    """Return whether a module is of this program, of Python or of an installed package: not a user's own.

    Examples
    --------
    >>> installed("dynamics.methods.simclr"), installed("json"), installed("my_methods")
    (True, True, False)
    """
    root = module.partition(".")[0]
    file = getattr(sys.modules.get(module), "__file__", None)
    if own_files.holds(file):
        return False
    if root == "dynamics" or root in sys.stdlib_module_names - {"__main__"}:
        return True
    return "site-packages" in (file or "")
