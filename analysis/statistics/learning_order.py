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
from jaxtyping import Real, Shaped

RIGHT = 0.5
"""Probability from which on an answer counts as right."""
SCORES = ("area", "first_learned", "learned_for_good", "forgetting")


class Order(NamedTuple):
    """Scores of every seed and example."""

    area: Real[np.ndarray, "seed *augmentation example"]
    first_learned: Real[np.ndarray, "seed *augmentation example"]
    learned_for_good: Real[np.ndarray, "seed *augmentation example"]
    forgetting: Real[np.ndarray, "seed *augmentation example"]


def learning_order(
    answers: Shaped[np.ndarray, "epoch seed augmentation example"]
    | Iterable[Shaped[np.ndarray, "seed augmentation example"]],
) -> Order:
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
    state = OrderSoFar()
    for answer in answers:
        state.add(answer)
    return Order(*(score.mean(axis=1, dtype=np.float64) for score in state.scores_by_augmentation()))


class OrderSoFar:
    """Scores of the epochs that were added, one at a time.

    Examples
    --------
    >>> state = OrderSoFar()
    >>> for right in (False, True):
    ...     state.add(np.array([[[right]]]))
    >>> state.scores_by_augmentation().first_learned
    array([[[2]]], dtype=int32)
    """

    def __init__(self) -> None:
        self.epoch = 0

    def add(self, answer: Shaped[np.ndarray, "seed augmentation example"]) -> None:
        """Take in the answers after the next epoch."""
        self.epoch += 1
        right = answer >= RIGHT
        if self.epoch == 1:
            self.forgotten, self.last_wrong, self.first = (
                np.zeros(right.shape, dtype=np.int32) for _ in range(3)
            )
            self.sums = np.zeros(right.shape, dtype=np.int32 if answer.dtype == bool else np.float64)
            self.before = np.zeros(right.shape, dtype=bool)
        self.sums += answer
        self.forgotten += self.before & ~right
        self.last_wrong[~right] = self.epoch
        self.first[right & (self.first == 0)] = self.epoch
        self.before = right

    def scores_by_augmentation(self) -> Order:
        """Return the scores (seed, augmentation, example), not yet averaged over augmentations.

        Raises
        ------
        ValueError
            When there was no epoch.
        """
        if self.epoch == 0:
            raise ValueError("no epoch to order examples by")
        first = np.where(self.first == 0, self.epoch + 1, self.first)
        return Order(self.sums / self.epoch, first, self.last_wrong + 1, self.forgotten)
