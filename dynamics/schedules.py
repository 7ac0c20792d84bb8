# SPDX-License-Identifier: Apache-2.0
"""Which learning rate does an epoch use: pure functions of the epoch."""

import math


def cosine(epoch: int, *, base: float, period: int, start: int = 0) -> float:
    """Return the cosine-annealed learning rate of an epoch (Loshchilov and Hutter, 2017, eq. 5).

    base / 2 * (1 + cos(pi * s / period)) after s steps of the schedule, which is stepped at the end of
    every epoch but the first `start`. It is not clamped: past `period` the rate rises again and is back at
    `base` after 2 * period steps, as when PyTorch's CosineAnnealingLR runs past its T_max. The plateau of
    random-labels-aug near epoch 200 comes from this.

    Parameters
    ----------
    epoch
        1 for the first epoch.
    base
        The largest rate.
    period
        Steps from the largest rate to zero.
    start
        Steps that are left out at the beginning: epochs 1 to start + 1 use `base`.
    """
    if epoch < 1 or period < 1:
        raise ValueError(f"epoch and period count from 1, not {epoch} and {period}")
    steps = max(0, epoch - 1 - start)
    return base / 2 * (1 + math.cos(math.pi * steps / period))
