# SPDX-License-Identifier: Apache-2.0
"""Rows of results at the epochs where the mean of r_t reaches a target: how to find one's own.

An epoch that is the first to reach several targets is computed, and counted, once; its row names them all. Its mean is
above the target, by an amount that differs between methods: to compare methods, rows are interpolated to equal means.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from analysis.framework.results import Row
from dynamics.errors import UserError
from dynamics.names import label, ordered

TARGETS = (0.25, 0.5, 0.75)
"""Means of r_t at whose first epochs a method is tested, as in the memorization thesis."""


def check_targets(targets: Sequence[float]) -> None:
    """Check that there are targets, and that r_t can have these means.

    Raises
    ------
    UserError
        When there are no targets, or one is not in [0, 1].

    Examples
    --------
    >>> check_targets([0.25, 0.5])
    """
    if not targets or not all(0 <= target <= 1 for target in targets):
        raise UserError(f"`targets` must be means of r_t in [0, 1], at least one, got {list(targets)}")


def first_reaching(mean: Float[np.ndarray, " epoch"], target: float) -> int | None:
    """Return the position of the first epoch whose mean is at least the target, or None.

    Examples
    --------
    >>> first_reaching(np.array([0.1, 0.3, 0.6]), 0.25), first_reaching(np.array([0.1]), 0.25)
    (1, None)
    """
    reached = np.flatnonzero(mean >= target)
    return int(reached[0]) if len(reached) else None


def first_to_reach(mean: Float[np.ndarray, " epoch"], targets: Sequence[float]) -> dict[int, list[float]]:
    """Return the positions of the epochs that are the first to reach a target, each with its targets.

    Examples
    --------
    >>> first_to_reach(np.array([0.1, 0.3, 0.6]), [0.2, 0.25, 0.5, 0.9])
    {1: [0.2, 0.25], 2: [0.5]}
    """
    reached: dict[int, list[float]] = {}
    for target in dict.fromkeys(targets):
        if (at := first_reaching(mean, target)) is not None:
            reached.setdefault(at, []).append(target)
    return reached


def of_quantity(rows: Sequence[Row], quantity: str) -> list[Row]:
    """Return the rows about r or r~ (`r_tilde`): the same ones for a method with one augmentation.

    Examples
    --------
    >>> single = {"quantity": "r_tilde", "augmentations": 1}
    >>> of_quantity([single, {"quantity": "r_tilde", "augmentations": 4}], "r") == [single]
    True
    """
    return [row for row in rows if row["quantity"] == quantity or row["augmentations"] == 1]


def by_target(rows: Iterable[Row]) -> dict[tuple[str, float], Row]:
    """Return the row of each method and target; several targets may have one row.

    Examples
    --------
    >>> list(by_target([{"method": "simclr", "targets": [0.25, 0.5]}]))
    [('simclr', 0.25), ('simclr', 0.5)]
    """
    return {(row["method"], target): row for row in rows for target in row["targets"]}


class Crossing(NamedTuple):
    """Where a curve of means first passes a value, between two epochs."""

    before: int
    """Place of the last epoch below it on the epoch axis."""
    after: int
    """Place of the first epoch at or above it; equal to `before` where the first epoch has exactly this mean."""
    weight: float
    """How far from `before` to `after`, above 0 to 1."""

    def between(self, values: Float[np.ndarray, "epoch *rest"]) -> Float[np.ndarray, "*rest"]:
        """Return values interpolated to the crossing."""
        return np.asarray((1 - self.weight) * values[self.before] + self.weight * values[self.after])


def crossing(means: Float[np.ndarray, " epoch"], value: float) -> Crossing | None:
    """Find where means, linear between epochs, first reach a value.

    None if they never do, are above it from the start, or are not known (nan) at the epoch before.

    Examples
    --------
    >>> found = crossing(np.array([0.2, 0.4, 0.8]), 0.5)
    >>> found.before, found.after, round(found.weight, 2)
    (1, 2, 0.25)
    >>> crossing(np.array([0.2, 0.4]), 0.1) is None, crossing(np.array([np.nan, 0.4]), 0.3) is None
    (True, True)
    """
    reached = np.flatnonzero(means >= value)
    if len(reached) == 0 or (reached[0] == 0 and means[0] > value):
        return None
    after = int(reached[0])
    before = max(after - 1, 0)
    if np.isnan(means[before]):
        return None
    step = float(means[after] - means[before])
    return Crossing(before, after, (value - float(means[before])) / step if step > 0 else 1.0)


def at_mean(rows: Sequence[Row], mean: float, columns: Sequence[str]) -> Row | None:
    """Return columns where a method's mean of r_t first is `mean`, interpolated between two epochs.

    Parameters
    ----------
    rows
        The method's rows, epoch by epoch, with their `mean_r`.
    mean
        0 to 1.
    columns
        Numbers to interpolate; None where one of the two is not known.

    Returns
    -------
    Row or None
        The columns and `epoch`, a fraction; None if the mean is never reached, or exceeded by the first epoch.

    Examples
    --------
    >>> rows = [{"epoch": 1, "mean_r": 0.2, "sd": 0.1}, {"epoch": 2, "mean_r": 0.4, "sd": 0.3}]
    >>> {name: round(value, 3) for name, value in at_mean(rows, 0.25, ["sd"]).items()}
    {'epoch': 1.25, 'sd': 0.15}
    """
    found = crossing(np.array([row["mean_r"] for row in rows], dtype=float), mean)
    if found is None:
        return None
    names = ("epoch", *columns)
    values = {name: found.between(np.array([row[name] for row in rows], dtype=float)) for name in names}
    return {name: None if np.isnan(value) else float(value) for name, value in values.items()}


def never_reached(rows: Sequence[Row], methods: Iterable[str], targets: Sequence[float]) -> list[str]:
    """Say which methods do not reach the means at which they were to be tested.

    Examples
    --------
    >>> never_reached([{"method": "simclr", "targets": [0.25]}], ["simclr"], [0.25, 0.5, 0.75])
    ['SimCLR never reaches a mean r_t of 0.5, 0.75: choose other targets']
    """
    reached = by_target(rows)
    absent = {
        method: [target for target in targets if (method, target) not in reached]
        for method in ordered(methods)
    }
    return [
        f"{label(method)} never reaches a mean r_t of {', '.join(map(str, missed))}: choose other targets"
        for method, missed in absent.items()
        if missed
    ]
