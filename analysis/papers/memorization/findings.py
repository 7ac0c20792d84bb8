# SPDX-License-Identifier: Apache-2.0
"""Which of the thesis's findings hold in a study: each by a rule and a number from its results."""

from collections.abc import Callable, Collection

from analysis.papers import Results
from analysis.papers.findings import Finding
from analysis.papers.memorization import classes, memory, spreads
from dynamics.study import Study

TESTS: dict[Callable[[Results], Finding], frozenset[str]] = {
    spreads.easy_and_hard: frozenset(),
    spreads.widest: frozenset({"supervised"}),
    spreads.single_like_supervised: frozenset({"simclr", "supervised", "random-labels"}),
    spreads.averaged_like_random: frozenset({"simclr", "supervised", "random-labels"}),
    classes.classes_differ: frozenset({"simclr", "supervised"}),
    classes.which_classes: frozenset({"supervised"}),
    classes.similar_classes: frozenset({"simclr"}),
    classes.larger_divergence: frozenset({"simclr", "supervised"}),
    classes.less_graded: frozenset({"simclr", "supervised"}),
    memory.simclr_memorises: frozenset({"simclr", "random-labels"}),
}
"""In the thesis's order, its explanation last: the function that tests a finding, and the methods that it is about."""


def findings(study: Study, results: Results) -> list[Finding]:
    """Test the findings that are about methods of a study.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = findings(example_study(), {})  # none of the findings about random labels
    >>> len(found), {one.conclusion.value for one in found}
    (7, {'not testable'})
    """
    return tested(study.methods, results)


def tested(methods: Collection[str], results: Results) -> list[Finding]:
    """Test the findings that are about these methods, in the thesis's order.

    Examples
    --------
    >>> [one.claim for one in tested(["random-labels"], {})]
    ['Every setting has easy and hard examples.']
    >>> len(tested(["simclr", "supervised", "random-labels"], {})) == len(TESTS)
    True
    """
    return [test(results) for test, about in TESTS.items() if about <= set(methods)]
