"""The thesis's activation maximisation, one unit and one step at a time, in numpy."""

from collections.abc import Callable

import numpy as np


def ascend(
    start: np.ndarray, gradient: Callable[[np.ndarray], np.ndarray], *, steps: int, penalty: float = 0.01
) -> np.ndarray:
    """Return x after steps of length 1 up the gradient of activation - penalty * sum of squares."""
    x = start.astype(np.float64).copy()
    for _ in range(steps):
        x = x + gradient(x) - penalty * 2 * x
    return x


def shown(x: np.ndarray) -> np.ndarray:
    """Return sigmoid((x - mean) / std), with the unbiased std."""
    n = x.size
    mean = x.sum() / n
    std = np.sqrt(((x - mean) ** 2).sum() / (n - 1))
    return 1 / (1 + np.exp(-(x - mean) / std))
