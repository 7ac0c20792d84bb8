"""NT-Xent and the retrieval indicator as slow double loops over the definition."""

import math
from typing import Any

import numpy as np
from torch import Tensor


def cosine(a: np.ndarray, b: np.ndarray) -> Any:
    return np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))


def partner_of(i: int, batch: int) -> int:
    return i + batch if i < batch else i - batch


def nt_xent(first: np.ndarray, second: np.ndarray, temperature: float) -> Any:
    views, batch = np.concatenate([first, second]), len(first)
    total: Any = 0.0
    for i in range(2 * batch):
        denominator: Any = 0.0
        for k in range(2 * batch):
            if k != i:
                denominator += np.exp(cosine(views[i], views[k]) / temperature)
        total -= np.log(np.exp(cosine(views[i], views[partner_of(i, batch)]) / temperature) / denominator)
    return total / (2 * batch)


def retrieve(first: np.ndarray, second: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (correct, probability), each (view, batch)."""
    views, batch = np.concatenate([first, second]), len(first)
    correct, probability = np.zeros(2 * batch, dtype=bool), np.zeros(2 * batch)
    for i in range(2 * batch):
        similar = {k: cosine(views[i], views[k]) for k in range(2 * batch) if k != i}
        partner = partner_of(i, batch)
        correct[i] = all(similar[partner] > s for k, s in similar.items() if k != partner)
        weights = {k: math.exp(s / temperature) for k, s in similar.items()}
        probability[i] = weights[partner] / sum(weights.values())
    return correct.reshape(2, batch), probability.reshape(2, batch)


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    first, second = method(views.flatten(0, 1)).detach().numpy().reshape(2, len(labels), -1)
    return {"loss": nt_xent(first, second, method.recipe.temperature)}
