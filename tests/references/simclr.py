"""NT-Xent and the retrieval indicator as slow double loops over the definition."""

import math

import numpy as np


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.dot(a, b) / math.sqrt(np.dot(a, a) * np.dot(b, b)))


def partner_of(i: int, batch: int) -> int:
    return i + batch if i < batch else i - batch


def nt_xent(first: np.ndarray, second: np.ndarray, temperature: float) -> float:
    views, batch = np.concatenate([first, second]), len(first)
    total = 0.0
    for i in range(2 * batch):
        denominator = 0.0
        for k in range(2 * batch):
            if k != i:
                denominator += math.exp(cosine(views[i], views[k]) / temperature)
        total -= math.log(math.exp(cosine(views[i], views[partner_of(i, batch)]) / temperature) / denominator)
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
