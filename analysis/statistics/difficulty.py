# SPDX-License-Identifier: Apache-2.0
"""Difficulty scores of the literature, from what was recorded after every epoch of each seed.

They are taken of each augmented example and averaged over the augmentations. Networks are looked at after every epoch,
at rest; papers that look at every minibatch see more forgetting.

| score | definition | hard | needs |
| --- | --- | --- | --- |
| area | mean over epochs of being right (correctness, Swayamdipta 2020) | low | correct |
| first_learned | first epoch with a right answer | high | correct |
| learned_for_good | first epoch from which on all answers are right | high | correct |
| forgetting | right answers followed by a wrong one; T if none was right (Toneva 2019: infinite) | high | correct |
| iteration_learned | first epoch from which on the answer is the last one (Baldock 2021) | high | predicted |
| confidence | mean over epochs of the probability of the label (Swayamdipta 2020) | low | probability |
| variability | standard deviation over epochs of that probability (Swayamdipta 2020) | | probability |
| aum | mean over epochs of the margin (Pleiss 2020) | low | margin |
| el2n | error norm at an early epoch (Paul 2021) | high | error_norm |
| loss_rank | mean over epochs of the rank of -log probability among the examples, 0 to 1 | high | probability |

Toneva et al. arXiv:1812.05159; Swayamdipta et al. arXiv:2009.10795; Pleiss et al. arXiv:2001.10528; Paul et al.
arXiv:2107.07075; Baldock et al. arXiv:2106.09647.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from analysis.statistics.learning_order import OrderSoFar

NEEDS = {
    "area": "correct",
    "first_learned": "correct",
    "learned_for_good": "correct",
    "forgetting": "correct",
    "iteration_learned": "predicted",
    "confidence": "probability",
    "variability": "probability",
    "aum": "margin",
    "el2n": "error_norm",
    "loss_rank": "probability",
}
"""What each score is computed from."""
HARD = {
    **dict.fromkeys(("area", "confidence", "aum"), -1),
    **dict.fromkeys(
        ("first_learned", "learned_for_good", "forgetting", "iteration_learned", "el2n", "loss_rank"), 1
    ),
    "variability": 0,
}
"""1 where a high value means a hard example, -1 where a low one does, 0 where neither."""
EARLY = 0.1
"""EL2N is that of the epoch after this part of the training (Paul et al.: 20 of 200)."""


def title(score: str) -> str:
    """Return a score's name as it is written.

    Examples
    --------
    >>> title("aum"), title("first_learned")
    ('AUM', 'first learned')
    """
    return score.upper() if score in ("aum", "el2n") else score.replace("_", " ")


def scores_from(recorded: Sequence[str]) -> tuple[str, ...]:
    """Return the scores that can be computed from some recorded arrays.

    Examples
    --------
    >>> scores_from(["correct", "margin"])
    ('area', 'first_learned', 'learned_for_good', 'forgetting', 'aum')
    """
    return tuple(name for name, need in NEEDS.items() if need in recorded)


def early_epoch(epochs: int) -> int:
    """Return the epoch of EL2N, counted from 1.

    Examples
    --------
    >>> early_epoch(200), early_epoch(3)
    (20, 1)
    """
    return max(1, round(EARLY * epochs))


def difficulty_scores(
    epochs: Iterable[Mapping[str, np.ndarray]], *, early: int
) -> dict[str, Float[np.ndarray, "seed example"]]:
    """Return all scores that can be computed, from one epoch's arrays at a time, in order.

    Parameters
    ----------
    epochs
        Arrays (seed, augmentation, example) by name: `correct`, and as far as they were recorded `probability`,
        `margin`, `error_norm` and `predicted`.
    early
        Epoch of EL2N, counted from 1; without it in `epochs` there is no EL2N.

    Raises
    ------
    ValueError
        When there is no epoch.

    Examples
    --------
    >>> correct = np.array([[False, True], [True, True], [True, False]])[:, np.newaxis, np.newaxis]
    >>> found = difficulty_scores(({"correct": one} for one in correct), early=1)
    >>> found["first_learned"][0], found["forgetting"][0]
    (array([2., 1.]), array([0., 1.]))
    """
    state = DifficultySoFar(early=early)
    for arrays in epochs:
        state.add(arrays)
    return state.scores()


class DifficultySoFar:
    """Sums over the epochs that were added; :meth:`scores` may be asked at any time.

    Examples
    --------
    >>> state = DifficultySoFar(early=1)
    >>> state.add({"correct": np.ones((1, 1, 2), dtype=bool), "margin": np.full((1, 1, 2), 0.5)})
    >>> state.scores()["aum"]
    array([[0.5, 0.5]])
    """

    def __init__(self, *, early: int) -> None:
        self.early, self.epochs = early, 0
        self.order = OrderSoFar()
        self.sums: dict[str, Any] = {}
        self.before: np.ndarray | None = None

    def add(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take in the next epoch."""
        self.epochs += 1
        self.order.add(arrays["correct"])
        if "probability" in arrays:
            p = arrays["probability"].astype(np.float64)
            self._sum("p", p)
            self._sum("p2", p**2)
            # of float16, whose smallest positive value is 6e-8, a rank of -log p is that of p
            ranks = stats.rankdata(-p, axis=-1)
            self._sum("rank", (ranks - 1) / max(p.shape[-1] - 1, 1))
        if "margin" in arrays:
            self._sum("margin", arrays["margin"].astype(np.float64))
        if "error_norm" in arrays and self.epochs == self.early:
            self.sums["error_norm"] = arrays["error_norm"].astype(np.float64)
        if "predicted" in arrays:
            predicted = arrays["predicted"]
            if self.before is None:
                self.sums["changed"] = np.ones(predicted.shape)
            else:
                self.sums["changed"][predicted != self.before] = self.epochs
            self.before = predicted

    def _sum(self, name: str, values: np.ndarray) -> None:
        self.sums[name] = self.sums[name] + values if name in self.sums else values

    def scores(self) -> dict[str, Float[np.ndarray, "seed example"]]:
        """Return the scores of the epochs so far, averaged over augmentations."""
        order = self.order.scores_by_augmentation()
        never = order.area == 0
        found = order._asdict() | {"forgetting": np.where(never, float(self.epochs), order.forgetting)}
        known = self.sums
        if "changed" in known:
            found["iteration_learned"] = known["changed"]
        if "p" in known:
            mean = known["p"] / self.epochs
            found["confidence"] = mean
            found["variability"] = np.sqrt(np.maximum(known["p2"] / self.epochs - mean**2, 0))
            found["loss_rank"] = known["rank"] / self.epochs
        if "margin" in known:
            found["aum"] = known["margin"] / self.epochs
        if "error_norm" in known:
            found["el2n"] = known["error_norm"]
        return {name: found[name].mean(axis=1, dtype=np.float64) for name in NEEDS if name in found}
