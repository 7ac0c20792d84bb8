# SPDX-License-Identifier: Apache-2.0
"""What E[r] is where nothing is learnt, and at which epochs it is hardly more."""

from collections.abc import Mapping, Sequence

import numpy as np

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
    means = {method: _mean_without_learning(study, method) for method in study.methods}
    return {method: mean for method, mean in means.items() if mean is not None}


def _mean_without_learning(study: Study, method: str) -> float | None:
    if not study.has_mates(method):
        labels = study.counts(method).labels
        return None if labels is None else float(np.unique(labels, return_counts=True)[1].max() / len(labels))
    if study.mates == "random":
        return None
    answers = [run.coordinate("untrained_correct") for run in study.runs[method]]
    known = [right[0].mean() for right in answers if right is not None]
    return float(np.mean(known)) if len(known) == len(answers) else None


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
