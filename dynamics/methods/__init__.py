# SPDX-License-Identifier: Apache-2.0
"""Methods of training, one file each: the file's name is the method's name, adding a file is registering it.

A file holds `Recipe`, its fields and defaults (a :class:`~dynamics.config.Recipe`), and `Method`, the network
with its loss and its indicator (:class:`~dynamics.methods.base.Method`). Building blocks for new methods are in
`base`, `views` (methods without labels), `labels`, `momentum` and `terms`.
"""

import inspect
import re
from typing import Any

from dynamics import own_files
from dynamics.catalogue import Catalogue, hyphenated
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.methods.base import Method

__all__ = ["CATALOGUE", "Method", "load", "name_of", "names", "recipe"]

own_files.add(__path__, __name__)
CATALOGUE = Catalogue("method", __name__, shared=("base", "views", "rivals", "labels", "momentum", "terms"))


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

    Raises
    ------
    UserError
        If it is no subclass of :class:`Method`, its name cannot be that of a folder, or a worker cannot get it.

    Examples
    --------
    >>> from dynamics.methods.simclr import Method as SimCLR
    >>> name_of(SimCLR)
    'simclr'
    """
    if isinstance(method, str):
        return method
    if not (isinstance(method, type) and issubclass(method, Method)) or method is Method:
        got = method.__name__ if isinstance(method, type) else f"an object of {type(method).__name__}"
        raise UserError(f"`method` must be a name or a subclass of dynamics.Method, got {got}")
    package, _, file = method.__module__.rpartition(".")
    if package == __name__ and method.__name__ == "Method":
        return file.replace("_", "-")
    named: Any = getattr(method, "name", None)
    name = named or hyphenated(method)
    if not (isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9-]{0,254}", name)):
        raise UserError(
            f"`name` of {method.__name__} must be at most 255 lower-case letters, digits and hyphens, got {name!r}"
        )
    _check_class(method)
    CATALOGUE.register(name, method)
    return name


def _check_class(method: type[Method]) -> None:
    """Check what can be said of a class without making an object."""
    name, recipe = method.__name__, method.recipe_type
    if abstract := sorted(method.__abstractmethods__):
        raise UserError(f"{name} must define {', '.join(abstract)}: see dynamics.Method for what they return")
    if not (isinstance(recipe, type) and issubclass(recipe, Recipe)):
        got = recipe.__name__ if isinstance(recipe, type) else f"an object of {type(recipe).__name__}"
        raise UserError(f"{name}.recipe_type must be a subclass of dynamics.Recipe, got {got}")
    for kind in recipe.__mro__:
        if inspect.get_annotations(kind) and "__dataclass_params__" not in vars(kind):
            raise UserError(
                f"{kind.__name__} must have the decorator @dataclass(frozen=True, kw_only=True), "
                "otherwise its fields are not seen"
            )
    if not isinstance(method.terms, tuple) or "loss" not in method.terms:
        raise UserError(f'{name}.terms must be a tuple of names with "loss", got {method.terms!r}')
    if method.labels not in ("none", "true", "permuted"):
        raise UserError(f"{name}.labels must be none, true or permuted, got {method.labels!r}")
