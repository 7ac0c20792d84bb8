# SPDX-License-Identifier: Apache-2.0
"""The only source of randomness in analyses: generators derived from `random_state`, so that results repeat."""

import numpy as np

from dynamics.errors import UserError


def generator(random_state: int, *purpose: int) -> np.random.Generator:
    """Return the generator for one purpose: the same numbers each time, and different ones for each purpose.

    Parameters
    ----------
    random_state
        Seed of an analysis, >= 0.
    purpose
        Which of the analysis's draws the generator is for: an epoch, a row, a training seed.

    Raises
    ------
    UserError
        If the seed is negative.

    Examples
    --------
    >>> generator(0, 25).random() == generator(0, 25).random()
    True
    """
    if random_state < 0:
        raise UserError(f"`random_state` must be >= 0, got {random_state}")
    return np.random.default_rng([random_state, *purpose])
