# SPDX-License-Identifier: Apache-2.0
"""Tests of equally hard examples, on counts, that hold their level where the thesis's test does not.

Each asks whether counts out of N trials vary more between examples than Bin(N, p0) does: Pearson's index of
dispersion, its score form by Tarone, and a chi-square over pooled cells that shows where the fit fails.

All three take trials to be independent with one rate for all seeds. Seeds that differ in accuracy make counts
vary *less* than a binomial, so the tests lose power and phi falls below 1: then use those of
`analysis.statistics.within_seeds`. With a thousand examples nearly everything rejects: report the effect size
(phi, intraclass correlation) first. In none of them may the trials of an example be different augmentations
under the same seed: those are dependent, and phi far above 1 follows without any difference between examples.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64, Integer
from scipy import stats

from analysis.statistics.trials import can_test, check_counts, histogram, pooled_rate

SMALLEST_EXPECTED = 5.0
"""Cells are pooled until each is expected to hold this many examples."""


@dataclass(frozen=True, kw_only=True)
class Dispersion:
    """Pearson's variance test. All numbers are nan where the counts cannot tell (see `trials`)."""

    phi: float
    """chi2 / dof: 1 for equally hard examples; above 1 they differ, below 1 they vary less than chance."""
    chi2: float
    dof: int
    """K - 1."""
    p_over: float
    """Probability of at least this much variation: small when examples differ in difficulty."""
    p_two_sided: float
    """Probability of a variation at least this far from the binomial's, in either direction."""


@dataclass(frozen=True, kw_only=True)
class Tarone:
    """Tarone's score test. All numbers are nan where the counts cannot tell (see `trials`)."""

    z: float
    """About standard normal for equally hard examples; above 0 they differ, below 0 they vary too little."""
    p_over: float
    p_two_sided: float


@dataclass(frozen=True, kw_only=True)
class PooledChiSquare:
    """Chi-square over cells of neighbouring counts; the cells show where the binomial fails."""

    chi2: float
    p_value: float
    """nan, like `chi2`, where fewer than three cells are left."""
    dof: int
    """Cells less two; 0 where fewer than two are left."""
    first_count: Int64[np.ndarray, " cell"]
    """Smallest count of each cell; the cell ends where the next one begins, the last at N."""
    observed: Int64[np.ndarray, " cell"]
    expected: Float[np.ndarray, " cell"]


def dispersion(counts: Integer[np.ndarray, " example"], trials: int) -> Dispersion:
    """Test X^2 = sum (x - N p0)^2 / (N p0 (1 - p0)) against chi-square with K - 1 degrees of freedom.

    This is Pearson's chi-square of the 2 x K table of right and wrong answers. Slightly conservative for few
    trials: the variance of X^2 is about 2 (K - 1) (1 - 1/N).

    Parameters
    ----------
    counts
        Correct answers of each example, 0 to `trials`.
    trials
        N, the number of seeds.

    Raises
    ------
    ValueError
        When a count is not between 0 and `trials`.

    Examples
    --------
    >>> found = dispersion(np.array([2, 4, 6, 7]), 8)
    >>> round(found.phi, 2), round(found.p_over, 3)
    (2.55, 0.054)
    """
    counts = check_counts(counts, trials)
    dof = len(counts) - 1
    if not can_test(counts, trials):
        return Dispersion(phi=np.nan, chi2=np.nan, dof=dof, p_over=np.nan, p_two_sided=np.nan)
    p0 = pooled_rate(counts, trials)
    chi2 = _squared_deviations(counts, trials) / (trials * p0 * (1 - p0))
    over, under = float(stats.chi2.sf(chi2, dof)), float(stats.chi2.cdf(chi2, dof))
    return Dispersion(
        phi=chi2 / dof, chi2=chi2, dof=dof, p_over=over, p_two_sided=min(1.0, 2 * min(over, under))
    )


