# SPDX-License-Identifier: Apache-2.0
"""The p-values of a result, corrected for their number: of many tests without an effect, one of twenty is below .05."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from analysis.framework.results import Row


def control_false_discoveries(rows: Sequence[Row], p: str, q: str) -> None:
    """Add to each row its p-value after Benjamini and Hochberg's correction over all rows (1995, JRSS B 57:289).

    Examples
    --------
    >>> rows = [{"p": 0.01}, {"p": None}, {"p": 0.04}]
    >>> control_false_discoveries(rows, "p", "q")
    >>> [row["q"] for row in rows]
    [0.02, None, 0.04]
    """
    known = [one for one in rows if one[p] is not None and np.isfinite(one[p])]
    adjusted = stats.false_discovery_control([one[p] for one in known]) if known else []
    for one in rows:
        one[q] = None
    for one, value in zip(known, adjusted, strict=True):
        one[q] = float(value)
