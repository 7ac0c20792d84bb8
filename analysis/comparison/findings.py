# SPDX-License-Identifier: Apache-2.0
"""Which of the memorization thesis's findings hold in a study: each by a rule and a number from its results."""

from collections.abc import Callable

from analysis.comparison import class_findings, spread_findings
from analysis.comparison.outcomes import Finding, Outcome, Results

__all__ = ["TESTS", "Finding", "Outcome", "Results", "all_findings"]

TESTS: tuple[Callable[[Results], Finding], ...] = (
    spread_findings.easy_and_hard,
    spread_findings.widest,
    spread_findings.single_like_supervised,
    spread_findings.averaged_like_random,
    class_findings.classes_differ,
    class_findings.which_classes,
    class_findings.similar_classes,
    class_findings.larger_divergence,
    class_findings.less_graded,
)


def all_findings(results: Results) -> list[Finding]:
    """Test every finding of the thesis, in its order; a study without a result has findings that are not testable."""
    return [test(results) for test in TESTS]
