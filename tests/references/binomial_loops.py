"""Histograms and their chi-square by loops over the definition."""

import math

import numpy as np


def binomial_probability(count: int, trials: int, p: float) -> float:
    return math.comb(trials, count) * p**count * (1 - p) ** (trials - count)


def chi_square(counts: list[int], trials: int, p: float) -> float:
    total = 0.0
    for cell in range(trials + 1):
        expected = len(counts) * binomial_probability(cell, trials, p)
        total += (counts.count(cell) - expected) ** 2 / expected
    return total


def noise_distance(r: list[float], noise: np.ndarray) -> list[float]:
    """(1/K) sum |r_(k) - b_(k)| for each row of noise."""
    return [
        sum(abs(a - b) for a, b in zip(sorted(r), sorted(row.tolist()), strict=True)) / len(r)
        for row in noise
    ]


def pool(counts: list[int], trials: int, p: float, cells: list[int]) -> tuple[list[int], list[float], float]:
    """Return observed, expected and chi-square for cells that begin at the given counts."""
    ends = [*cells[1:], trials + 1]
    observed = [sum(first <= x < end for x in counts) for first, end in zip(cells, ends, strict=True)]
    expected = [
        len(counts) * sum(binomial_probability(x, trials, p) for x in range(first, end))
        for first, end in zip(cells, ends, strict=True)
    ]
    chi2 = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    return observed, expected, chi2
