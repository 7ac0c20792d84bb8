# SPDX-License-Identifier: Apache-2.0
"""How much better are answers on examples that a network was trained on? The gap, its intervals, and its share.

The same networks answer on two panels, one of training examples and one of held-out ones, under the same draws. Seeds
are paired; examples are not. For examples like these, a group of either panel is left out at a time.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from analysis.statistics.jackknife import (
    Interval,
    Intervals,
    crossed_interval,
    groups_of,
    jackknife_interval,
    mean_left_out,
)

Trained = Float[np.ndarray, "seed example"]
HeldOut = Float[np.ndarray, "seed held_out_example"]


class Gap(NamedTuple):
    """Means of r_t on training and on held-out examples, what lies between them, and its intervals."""

    trained: float
    """E[r_t] on training examples, 0 to 1."""
    held_out: float
    """E[r_t] on held-out examples, 0 to 1."""
    gap: float
    """trained - held_out, -1 to 1: 0 where nothing was memorised."""
    gap_intervals: Intervals
    before: tuple[float, float]
    """What the two means would be without learning; nan where that is not known."""
    gain: Interval
    """Of trained less what it would be without learning, for other seeds and examples like these."""
    ratio: float
    """What held-out examples gained over what training examples gained: 1 where all that was learnt holds for new
    ones, 0 where nothing does; nan where training examples gained nothing."""
    ratio_intervals: Intervals


def generalization_gap(
    trained: Trained,
    held_out: HeldOut,
    *,
    before: tuple[Trained, HeldOut] | None = None,
    in_training: Bool[np.ndarray, "seed example"] | None = None,
) -> Gap:
    """Compare answers on examples that networks were trained on with those on others.

    Parameters
    ----------
    trained, held_out
        Each seed's answers, 0 to 1, averaged over augmentations.
    before
        What the answers on both would be without learning: those of the untrained networks, or whether the label is
        the commonest. Without it there is no ratio.
    in_training
        Which of the training examples a seed was trained on; all by default. Others are left out.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trained, held_out = (rng.binomial(3, p, size=(8, 200)) / 3 for p in (0.9, 0.5))
    >>> found = generalization_gap(trained, held_out, before=(np.full((8, 200), 0.1), np.full((8, 200), 0.1)))
    >>> round(found.gap, 1), round(found.ratio, 1)
    (0.4, 0.5)
    """
    groups = 1 + min(int(groups_of(answers.shape[1]).max()) for answers in (trained, held_out))
    used = np.ones(trained.shape, dtype=bool) if in_training is None else in_training
    every = np.ones(held_out.shape, dtype=bool)
    one, other = _Means.of(trained, used, groups), _Means.of(held_out, every, groups)
    nothing = tuple(np.full(answers.shape, np.nan) for answers in (trained, held_out))
    base, base_other = nothing if before is None else before
    first, second = _Means.of(base, used, groups), _Means.of(base_other, every, groups)
    gained = one.minus(first)
    ratio = other.minus(second).over(gained)
    return Gap(
        float(one.value),
        float(other.value),
        float(one.value - other.value),
        one.minus(other).intervals((-1.0, 1.0)),
        (float(first.value), float(second.value)),
        gained.intervals((-1.0, 1.0)).examples_like_these,
        float(ratio.value),
        ratio.intervals((-np.inf, np.inf)),
    )


class _Means(NamedTuple):
    """A number from all seeds and examples, and without each seed, each group of examples, and each of both."""

    value: Float[np.ndarray, ""]
    without_seed: Float[np.ndarray, " seed"]
    without_group: Float[np.ndarray, " group"]
    without_both: Float[np.ndarray, "group seed"]

    @classmethod
    def of(
        cls, answers: Float[np.ndarray, "seed example"], used: Bool[np.ndarray, "seed example"], groups: int
    ) -> "_Means":
        """Average over the examples that each seed uses, then over seeds."""
        member = np.eye(groups)[groups_of(answers.shape[1]) % groups]
        sums, counts = np.where(used, answers, 0.0) @ member, used @ member
        all_sums, all_counts = (values.sum(axis=1, keepdims=True) for values in (sums, counts))
        known = np.where(all_counts > 0, all_counts, np.nan)  # a seed may have seen none of the panel
        by_seed = (all_sums / known)[:, 0]
        without_group = ((all_sums - sums) / np.maximum(all_counts - counts, 1)).T
        return cls(
            by_seed.mean(),
            mean_left_out(by_seed),
            without_group.mean(axis=1),
            mean_left_out(without_group.T).T,
        )

    def minus(self, other: "_Means") -> "_Means":
        return _Means(*(one - two for one, two in zip(self, other, strict=True)))

    def over(self, other: "_Means") -> "_Means":
        pairs = ((np.asarray(one), np.asarray(two)) for one, two in zip(self, other, strict=True))
        return _Means(*(np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0) for a, b in pairs))

    def intervals(self, within: tuple[float, float]) -> Intervals:
        if len(self.without_seed) < 2:
            unknown = Interval(np.array(np.nan), np.array(np.nan))
            return Intervals(unknown, unknown)
        return Intervals(
            jackknife_interval(np.asarray(self.value), self.without_seed, within=within),
            crossed_interval(np.asarray(self.value), *self[1:], within=within),
        )
