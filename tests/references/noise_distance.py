"""Exact expectation of the mean absolute error between two sorted samples of binomial proportions."""

import itertools

import numpy as np
from scipy import stats


def expected_distance(examples: int, trials: int, noise_trials: int, p: float) -> float:
    """Integrate E|F(x) - G(x)| over x, F and G being the empirical distributions of the two samples.

    The error between sorted samples of one size is the area between their distribution functions. At a fixed
    x, K F(x) and K G(x) are independent binomial counts A and B, and
    E|A - B| = sum over m of P(A <= m) P(B > m) + P(B <= m) P(A > m).
    """
    atoms = np.union1d(np.arange(trials + 1) / trials, np.arange(noise_trials + 1) / noise_trials)
    m = np.arange(examples)
    total = 0.0
    for x, following in itertools.pairwise(atoms):
        # The small shift keeps an atom on its own side of the floor.
        share = [stats.binom.cdf(np.floor(n * x + 1e-9), n, p) for n in (trials, noise_trials)]
        a, b = (stats.binom.cdf(m, examples, s) for s in share)
        total += (following - x) * np.sum(a * (1 - b) + b * (1 - a)) / examples
    return total
