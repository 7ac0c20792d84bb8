"""Analysis of variance and permutations by loops over the definitions."""

import itertools
import math

import numpy as np


def tarone_z(counts: list[int], trials: int) -> float:
    examples = len(counts)
    p = sum(counts) / (examples * trials)
    score = sum((x - trials * p) ** 2 / (p * (1 - p)) for x in counts)
    return (score - examples * trials) / math.sqrt(2 * examples * trials * (trials - 1))


def intraclass_correlation(outcomes: np.ndarray) -> float:
    """One-way analysis of variance of (seed, example), examples being the groups."""
    seeds, examples = outcomes.shape
    grand = sum(float(y) for row in outcomes for y in row) / (seeds * examples)
    between = within = 0.0
    for k in range(examples):
        mean = sum(float(y) for y in outcomes[:, k]) / seeds
        between += seeds * (mean - grand) ** 2
        within += sum((float(y) - mean) ** 2 for y in outcomes[:, k])
    between, within = between / (examples - 1), within / (examples * (seeds - 1))
    return (between - within) / (between + (seeds - 1) * within)


def all_permuted_variances(outcomes: np.ndarray) -> np.ndarray:
    """Variance over examples of the mean over seeds, for every way of ordering the examples in each seed."""
    orders = list(itertools.permutations(range(outcomes.shape[1])))
    return np.array(
        [
            np.var(np.mean([row[list(order)] for row, order in zip(outcomes, choice, strict=True)], axis=0))
            for choice in itertools.product(orders, repeat=len(outcomes))
        ]
    )
