# SPDX-License-Identifier: Apache-2.0
"""Mates: the other examples of a panel batch, among whose views the nearest one is looked for.

The indicator of the memorization thesis has the same mates in every epoch and seed, so that part of r_t(x) is whether
the mates of x happen to look like x. Among random mates that part averages out, exactly: with n rivals (examples with a
view at least as similar as the positive) among the K - 1 others, none of them is among B - 1 mates with probability

    C(K - 1 - n, B - 1) / C(K - 1, B - 1)
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

Mates = Literal["fixed", "random"]


def right_among_mates(examples: int, batch: int) -> Float[np.ndarray, " rivals"]:
    """Return the probability of being right among B - 1 random mates, for each number of rivals from 0 to K - 1.

    Parameters
    ----------
    examples
        Number of examples of the panel, K.
    batch
        Examples of a batch, B, from 1 (no mates) to K (all are mates).

    Returns
    -------
    numpy.ndarray
        From 1 (no rival) down to 0 (more rivals than can be avoided). A view whose positive is no nearer than others
        has on average 1 / (2 B - 1), approximately.

    Raises
    ------
    ValueError
        When B is not from 1 to K.

    Examples
    --------
    >>> right_among_mates(5, 3).round(3).tolist()  # two of four others are mates
    [1.0, 0.5, 0.167, 0.0, 0.0]
    """
    if not 1 <= batch <= examples:
        raise ValueError(f"batch must be in [1, {examples}], the number of examples, got {batch}")
    others = examples - np.arange(1, examples)  # after each rival that is not among the mates, one fewer
    return np.append(1.0, np.cumprod(np.maximum(others - (batch - 1), 0) / others))
