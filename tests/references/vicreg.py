# SPDX-License-Identifier: Apache-2.0
"""VICReg's terms by loops over eqs. 1 to 5, and its three conventions."""

from typing import Any

import numpy as np
from torch import Tensor


def squared_distance(first: np.ndarray, second: np.ndarray) -> Any:
    images, dimensions = first.shape
    total: Any = 0.0
    for i in range(images):
        for j in range(dimensions):
            total += (first[i, j] - second[i, j]) ** 2
    return total / images


def covariance(z: np.ndarray, a: int, b: int) -> Any:
    images = len(z)
    mean_a, mean_b = sum(z[:, a]) / images, sum(z[:, b]) / images
    return sum((z[i, a] - mean_a) * (z[i, b] - mean_b) for i in range(images)) / (images - 1)


def hinge(z: np.ndarray, eps: float) -> Any:
    total: Any = 0.0
    for j in range(z.shape[1]):
        gap = 1 - np.sqrt(covariance(z, j, j) + eps)
        total += gap if gap.real > 0 else 0.0
    return total / z.shape[1]


def covariances(z: np.ndarray) -> Any:
    d = z.shape[1]
    return sum(covariance(z, a, b) ** 2 for a in range(d) for b in range(d) if a != b) / d


def vicreg(first: np.ndarray, second: np.ndarray, *, eps: float, convention: str) -> dict[str, Any]:
    distance, variance = squared_distance(first, second), hinge(first, eps) + hinge(second, eps)
    return {
        "invariance": distance if convention == "paper" else distance / first.shape[1],
        "variance": variance / 2 if convention == "official" else variance,
        "covariance": covariances(first) + covariances(second),
    }


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    recipe, (first, second) = method.recipe, method.embed(views).detach().numpy()
    parts = vicreg(first, second, eps=recipe.variance_eps, convention=recipe.convention)
    loss = (
        recipe.invariance_weight * parts["invariance"]
        + recipe.variance_weight * parts["variance"]
        + recipe.covariance_weight * parts["covariance"]
    )
    return {"loss": loss, **parts}
