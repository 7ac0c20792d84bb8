# SPDX-License-Identifier: Apache-2.0
"""Figures drawn from results/ as PDF and PNG: one file per figure, found by its name.

A figure's file has NUMBER and TITLE, NEEDS (the results that it draws) and `draw(results) -> Figure`. It may have
READING, how to read it (otherwise its docstring's first paragraph says it), TABLES, which of the tables of its results
hold its numbers, as "binomial.single" (otherwise all), and `applies(results) -> str | None`, which says why these
results hold nothing to draw (otherwise they always do).
Adding a figure is adding a file. Nothing here imports torch or zarr: everything drawn is in results/.
"""

from dynamics.starting import end_quietly, import_siblings

end_quietly()  # before the other imports, which take long
import_siblings()

import importlib  # noqa: E402
import pkgutil  # noqa: E402
from collections.abc import Callable, Mapping  # noqa: E402
from typing import Protocol, cast  # noqa: E402

from matplotlib.figure import Figure  # noqa: E402

import analysis  # noqa: E402
from analysis.framework.results import Result, made_by  # noqa: E402
from dynamics import own_files  # noqa: E402
from dynamics.errors import UserError  # noqa: E402

own_files.add(__path__, __name__)

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


def draw(name: str, *results: Result) -> Figure:
    """Draw a figure; a notebook shows it.

    Parameters
    ----------
    name
        Its name or number, such as "sorted-curves" or "4.1"; `python -m figures --list` prints all.
    results
        What it draws: the results of the analyses in its file's NEEDS, in any order.

    Returns
    -------
    Figure
        Of matplotlib, at the size of print (5.5 inches are a column of text); `savefig` writes it.

    Raises
    ------
    UserError
        If there is no such figure, a result is missing, or the results hold nothing to draw.

    Examples
    --------
    >>> from analysis import learning
    >>> from analysis.framework.example import example_study
    >>> draw("4.1", learning.analyse(example_study())).get_size_inches().tolist()
    [5.5, 2.5]
    """
    from figures import _files, _notebook  # they import this

    drawing = load(find(name))
    if wrong := [one for one in results if not isinstance(one, Result)]:
        raise UserError(
            f"`results` must be what analyses return, such as analysis.{drawing.NEEDS[0]}.analyse(study), got "
            f"{type(wrong[0]).__name__}"
        )
    given = {result.name: result for result in results}
    if absent := [need for need in drawing.NEEDS if need not in given]:
        own = analysis.names()  # a runner makes the others, which `analysis.framework.results.read` reads
        made = [
            f"analysis.{need}.analyse(study)" if need in own else made_by(need, "NAME") for need in absent
        ]
        raise UserError(
            f"figure {drawing.NUMBER} also draws what {' and '.join(made)} makes: add it to `results`"
        )
    if (reason := why_not(drawing, given)) is not None:
        raise UserError(f"figure {drawing.NUMBER} has nothing to show: {reason}")
    _notebook.show_figures()
    return _files.drawn(drawing, given)


def why_not(drawing: Drawing, results: Results) -> str | None:
    """Say why results hold nothing for a figure; None where they do.

    Examples
    --------
    >>> why_not(load("sorted-curves"), {}) is None
    True
    """
    applies: Callable[[Results], str | None] = getattr(drawing, "applies", lambda results: None)
    return applies(results)


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
