# SPDX-License-Identifier: Apache-2.0
"""Barlow Twins' eq. 1, one correlation at a time."""

from typing import Any

import numpy as np
from torch import Tensor


def standardised(z: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    result = np.zeros_like(z)
    for j in range(z.shape[1]):
        mean = sum(z[:, j]) / len(z)
        variance = sum((x - mean) ** 2 for x in z[:, j]) / len(z)
        for i in range(len(z)):
            result[i, j] = (z[i, j] - mean) / np.sqrt(variance + eps)
    return result


def barlow(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    one, other = standardised(first), standardised(second)
    images, d = first.shape
    invariance: Any = 0.0
    redundancy: Any = 0.0
    for a in range(d):
        for b in range(d):
            correlation = sum(one[i, a] * other[i, b] for i in range(images)) / images
            if a == b:
                invariance += (1 - correlation) ** 2
            else:
                redundancy += correlation**2
    return {"invariance": invariance, "redundancy": redundancy}


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    parts = barlow(*method.embed(views).detach().numpy())
    return {"loss": parts["invariance"] + method.recipe.redundancy_weight * parts["redundancy"], **parts}
