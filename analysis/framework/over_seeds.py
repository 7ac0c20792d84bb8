# SPDX-License-Identifier: Apache-2.0
"""Mean and standard deviation over seeds, of numbers that some seeds may lack."""

from collections.abc import Iterable

import numpy as np


def mean_sd(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation (divisor n - 1) of the values that are known and finite.

    Returns
    -------
    tuple
        None for the mean of none, and for the standard deviation of fewer than two.

    Examples
    --------
    >>> mean_sd([1.0, 3.0, None]), mean_sd([1.0]), mean_sd([])
    ((2.0, 1.4142135623730951), (1.0, None), (None, None))
    """
    known = np.array([value for value in values if value is not None], dtype=float)
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return None, None
    return float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else None
