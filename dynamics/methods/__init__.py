# SPDX-License-Identifier: Apache-2.0
"""Ways of training, one file each: the file's name is the method's name, adding a file is registering it.

A file holds `Recipe`, its fields and defaults (a :class:`~dynamics.config.Config`), and `Method`, the network
with its loss and its indicator (:class:`~dynamics.methods._base.Method`).
"""

import importlib
import pkgutil

from dynamics.config import Config
from dynamics.console import UserError
from dynamics.methods._base import Method

__all__ = ["Method", "load", "names", "recipe"]


def names() -> tuple[str, ...]:
    """Return all methods, as they are written on a command line."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(name.replace("_", "-") for name in sorted(modules) if not name.startswith("_"))


def load(name: str) -> type[Method]:
    """Return the class of a method.

    Raises
    ------
    UserError
        When there is no such method; the message lists those there are.
    """
    if name not in names():
        raise UserError(f"no method {name!r}: use one of {', '.join(names())}")
    module = importlib.import_module(f"dynamics.methods.{name.replace('-', '_')}")
    return module.Method


def recipe(name: str) -> type[Config]:
    """Return the class of a method's recipe: its fields with the thesis's values as defaults."""
    return load(name).recipe_type
