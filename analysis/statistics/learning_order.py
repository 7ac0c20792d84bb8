# SPDX-License-Identifier: Apache-2.0
"""When does a network learn an example, and does it stay learnt? Scores of every example from all epochs.

They are taken of each augmented example, as it is answered after every epoch t = 1 to T, and averaged over the
augmentations of an example. What is never reached counts as T + 1: one epoch more than was seen (it is censored).

| score | definition | low |
| --- | --- | --- |
| area | mean over epochs of being right | hard |
| first_learned | first epoch with a right answer (Toneva et al. 2019) | easy |
| learned_for_good | first epoch from which on all answers are right | easy |
| forgetting | number of right answers that are followed by a wrong one (Toneva et al. 2019, arXiv:1812.05159) | easy |

Toneva et al. look at every minibatch; here it is every epoch, with the network at rest.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

RIGHT = 0.5
"""Probability from which on an answer counts as right."""
SCORES = ("area", "first_learned", "learned_for_good", "forgetting")


class Order(NamedTuple):
    """Scores of every seed and example."""

    area: Float[np.ndarray, "seed example"]
    first_learned: Float[np.ndarray, "seed example"]
    learned_for_good: Float[np.ndarray, "seed example"]
    forgetting: Float[np.ndarray, "seed example"]


def learning_order(answers: Iterable[Shaped[np.ndarray, "seed augmentation example"]]) -> Order:
    """Return the scores from the answers after each epoch, in order; one epoch is in memory at a time.

    Where answers are probabilities of being right, the area is their mean; to the other scores they are right from 1/2.

    Raises
    ------
    ValueError
        When there is no epoch.

    Examples
    --------
    >>> right = [[True, False, False], [False, True, False], [True, True, False]]  # (epoch, example)
    >>> found = learning_order(np.array(right)[:, np.newaxis, np.newaxis])
    >>> found.first_learned[0], found.learned_for_good[0], found.forgetting[0]
    (array([1., 2., 4.]), array([3., 2., 4.]), array([1., 0., 0.]))
    """
    epoch = 0
    for answer in answers:
        epoch += 1
        right = answer >= RIGHT
        if epoch == 1:
            forgotten, last_wrong, first = (np.zeros(right.shape, dtype=np.int32) for _ in range(3))
            sums = np.zeros(right.shape, dtype=np.int32 if answer.dtype == bool else np.float64)
            before = np.zeros(right.shape, dtype=bool)
        sums += answer
        forgotten += before & ~right
        last_wrong[~right] = epoch
        first[right & (first == 0)] = epoch
        before = right
    if epoch == 0:
        raise ValueError("no epoch to order examples by")
    first[first == 0] = epoch + 1
    scores = (sums / epoch, first, last_wrong + 1, forgotten)
    return Order(*(score.mean(axis=1, dtype=np.float64) for score in scores))
