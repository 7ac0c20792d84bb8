# SPDX-License-Identifier: Apache-2.0
"""Figures drawn from results/ as PDF and PNG: one file per figure, found by its name.

A figure's file has NUMBER and TITLE, NEEDS (the results that it draws) and `draw(results) -> Figure`. It may have
READING, how to read it (otherwise its docstring's first paragraph says it), TABLES, which of the tables of its results
hold its numbers, as "binomial.single" (otherwise all), and `applies(results) -> bool`, whether the study recorded
what it shows (otherwise it is always drawn).
Adding a figure is adding a file. Nothing here imports torch or zarr: everything drawn is in results/.
"""

from dynamics.starting import end_quietly

end_quietly()  # before the other imports, which take long

import importlib  # noqa: E402
import pkgutil  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from typing import Protocol, cast  # noqa: E402

from matplotlib.figure import Figure  # noqa: E402

from analysis.framework.results import Result  # noqa: E402
from dynamics.errors import UserError  # noqa: E402

Results = Mapping[str, Result]
"""Results of one study, by the name of the analysis."""


class Drawing(Protocol):
    """What a figure's file offers."""

    NUMBER: str
    """Its number in the memorization thesis."""
    TITLE: str
    """A few words on what it shows."""
    NEEDS: tuple[str, ...]
    """The results that it reads."""

    def draw(self, results: Results) -> Figure:
        """Draw it; `figures._files.write` sets the style around this."""


def names() -> tuple[str, ...]:
    """Return the names of all figures, as written on a command line, in the order of their numbers."""
    modules = (module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))
    return tuple(sorted((name for name in modules if not name.startswith("-")), key=lambda n: load(n).NUMBER))


def load(name: str) -> Drawing:
    """Return the module of a figure, by its name with hyphens."""
    return cast(Drawing, importlib.import_module(f"figures.{name.replace('-', '_')}"))


def find(asked: str) -> str:
    """Return the name of the figure that has this name or number.

    Raises
    ------
    UserError
        When there is no such figure; the message lists all figures.
    """
    wanted = asked.lower().replace("_", "-")
    for name in names():
        if wanted in (name, load(name).NUMBER.lower()):
            return name
    known = ", ".join(f"{load(name).NUMBER} ({name})" for name in names())
    raise UserError(f"no figure {asked!r}: use one of {known}")
