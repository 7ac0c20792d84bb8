# SPDX-License-Identifier: Apache-2.0
"""Verdict on collapse: to one vector for all images (complete), or to few dimensions (dimensional).

Two thresholds on what :mod:`dynamics.training.diagnostics` measures; both are far from what sound networks have,
and both are conventions, so the numbers always stand beside the verdict.
"""

from enum import StrEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dynamics.names import counted

COMPLETE_STD = 0.1
"""Below this standard deviation (1: spread evenly over the sphere) a network has collapsed completely: all images
then share at least 1 - 0.1^2 = 99 % of the squared length of their unit vectors."""

DIMENSIONAL_SHARE = 0.05
"""Below this fraction of the largest possible rank, min(K, d), a network has collapsed to few dimensions.
On the digits, sound networks of every method had about 10 % and more after 25 epochs."""

DIMENSIONAL_CLASSES = 0.5
"""A network that was trained on labels needs no more dimensions than classes (its features of one class become
one vector): it has collapsed to few dimensions below this fraction of the number of classes."""


class CollapseKind(StrEnum):
    """What became of one network's vectors."""

    NONE = "none"
    DIMENSIONAL = "dimensional"
    COMPLETE = "complete"
    UNKNOWN = "not finite"


class Limits(NamedTuple):
    """What the rank is compared with."""

    largest: int
    """Rank that is possible, or that labels ask for."""
    share: float
    """Fraction of it below which the collapse is dimensional."""

    @property
    def rank(self) -> float:
        """Rank below which the collapse is dimensional."""
        return self.share * self.largest


def limits(*, examples: int, dimensions: int, classes: int | None) -> Limits:
    """Return what a rank is compared with.

    Parameters
    ----------
    examples, dimensions
        K and d: the size of the matrix whose rank was measured.
    classes
        How many classes a network was trained to tell apart; None for one that was trained without labels.

    Examples
    --------
    >>> limits(examples=128, dimensions=64, classes=None).rank, limits(examples=128, dimensions=64, classes=10).rank
    (3.2, 5.0)
    """
    possible = min(examples, dimensions)
    if classes is None:
        return Limits(possible, DIMENSIONAL_SHARE)
    return Limits(min(possible, classes), DIMENSIONAL_CLASSES)


def kinds(
    std: Float[np.ndarray, " seed"], rank: Float[np.ndarray, " seed"], limit: Limits | None
) -> list[CollapseKind]:
    """Decide for every seed, by its standard deviation first; without a limit, ranks decide nothing.

    Examples
    --------
    >>> limit = limits(examples=128, dimensions=64, classes=None)
    >>> [str(kind) for kind in kinds(np.array([0.9, 0.9, 0.05]), np.array([30.0, 2.0, 1.0]), limit)]
    ['none', 'dimensional', 'complete']
    """
    return [_kind(one, rank_, limit) for one, rank_ in zip(std, rank, strict=True)]


def _kind(std: float, rank: float, limit: Limits | None) -> CollapseKind:
    if not (np.isfinite(std) and np.isfinite(rank)):
        return CollapseKind.UNKNOWN
    if std < COMPLETE_STD:
        return CollapseKind.COMPLETE
    if limit is not None and rank < limit.rank:
        return CollapseKind.DIMENSIONAL
    return CollapseKind.NONE


def verdict(found: list[CollapseKind]) -> str:
    """Say in a few words what became of several seeds.

    Examples
    --------
    >>> verdict([CollapseKind.COMPLETE, CollapseKind.NONE])
    'complete in 1 of 2 seeds'
    """
    counts = {
        kind: found.count(kind)
        for kind in (CollapseKind.COMPLETE, CollapseKind.DIMENSIONAL, CollapseKind.UNKNOWN)
    }
    for kind, count in counts.items():
        if found and count == len(found):
            return kind.value
    some = [
        f"{kind.value} in {count} of {counted(len(found), 'seed')}" for kind, count in counts.items() if count
    ]
    return ", ".join(some) or CollapseKind.NONE.value
