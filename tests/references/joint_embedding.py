"""Joint-embedding losses as slow loops over their papers' definitions, and their gradients by complex steps.

All loops are analytic, so that f(x + ih).imag / h is the derivative to the last digits. What an objective holds
constant (a stopped gradient) comes in as a second argument, `frozen`.
"""

import cmath
from collections.abc import Callable

import numpy as np

Views = np.ndarray
"""(view, batch, output), perhaps complex."""


def gradient(function: Callable[[Views], complex], views: Views, step: float = 1e-30) -> Views:
    """Differentiate by complex steps, one number at a time."""
    found = np.zeros_like(views)
    for place in np.ndindex(views.shape):
        moved = views.astype(complex)
        moved[place] += 1j * step
        found[place] = function(moved).imag / step
    return found


def dot(a: np.ndarray, b: np.ndarray) -> complex:
    total: complex = 0
    for x, y in zip(a, b, strict=True):
        total += x * y
    return total


def unit(a: np.ndarray) -> np.ndarray:
    return a / cmath.sqrt(dot(a, a))


def column_mean(z: np.ndarray, j: int) -> complex:
    return sum(z[i, j] for i in range(len(z))) / len(z)


def covariance(z: np.ndarray, j: int, k: int, *, correction: int = 1) -> complex:
    mj, mk = column_mean(z, j), column_mean(z, k)
    return sum((row[j] - mj) * (row[k] - mk) for row in z) / (len(z) - correction)


def hinge(value: complex) -> complex:
    return value if value.real > 0 else 0


def invariance(a: np.ndarray, b: np.ndarray) -> complex:
    return sum(dot(x - y, x - y) for x, y in zip(a, b, strict=True)) / len(a)


def variance(z: np.ndarray, eps: float) -> complex:
    d = z.shape[1]
    return sum(hinge(1 - cmath.sqrt(covariance(z, j, j) + eps)) for j in range(d)) / d


def off_diagonal(z: np.ndarray) -> complex:
    d = z.shape[1]
    return sum(covariance(z, j, k) ** 2 for j in range(d) for k in range(d) if j != k) / d


def vicreg(views: Views, *, eps: float, convention: str) -> complex:
    """25 s + 25 v + c, by the convention."""
    first, second = views
    s, v = invariance(first, second), variance(first, eps) + variance(second, eps)
    if convention in ("coursework", "official"):
        s /= first.shape[1]
    if convention == "official":
        v /= 2
    return 25 * s + 25 * v + off_diagonal(first) + off_diagonal(second)


def barlow(views: Views, *, weight: float) -> complex:
    d, total = views.shape[2], 0j
    for j in range(d):
        for k in range(d):
            mj, mk = column_mean(views[0], j), column_mean(views[1], k)
            both = sum((a[j] - mj) * (b[k] - mk) for a, b in zip(*views, strict=True)) / len(views[0])
            spread = [
                cmath.sqrt(covariance(z, i, i, correction=0) + 1e-5)
                for z, i in zip(views, (j, k), strict=True)
            ]
            c = both / (spread[0] * spread[1])
            total += (1 - c) ** 2 if j == k else weight * c**2
    return total


def cholesky(matrix: np.ndarray) -> np.ndarray:
    lower = np.zeros_like(matrix)
    for i in range(len(matrix)):
        for j in range(i + 1):
            rest = matrix[i, j] - sum(lower[i, k] * lower[j, k] for k in range(j))
            lower[i, j] = cmath.sqrt(rest) if i == j else rest / lower[j, j]
    return lower


def whitened(z: np.ndarray) -> np.ndarray:
    d = z.shape[1]
    sigma = np.array([[covariance(z, j, k) for k in range(d)] for j in range(d)], dtype=complex)
    inverse = np.linalg.inv(cholesky(sigma))
    mean = np.array([column_mean(z, j) for j in range(d)])
    return np.stack([inverse @ (row - mean) for row in z])


def w_mse(views: Views) -> complex:
    count, batch, d = views.shape
    white = whitened(views.reshape(-1, d)).reshape(count, batch, d)
    distances = []
    for a in range(count):
        for b in range(a + 1, count):
            for i in range(batch):
                gap = unit(white[a, i]) - unit(white[b, i])
                distances.append(dot(gap, gap))
    return sum(distances) / len(distances)


def moments(memory: np.ndarray, z: np.ndarray, decay: float) -> np.ndarray:
    new = np.zeros_like(memory)
    for j in range(len(memory)):
        for k in range(len(memory)):
            own = sum(row[j] * row[k] for row in z) / len(z)
            new[j, k] = decay * memory[j, k] + (1 - decay) * own
    return new


def contrast(z: np.ndarray, matrix: np.ndarray) -> complex:
    return sum(dot(row, np.array([dot(line, row) for line in matrix])) for row in z) / len(z)


def tico(views: Views, frozen: Views, *, memory: np.ndarray, decay: float, weight: float) -> complex:
    first, second = ([unit(row) for row in view] for view in views)
    matrix = moments(memory, np.array([unit(row) for row in frozen[0]]).real, decay)
    agree = sum(dot(a, b) for a, b in zip(first, second, strict=True)) / len(first)
    return -agree + weight * contrast(np.array(first), matrix)


def hybrid(views: Views, frozen: Views, *, memory: np.ndarray, decay: float, eps: float) -> complex:
    first, second = views
    s = invariance(first, second) / first.shape[1]
    v = (variance(first, eps) + variance(second, eps)) / 2
    return 20 * s + 25 * v + contrast(first, moments(memory, frozen[0], decay))


def info_nce(views: Views, frozen: Views, *, negatives: np.ndarray, temperature: float) -> complex:
    total = 0j
    for query, key in zip(views[0], frozen[1], strict=True):
        right = cmath.exp(dot(unit(query), unit(key)) / temperature)
        wrong = sum(cmath.exp(dot(unit(query), other) / temperature) for other in negatives)
        total -= cmath.log(right / (right + wrong))
    return total / len(views[0])


def others_cosine(predictions: Views, targets: Views) -> complex:
    total = 0j
    for own in (0, 1):
        total += sum(dot(unit(p), unit(t)) for p, t in zip(predictions[own], targets[1 - own], strict=True))
    return total / (2 * predictions.shape[1])


def rank_me(vectors: np.ndarray) -> float:
    """exp of the entropy of the singular values."""
    singular = np.linalg.svd(vectors, compute_uv=False)
    share = singular / singular.sum()
    return float(np.exp(-sum(p * np.log(p) for p in share if p > 0)))


def uniformity(vectors: np.ndarray) -> float:
    rows = [row / np.sqrt(row @ row) for row in vectors]
    terms = [
        np.exp(-2 * ((a - b) @ (a - b))) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j
    ]
    return float(np.log(np.mean(terms)))
