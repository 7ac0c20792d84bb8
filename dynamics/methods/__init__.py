# SPDX-License-Identifier: Apache-2.0
"""Methods of training, one file each: the file's name is the method's name, adding a file is registering it.

A file holds `Recipe`, its fields and defaults (a :class:`~dynamics.config.Recipe`), and `Method`, the network
with its loss and its indicator (:class:`~dynamics.methods.base.Method`). Building blocks for new methods are in
`base`, `views` (methods without labels), `labels`, `momentum` and `terms`.
"""

import re
from typing import Any

from dynamics.catalogue import Catalogue
from dynamics.config import Recipe
from dynamics.methods.base import Method

__all__ = ["CATALOGUE", "Method", "load", "name_of", "names", "recipe"]

CATALOGUE = Catalogue("method", __name__, shared=("base", "views", "labels", "momentum", "terms"))


def names() -> tuple[str, ...]:
    """Return all methods, as they are written on a command line.

    Examples
    --------
    >>> "simclr" in names()
    True
    """
    return CATALOGUE.names()


def load(name: str) -> type[Method]:
    """Return the class of a method.

    Raises
    ------
    UserError
        When there is no such method; the message lists those that exist.

    Examples
    --------
    >>> load("simclr").labels
    'none'
    """
    method: type[Method] = CATALOGUE.load(name, "Method")
    return method


def recipe(name: str) -> type[Recipe]:
    """Return the class of a method's recipe: its fields with the thesis's values as defaults.

    Examples
    --------
    >>> recipe("simclr")().epochs
    200
    """
    return load(name).recipe_type


def name_of(method: str | type[Method]) -> str:
    """Return a method's name; a class that does not come from a file of this package is registered.

    Its name is then its attribute `name` where it has one, else the name of the class in lower case with hyphens.

    Examples
    --------
    >>> from dynamics.methods.simclr import Method as SimCLR
    >>> name_of(SimCLR)
    'simclr'
    """
    if isinstance(method, str):
        return method
    package, _, file = method.__module__.rpartition(".")
    if package == __name__ and method.__name__ == "Method":
        return file.replace("_", "-")
    named: Any = getattr(method, "name", None)
    name = named or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", method.__name__).lower()
    CATALOGUE.register(name, method)
    return name
