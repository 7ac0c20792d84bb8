# SPDX-License-Identifier: Apache-2.0
"""What can be named in a recipe: a file of a package, found by its name, or an object that this process registered.

The same for methods, encoders and data sets. Adding a file is registering it; a notebook registers an object.
"""

import importlib
import pkgutil
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from dynamics.errors import UserError


@dataclass(frozen=True)
class Catalogue:
    """Names of one kind of thing.

    Parameters
    ----------
    kind
        What errors call it: "method".
    package
        Package whose files are the names, underscores written as hyphens.
    shared
        Its files that hold what the others share and are no names themselves.
    """

    kind: str
    package: str
    shared: Collection[str] = ()
    registered: dict[str, Any] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Return all names, as they are written on a command line, in alphabetical order."""
        return tuple(sorted({*self._files(), *self.registered}))

    def _files(self) -> list[str]:
        modules = pkgutil.iter_modules(importlib.import_module(self.package).__path__)
        files = (module.name for module in modules if not module.name.startswith("_"))
        return [name.replace("_", "-") for name in files if name not in self.shared]

    def register(self, name: str, value: Any) -> None:
        """Let a name stand for an object, in this process and the workers that it starts.

        Raises
        ------
        UserError
            When a file has that name.
        """
        if name in self._files():
            raise UserError(f"{self.kind} {name!r} exists already in {self.package}: choose another name")
        self.registered[name] = value

    def load(self, name: str, attribute: str) -> Any:
        """Return what a name stands for: the registered object, or an attribute of its file.

        Raises
        ------
        UserError
            When there is no such name; the message lists those there are.
        """
        if name in self.registered:
            return self.registered[name]
        if name not in self._files():
            raise UserError(f"no {self.kind} {name!r}: use one of {', '.join(self.names())}")
        return getattr(importlib.import_module(f"{self.package}.{name.replace('-', '_')}"), attribute)
