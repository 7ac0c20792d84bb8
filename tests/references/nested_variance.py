# SPDX-License-Identifier: Apache-2.0
"""Analysis of variance by loops over its textbook tables: crossed and nested, and one-way."""

import numpy as np


def mean_squares(y: np.ndarray) -> dict[str, float]:
    """Mean squares of (seed, augmentation, example): augmentations nested in examples, seeds crossed."""
    N, M, K = y.shape
    grand = np.mean(y)
    seed = [np.mean(y[i]) for i in range(N)]
    example = [np.mean(y[:, :, k]) for k in range(K)]
    both = [[np.mean(y[i, :, k]) for k in range(K)] for i in range(N)]
    augmented = [[np.mean(y[:, j, k]) for k in range(K)] for j in range(M)]
    sums = dict.fromkeys(("example", "augmentation", "seed", "seed_by_example", "residual"), 0.0)
    for i in range(N):
        for j in range(M):
            for k in range(K):
                sums["example"] += (example[k] - grand) ** 2
                sums["augmentation"] += (augmented[j][k] - example[k]) ** 2
                sums["seed"] += (seed[i] - grand) ** 2
                sums["seed_by_example"] += (both[i][k] - seed[i] - example[k] + grand) ** 2
                sums["residual"] += (y[i, j, k] - both[i][k] - augmented[j][k] + example[k]) ** 2
    dof = {
        "example": K - 1,
        "augmentation": K * (M - 1),
        "seed": N - 1,
        "seed_by_example": (N - 1) * (K - 1),
        "residual": (N - 1) * K * (M - 1),
    }
    return {name: sums[name] / dof[name] for name in sums}


def components(y: np.ndarray) -> dict[str, float]:
    """Solve the expected mean squares for the variances."""
    N, M, K = y.shape
    ms = mean_squares(y)
    return {
        "residual": ms["residual"],
        "augmentation": (ms["augmentation"] - ms["residual"]) / N,
        "seed_by_example": (ms["seed_by_example"] - ms["residual"]) / M,
        "seed": (ms["seed"] - ms["seed_by_example"]) / (K * M),
        "example": (ms["example"] - ms["augmentation"] - ms["seed_by_example"] + ms["residual"]) / (N * M),
    }


def one_way(values: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """One-way analysis of variance of some values by class, and the textbook's effect sizes."""
    groups = [values[labels == label] for label in sorted(set(labels.tolist()))]
    K, L, grand = len(values), len(groups), float(np.mean(values))
    between = sum(len(group) * (float(np.mean(group)) - grand) ** 2 for group in groups)
    within = sum(float(((group - np.mean(group)) ** 2).sum()) for group in groups)
    error = within / (K - L)
    return {
        "f": between / (L - 1) / error,
        "eta_squared": between / (between + within),
        "epsilon_squared": (between - (L - 1) * error) / (between + within),
        "omega_squared": (between - (L - 1) * error) / (between + within + error),
    }


def crossed_classes(y: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Mean squares of (seed, example) with examples nested in classes, seeds crossed with both."""
    N, K = y.shape
    classes = sorted(set(labels.tolist()))
    grand = np.mean(y)
    sums = dict.fromkeys(("class", "example", "seed_by_class", "seed_by_example"), 0.0)
    for i in range(N):
        for k in range(K):
            own = labels == labels[k]
            of_class, of_both = np.mean(y[:, own]), np.mean(y[i, own])
            sums["class"] += (of_class - grand) ** 2
            sums["example"] += (np.mean(y[:, k]) - of_class) ** 2
            sums["seed_by_class"] += (of_both - np.mean(y[i]) - of_class + grand) ** 2
            sums["seed_by_example"] += (y[i, k] - of_both - np.mean(y[:, k]) + of_class) ** 2
    L = len(classes)
    dof = {
        "class": L - 1,
        "example": K - L,
        "seed_by_class": (N - 1) * (L - 1),
        "seed_by_example": (N - 1) * (K - L),
    }
    return {name: sums[name] / dof[name] for name in sums}
