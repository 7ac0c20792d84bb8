# SPDX-License-Identifier: Apache-2.0
"""Learning-rate schedules: pure functions of the epoch."""

import math


def cosine(epoch: int, *, base: float, period: int, start: int = 0) -> float:
    """Return the cosine-annealed learning rate of an epoch (Loshchilov and Hutter, 2017, eq. 5).

    The rate is base / 2 * (1 + cos(pi * s / period)) after s steps of the schedule, which is stepped at the end of
    every epoch but the first `start`. It is not clamped: past `period` it rises again and is back at `base` after
    2 * period steps, like PyTorch's CosineAnnealingLR past its T_max. The plateau of random-labels-aug near epoch 200
    comes from this.

    Parameters
    ----------
    epoch
        1 for the first epoch.
    base
        The maximum learning rate.
    period
        Steps from the maximum to zero.
    start
        Number of first epochs without a step: epochs 1 to start + 1 use `base`.

    Raises
    ------
    ValueError
        If `epoch` or `period` is below 1.

    Examples
    --------
    >>> [round(cosine(epoch, base=0.1, period=10), 3) for epoch in (1, 6, 11, 21)]
    [0.1, 0.05, 0.0, 0.1]
    """
    if epoch < 1 or period < 1:
        raise ValueError(f"epoch and period count from 1, got {epoch} and {period}")
    steps = max(0, epoch - 1 - start)
    return base / 2 * (1 + math.cos(math.pi * steps / period))
