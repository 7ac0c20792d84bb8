# SPDX-License-Identifier: Apache-2.0
"""The one source of randomness in analyses: generators that follow from `random_state`, so that numbers repeat."""

import numpy as np

from dynamics.errors import UserError


def generator(random_state: int, *purpose: int) -> np.random.Generator:
    """Return the generator of one purpose: the same numbers each time, others for another purpose.

    Parameters
    ----------
    random_state
        Seed of an analysis, 0 or more.
    purpose
        Which of the analysis's draws: an epoch, a row, a training seed.

    Raises
    ------
    UserError
        When the seed is negative.

    Examples
    --------
    >>> generator(0, 25).random() == generator(0, 25).random()
    True
    """
    if random_state < 0:
        raise UserError(f"`random_state` must be >= 0, got {random_state}")
    return np.random.default_rng([random_state, *purpose])
