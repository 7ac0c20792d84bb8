# SPDX-License-Identifier: Apache-2.0
"""The names that a recipe may use: files of a package, and objects that this process registered.

Methods, encoders and data sets work alike: adding a file registers it, and a notebook registers an object.
"""

import difflib
import importlib
import pkgutil
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import cloudpickle

from dynamics import own_files
from dynamics.errors import UserError
from dynamics.own_code import code_of


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
        For each class of one's own, what identifies its code (:func:`code_of`).

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
            own = own_files.file_of(f"{self.package}.{name.replace('-', '_')}")
            instead = "" if own is None else f"give {name!r}, its name, instead of a class, or "
            raise UserError(
                f"{self.kind} {name!r} exists already in {own or self.package}: {instead}choose another name"
            )
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
            near = difflib.get_close_matches(name.lower().replace("_", "-"), self.names(), n=1)
            nearest = f" (did you mean {near[0]}?)" if near else ""
            where = (
                ""
                if near or own_files.folders()
                else f"; {own_files.VARIABLE} names folders of your own files"
            )
            raise UserError(f"no {self.kind} {name!r}: use one of {', '.join(self.names())}{nearest}{where}")

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
        module = f"{self.package}.{name.replace('-', '_')}"
        file = own_files.file_of(module)
        if file is None:
            return getattr(importlib.import_module(module), attribute)
        try:
            loaded = importlib.import_module(module)
        except Exception as error:  # a user's own code
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise UserError(f"{file} cannot be imported ({reason}): mend it, or move it away") from error
        if not hasattr(loaded, attribute):
            raise UserError(f"{file} must have {attribute}, as the files of {self.package} have")
        value = getattr(loaded, attribute)
        if isinstance(value, type):
            self.code.setdefault(name, code_of(value))
        return value


def hyphenated(kind: type) -> str:
    """Return the name of a class as it is written on a command line.

    Examples
    --------
    >>> class TwoViews: ...
    >>> hyphenated(TwoViews)
    'two-views'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()
