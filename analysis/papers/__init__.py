# SPDX-License-Identifier: Apache-2.0
"""Papers whose printed numbers and findings are compared with a study's: one folder per paper, found by its name.

A paper's folder has PAPER, a :class:`Paper`; nothing else in the program knows of it. A page shows a paper only
beside a study of its methods. Adding a paper is adding a folder.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analysis.framework.results import Result
from analysis.framework.table import Table
from analysis.papers.findings import Finding
from dynamics.study import Study

Results = Mapping[str, Result]
"""Results of one study, by the name of the analysis."""


class Weakness(NamedTuple):
    """Something that a paper's statistics cannot show, with the numbers of a study that demonstrate it."""

    title: str
    text: str
    tables: Sequence[Table] = ()


def _nothing(*_: object) -> tuple[()]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper, as far as a study can be compared with it. Parts that a paper lacks may be left out."""

    title: str
    """The title as used in a sentence: "the memorization thesis"."""
    about: str
    """Conditions of its numbers: data, network, seeds."""
    concerns: Callable[[Study, Results], bool]
    """Whether a study has methods of the paper; the functions below are called only if it has."""
    remarks: Callable[[Study], Sequence[str]] = _nothing
    """Sentences to be read before any number is compared."""
    differences: Callable[[Study], Sequence[Table]] = _nothing
    """Fields of the study's recipes that differ from the paper's."""
    findings: Callable[[Study, Results], Sequence[Finding]] = _nothing
    """Its findings about methods that the study has, tested."""
    tables: Callable[[Study, Results], Sequence[Table]] = _nothing
    """Its tables with the study's numbers beside them: rows of methods that the study has."""
    beside: Callable[[str, Study, Results], Sequence[Table]] = _nothing
    """Numbers read off a figure, which is named by its NUMBER, with the study's beside them."""
    weaknesses: Callable[[Study, Results], Sequence[Weakness]] = _nothing
    """Where its statistics are weak."""


def names() -> tuple[str, ...]:
    """Return all papers, by the names of their folders.

    Examples
    --------
    >>> names()
    ('memorization', 'vicreg_coursework')
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg))


def load(name: str) -> Paper:
    """Return a paper.

    Examples
    --------
    >>> load("memorization").title
    'the memorization thesis'
    """
    paper: Paper = importlib.import_module(f"{__name__}.{name}").PAPER
    return paper


def concerned(study: Study, results: Results) -> dict[str, Paper]:
    """Return the papers that a study has methods of, by name.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> list(concerned(example_study(), {}))  # the coursework's methods are not in it
    ['memorization']
    """
    papers = {name: load(name) for name in names()}
    return {name: paper for name, paper in papers.items() if paper.concerns(study, results)}
