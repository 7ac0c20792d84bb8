"""Weighted nearest neighbours (Wu et al., 2018, section 3.4), one query and one neighbour after the other."""

import math
from collections.abc import Sequence

import numpy as np


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    inner = sum(x * y for x, y in zip(a, b, strict=True))
    return inner / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def votes(
    bank: np.ndarray,
    labels: Sequence[int],
    queries: np.ndarray,
    *,
    num_classes: int,
    k: int,
    temperature: float,
) -> np.ndarray:
    """Return (query, class): w_c = sum over the k nearest of class c of exp(s / tau)."""
    rows = bank.astype(float).tolist()
    result = np.zeros((len(queries), num_classes))
    for number, query in enumerate(queries.astype(float).tolist()):
        nearest = sorted(((cosine(row, query), label) for row, label in zip(rows, labels, strict=True)))[::-1]
        for similarity, label in nearest[:k]:
            result[number, label] += math.exp(similarity / temperature)
    return result
