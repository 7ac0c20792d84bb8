# SPDX-License-Identifier: Apache-2.0
"""The names that a recipe may use: files of a package, and objects that this process registered.

Methods, encoders and data sets work alike: adding a file registers it, and a notebook registers an object.
"""

import ast
import hashlib
import importlib
import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle

from dynamics.errors import UserError


@dataclass(frozen=True)
class Catalogue:
    """The names of one kind: all methods, all encoders, or all data sets.

    Parameters
    ----------
    kind
        What error messages call it: "method".
    package
        Package whose files are the names, underscores written as hyphens.
    shared
        Files of the package that hold common code; they are not names.
    registered
        Objects by the name under which :meth:`register` took them.
    code
        For each registered class, what identifies its code (:func:`code_of`).

    Examples
    --------
    >>> encoders = Catalogue(kind="encoder", package="dynamics.encoders")
    >>> "resnet18" in encoders.names()
    True
    """

    kind: str
    package: str
    shared: Collection[str] = ()
    registered: dict[str, Any] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Return all names, spelled as on a command line, in alphabetical order."""
        return tuple(sorted({*self._files(), *self.registered}))

    def _files(self) -> list[str]:
        modules = pkgutil.iter_modules(importlib.import_module(self.package).__path__)
        files = (module.name for module in modules if not module.name.startswith("_"))
        return [name.replace("_", "-") for name in files if name not in self.shared]

    def register(self, name: str, value: Any) -> None:
        """Let a name stand for an object, in this process and in the workers that it starts.

        Raises
        ------
        UserError
            If a file has that name, or a class cannot be sent to a worker.
        """
        if name in self._files():
            raise UserError(f"{self.kind} {name!r} exists already in {self.package}: choose another name")
        if isinstance(value, type):
            try:
                cloudpickle.dumps(value)
            except Exception as error:
                raise UserError(
                    f"{value.__name__} cannot be sent to a worker ({error}): make such objects in __init__"
                ) from error
            self.code[name] = code_of(value)
        self.registered[name] = value

    def check(self, name: str) -> None:
        """Raise a :class:`UserError` unless the name is known; the message lists the known ones."""
        if name not in self.names():
            raise UserError(f"no {self.kind} {name!r}: use one of {', '.join(self.names())}")

    def load(self, name: str, attribute: str) -> Any:
        """Return what a name stands for: the registered object, or an attribute of its file.

        Raises
        ------
        UserError
            If the name is unknown; the message lists the known ones.
        """
        self.check(name)
        if name in self.registered:
            return self.registered[name]
        return getattr(importlib.import_module(f"{self.package}.{name.replace('-', '_')}"), attribute)


def hyphenated(kind: type) -> str:
    """Return the name of a class as it is written on a command line.

    Examples
    --------
    >>> class TwoViews: ...
    >>> hyphenated(TwoViews)
    'two-views'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


def code_of(kind: type) -> str:
    """Return a hash of a class's code: of its functions, of the classes and functions that they use, of constants.

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
        if id(value) not in seen and not _installed(value.__module__):
            seen.add(id(value))
            yield from (
                _code_of_class(value, seen) if isinstance(value, type) else _code_of_function(value, seen)
            )
    elif isinstance(value, (bool, int, float, str, bytes, tuple, frozenset, type(None))):
        yield repr(value)


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
    for code in _codes(function.__code__):
        for name in code.co_names:
            if name in function.__globals__ and not isinstance(function.__globals__[name], ModuleType):
                yield name
                yield from _code(function.__globals__[name], seen)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Return a function's code, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _installed(module: str) -> bool:
    root = module.partition(".")[0]
    if root == "dynamics" or root in sys.stdlib_module_names - {"__main__"}:
        return True
    return "site-packages" in (getattr(sys.modules.get(module), "__file__", None) or "")
