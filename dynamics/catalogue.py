# SPDX-License-Identifier: Apache-2.0
"""The names that a recipe may use: files of a package, and objects that this process registered.

Methods, encoders and data sets work alike: adding a file registers it, and a notebook registers an object.
"""

import importlib
import pkgutil
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

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
            If a file has that name.
        """
        if name in self._files():
            raise UserError(f"{self.kind} {name!r} exists already in {self.package}: choose another name")
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
