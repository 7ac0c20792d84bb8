# SPDX-License-Identifier: Apache-2.0
"""Diagnostics of collapse by loops over their definitions, and singular values from numpy."""

import math

import numpy as np

from tests.references.tico import unit


def dimension_std(vectors: np.ndarray) -> tuple[float, float]:
    units = unit(vectors)
    d = units.shape[1]
    spreads = []
    for j in range(d):
        mean = sum(units[:, j]) / len(units)
        spreads.append(math.sqrt(sum((x - mean) ** 2 for x in units[:, j]) / len(units)) * math.sqrt(d))
    return sum(spreads) / d, min(spreads)


def effective_rank(vectors: np.ndarray) -> float:
    values = np.linalg.svd(vectors, compute_uv=False)
    shares = [float(s) / float(sum(values)) for s in values]
    return math.exp(-sum(p * math.log(p) for p in shares if p > 1e-15))


def alignment(first: np.ndarray, second: np.ndarray) -> float:
    one, other = unit(first), unit(second)
    return float(sum(sum((a - b) ** 2) for a, b in zip(one, other, strict=True)) / len(one))


def uniformity(vectors: np.ndarray) -> float:
    units = unit(vectors)
    pairs = [(i, j) for i in range(len(units)) for j in range(len(units)) if i != j]
    total = sum(math.exp(-2 * float(sum((units[i] - units[j]) ** 2))) for i, j in pairs)
    return math.log(total / len(pairs))
