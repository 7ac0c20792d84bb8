# SPDX-License-Identifier: Apache-2.0
"""TiCo's two terms by loops, and its matrix; what carries no gradient is an argument of its own."""

from typing import Any

import numpy as np
from torch import Tensor

from tests.references.momentum import momentum_copy


def unit(z: np.ndarray) -> np.ndarray:
    return np.array([row / np.sqrt(sum(row * row)) for row in z])


def updated(memory: np.ndarray, z: np.ndarray, decay: float) -> np.ndarray:
    images, d = z.shape
    result = np.zeros((d, d))
    for a in range(d):
        for b in range(d):
            moment = sum(z[i, a] * z[i, b] for i in range(images)) / images
            result[a, b] = decay * memory[a, b] + (1 - decay) * moment
    return result


def along(z: np.ndarray, memory: np.ndarray) -> Any:
    images, d = z.shape
    total: Any = 0.0
    for i in range(images):
        for a in range(d):
            for b in range(d):
                total += z[i, a] * memory[a, b] * z[i, b]
    return total / images


def mean_cosine(first: np.ndarray, second: np.ndarray) -> Any:
    one, other = unit(first), unit(second)
    return sum(sum(one[i] * other[i]) for i in range(len(one))) / len(one)


def tico(first: np.ndarray, second: np.ndarray, updated_moments: np.ndarray) -> dict[str, Any]:
    return {
        "invariance": -mean_cosine(first, second),
        "contrast": along(unit(first), updated_moments),
    }


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    recipe, first = method.recipe, method.embed(views[:1])[0].detach().numpy()
    constant = frozen.embed(views[:1])[0].detach().numpy()
    moments = updated(frozen.moments.numpy(), unit(constant), recipe.moment_decay)
    parts = tico(first, frozen.target(views[1]).detach().numpy(), moments)
    return {"loss": parts["invariance"] + recipe.contrast_weight * parts["contrast"], **parts}


def memory(before: Any, after: Any, views: Tensor) -> dict[str, np.ndarray]:
    """Return the matrix that a step leaves behind."""
    first = unit(before.embed(views[:1])[0].detach().numpy())
    moments = updated(before.moments.numpy(), first, before.recipe.moment_decay)
    return {"moments": moments, **momentum_copy(before, after)}
