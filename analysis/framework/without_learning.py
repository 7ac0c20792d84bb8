# SPDX-License-Identifier: Apache-2.0
"""What E[r] is where nothing is learnt, and at which epochs it is hardly more."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from analysis.framework.results import Row
from dynamics.names import label
from dynamics.study import Study

CLOSE = 1.1
"""How many times the mean without learning a mean may be, to be taken for it."""


def means_without_learning(study: Study) -> dict[str, float]:
    """Return E[r] where nothing is learnt: the fraction of the commonest label, or for views E[r] before training.

    Methods for which this is not known have none: their labels, or the answers of their untrained networks among the
    same mates, were not recorded.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> {method: round(mean, 2) for method, mean in means_without_learning(example_study()).items()}
    {'simclr': 0.02, 'supervised': 0.33}
    """
    answers = {method: answers_without_learning(study, method) for method in study.methods}
    return {method: float(right.mean()) for method, right in answers.items() if right is not None}


def answers_without_learning(
    study: Study, method: str, *, held_out: bool = False
) -> Float[np.ndarray, "seed example"] | None:
    """Return which answers on the panel, or on held-out images, would be right without learning; None if unknown.

    Of methods with mates those of the untrained networks in the first view, averaged over augmentations; of methods
    with labels whether an example's label is the panel's commonest. The mates of untrained networks are the panel's
    fixed ones, which were drawn at random: of random mates means over examples are the same, single answers are not.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> answers_without_learning(example_study(), "supervised", held_out=True).mean().round(2)
    np.float64(0.33)
    """
    runs = study.runs[method]
    if study.has_mates(method):
        recorded = "held_out_untrained_correct" if held_out else "untrained_correct"
        answers = [run.coordinate(recorded) for run in runs]
        known = [right[0].mean(axis=0) for right in answers if right is not None]
        return np.stack(known) if len(known) == len(runs) else None
    labels = runs[0].labels
    asked = runs[0].coordinate("held_out_label") if held_out else labels
    if labels is None or asked is None:
        return None
    classes, counts = np.unique(labels, return_counts=True)
    right = asked == classes[counts.argmax()]
    return np.tile(right.astype(np.float64), (len(runs), 1))


def hardly_learnt(rows: Sequence[Row], without: Mapping[str, float], mean: str = "mean_r") -> list[str]:
    """Say at which epochs hardly anything is learnt: what differs between examples there need not be their difficulty.

    Parameters
    ----------
    rows
        Rows with `method`, `epoch` and the mean.
    without
        By method, from :func:`means_without_learning`.
    mean
        The column of the mean.

    Examples
    --------
    >>> hardly_learnt([{"method": "supervised", "epoch": 1, "mean_r": 0.34}], {"supervised": 0.333})
    ['supervised at epoch 1: the mean, 0.34, is hardly above 0.33, that without learning']
    """
    return [
        f"{label(row['method'])} at epoch {row['epoch']}: the mean, {row[mean]:.2f}, is "
        f"{'hardly' if row[mean] > chance else 'not'} above {chance:.2f}, that without learning"
        for row in rows
        if (chance := without.get(row["method"])) is not None and row[mean] <= CLOSE * chance
    ]
