# SPDX-License-Identifier: Apache-2.0
"""Difficulty scores of one seed, augmentation and example, by loops over its epochs, as the papers define them."""

import math
from itertools import pairwise

import numpy as np


def forgetting_events(correct: list[bool]) -> float:
    """Toneva et al. 2019, section 3: acc falls from 1 to 0; examples that are never learnt have infinitely many."""
    if not any(correct):
        return float(len(correct))  # infinite: as many as there are epochs, more than can be counted
    return float(sum(before and not after for before, after in pairwise(correct)))


def iteration_learned(predicted: list[int]) -> float:
    """Baldock et al. 2021, definition: argmin over t with predicted(t') = predicted(T) for all t' >= t."""
    epoch = len(predicted)
    while epoch > 1 and predicted[epoch - 2] == predicted[-1]:
        epoch -= 1
    return float(epoch)


def data_map(probability: list[float]) -> tuple[float, float]:
    """Swayamdipta et al. 2020, section 2: mean and standard deviation over epochs of the label's probability."""
    mean = sum(probability) / len(probability)
    return mean, math.sqrt(sum((p - mean) ** 2 for p in probability) / len(probability))


def margin(logits: np.ndarray, label: int) -> float:
    """Pleiss et al. 2020, eq. 1: the label's logit less the largest other one."""
    return float(logits[label] - max(z for k, z in enumerate(logits) if k != label))


def error_norm(logits: np.ndarray, label: int) -> float:
    """Paul et al. 2021, definition 2.2: the norm of softmax less one-hot."""
    p = np.exp(logits - logits.max())
    p /= p.sum()
    p[label] -= 1
    return float(np.sqrt((p**2).sum()))


def auroc(values: np.ndarray, positive: np.ndarray) -> float:
    """The fraction of pairs in which the positive one is larger; half of those that are equal."""
    pairs = [
        1.0 if one > other else 0.5 if one == other else 0.0
        for one in values[positive]
        for other in values[~positive]
    ]
    return float(np.mean(pairs))
