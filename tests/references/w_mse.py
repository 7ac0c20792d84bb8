# SPDX-License-Identifier: Apache-2.0
"""Whitening-MSE by loops: covariance, Cholesky and forward substitution entry by entry."""

from itertools import combinations
from typing import Any

import numpy as np
from torch import Tensor

from tests.references.vicreg import covariance


def cholesky(matrix: np.ndarray) -> np.ndarray:
    """Return lower triangular L with L L^T = matrix (no conjugate, so that complex steps go through)."""
    factor = np.zeros_like(matrix)
    for i in range(len(matrix)):
        for j in range(i + 1):
            rest = matrix[i, j] - sum(factor[i, k] * factor[j, k] for k in range(j))
            factor[i, j] = np.sqrt(rest) if i == j else rest / factor[j, j]
    return factor


def whiten(z: np.ndarray, eps: float = 0.0) -> np.ndarray:
    count, d = z.shape
    sigma = np.array([[(1 - eps) * covariance(z, a, b) + eps * (a == b) for b in range(d)] for a in range(d)])
    factor = cholesky(sigma)
    white = np.zeros_like(z)
    mean = sum(z) / count
    for row in range(count):
        for i in range(d):  # solve L w = z - mean from the top
            known = sum(factor[i, k] * white[row, k] for k in range(i))
            white[row, i] = (z[row, i] - mean[i] - known) / factor[i, i]
    return white


def whitened_distance(views: np.ndarray, eps: float = 0.0) -> Any:
    count, images, d = views.shape
    white = whiten(views.reshape(count * images, d), eps).reshape(views.shape)
    total: Any = 0.0
    pairs = list(combinations(range(count), 2))
    for i in range(images):
        units = [w / np.sqrt(sum(w * w)) for w in white[:, i]]
        for a, b in pairs:
            total += sum((units[a] - units[b]) ** 2)
    return total / (images * len(pairs))


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    return {"loss": whitened_distance(method.embed(views).detach().numpy(), method.recipe.whitening_eps)}
