# SPDX-License-Identifier: Apache-2.0
"""Rivals of the positive, and the answer among every possible set of mates, by loops over pairs in float64."""

from itertools import combinations

import numpy as np


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def rivals(views: np.ndarray, classes: np.ndarray, view: int, example: int) -> tuple[set[int], set[int]]:
    """Which examples have a view at least as similar to one view of an example as its other view, and its class."""
    asked = views[view, example]
    to_positive = cosine(asked, views[1 - view, example])
    ahead = {
        other
        for other in range(views.shape[1])
        if other != example and max(cosine(asked, views[v, other]) for v in (0, 1)) >= to_positive
    }
    return ahead, {other for other in ahead if classes[other] == classes[example]}


def share_of_batches_that_are_right(views: np.ndarray, view: int, example: int, batch: int) -> float:
    """In how many of all batches with an example is its positive nearer than every view of its mates?"""
    asked = views[view, example]
    to_positive = cosine(asked, views[1 - view, example])
    others = [other for other in range(views.shape[1]) if other != example]
    right = [
        all(cosine(asked, views[v, mate]) < to_positive for mate in mates for v in (0, 1))
        for mates in combinations(others, batch - 1)
    ]
    return float(np.mean(right))