def tarone(counts: Integer[np.ndarray, " example"], trials: int) -> Tarone:
    """Test against beta-binomial alternatives by their score.

    Z = (S - K N) / sqrt(2 K N (N - 1)) with S = sum (x - N p0)^2 / (p0 (1 - p0)) (Tarone 1979, Biometrika
    66:585, for equal N); the most powerful test for small differences. Its normal approximation is a little
    liberal at the 0.001 level.

    Parameters
    ----------
    counts, trials
        As in :func:`dispersion`.

    Raises
    ------
    ValueError
        When a count is not between 0 and `trials`.

    Examples
    --------
    >>> round(tarone(np.array([2, 4, 6, 7]), 8).z, 2)
    1.38
    """
    counts = check_counts(counts, trials)
    if not can_test(counts, trials):
        return Tarone(z=np.nan, p_over=np.nan, p_two_sided=np.nan)
    p0, examples = pooled_rate(counts, trials), len(counts)
    score = _squared_deviations(counts, trials) / (p0 * (1 - p0))
    z = (score - examples * trials) / np.sqrt(2 * examples * trials * (trials - 1))
    return Tarone(z=float(z), p_over=float(stats.norm.sf(z)), p_two_sided=float(2 * stats.norm.sf(abs(z))))


def pooled_chi_square(counts: Integer[np.ndarray, " example"], trials: int) -> PooledChiSquare:
    """Compare the histogram of counts with K * Bin(N, p0), cells merged until each expects 5 examples.

    p0 is estimated from the counts themselves, not from the cells, so the true level lies between those of
    cells - 2 and cells - 1 degrees of freedom (Chernoff and Lehmann 1954): hardly different here. Less
    powerful than :func:`dispersion`; its use is the display of the cells.

    Parameters
    ----------
    counts, trials
        As in :func:`dispersion`.

    Raises
    ------
    ValueError
        When a count is not between 0 and `trials`.

    Examples
    --------
    >>> found = pooled_chi_square(np.arange(90) % 9, 8)  # as many examples with each count
    >>> found.first_count, found.observed, found.dof
    (array([0, 3, 4, 5, 6]), array([30, 10, 10, 10, 30]), 3)
    """
    counts = check_counts(counts, trials)
    p0 = pooled_rate(counts, trials)
    every_expected = len(counts) * stats.binom.pmf(np.arange(trials + 1), trials, p0)
    first = _pool(every_expected)
    observed = np.add.reduceat(histogram(counts, trials), first)
    expected = np.add.reduceat(every_expected, first)
    dof = max(len(first) - 2, 0)
    chi2 = float(((observed - expected) ** 2 / expected).sum()) if dof > 0 else np.nan
    return PooledChiSquare(
        chi2=chi2,
        p_value=float(stats.chi2.sf(chi2, dof)) if dof > 0 else np.nan,
        dof=dof,
        first_count=first,
        observed=observed,
        expected=expected,
    )


def _squared_deviations(counts: Int64[np.ndarray, " example"], trials: int) -> float:
    """Return sum (x - N p0)^2, with p0 the pooled rate; exact but for the last division."""
    return (len(counts) * int((counts**2).sum()) - int(counts.sum()) ** 2) / len(counts)


def _pool(expected: Float[np.ndarray, " count"]) -> Int64[np.ndarray, " cell"]:
    """Return where cells begin after merging the emptiest with its emptier neighbour, again and again.

    A binomial has one mode, so this merges the tails. It looks at the expected counts alone.
    """
    first, held = list(range(len(expected))), expected.tolist()
    while len(held) > 1 and min(held) < SMALLEST_EXPECTED:
        emptiest = held.index(min(held))
        neighbours = [cell for cell in (emptiest - 1, emptiest + 1) if 0 <= cell < len(held)]
        keep, drop = sorted((emptiest, min(neighbours, key=lambda cell: held[cell])))
        held[keep] += held.pop(drop)
        first.pop(drop)
    return np.array(first, dtype=np.int64)
