# SPDX-License-Identifier: Apache-2.0
"""The memorization thesis's own comparisons of r_t(x) with binomial noise: chi-square, distance to noise.

Computed as it did, so that tables 4.1 and 4.2 are reproduced; both are to be read with care.

- The chi-square keeps cells with expected counts near 1e-15, so one example in a tail decides its value.
  `analysis.statistics.homogeneity` has tests that hold their level.
- The mean absolute error of eq. 4.9 is not 0 for equally hard examples, and its expectation depends on the
  number of trials behind r. `analysis.statistics.noise_floor` says what it would be.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from scipy import stats

from analysis.statistics.trials import check_counts, histogram, pooled_rate

SMALLEST_EXPECTED = 5.0
"""The usual rule for Pearson's chi-square: no expected count below 5."""


@dataclass(frozen=True, kw_only=True)
class ChiSquare:
    """Pearson's chi-square of the counts 0..N against a binomial distribution."""

    chi2: float
    """0 upwards, about `dof` for binomial counts; nan where p0 is 0 or 1."""
    p_value: float
    """Upper tail of chi-square with `dof` degrees of freedom; not to be trusted unless `valid`."""
    dof: int
    """N - 1: N + 1 cells, less one, less one for the estimated p0."""
    smallest_expected: float
    """Expected count of the emptiest cell, in examples."""
    valid: bool
    """Whether every expected count is at least 5."""


@dataclass(frozen=True, kw_only=True)
class NoiseDistance:
    """Mean absolute error between sorted r and sorted binomial noise, over some draws of the noise."""

    mean: float
    """0 to 1; small values are near the noise."""
    sd: float
    """Sample standard deviation over the draws; nan for a single draw."""


def chi_square(counts: Integer[np.ndarray, " example"], trials: int, *, p0: float | None = None) -> ChiSquare:
    """Compare the histogram of counts with K * Bin(N, p0), every cell by itself (table 4.1).

    Parameters
    ----------
    counts
        N * r~_t: correct answers of each example, 0 to `trials`.
    trials
        N, the number of seeds.
    p0
        Probability of a correct answer, 0 to 1; by default the mean of the counts over N (eq. 4.7).

    Raises
    ------
    ValueError
        When a count is not between 0 and `trials`.

    Examples
    --------
    >>> found = chi_square(np.array([0, 1, 1, 2, 2, 2, 3, 4]), 4)
    >>> round(found.chi2, 2), found.dof, found.valid
    (1.53, 3, False)
    """
    counts = check_counts(counts, trials)
    p0 = pooled_rate(counts, trials) if p0 is None else p0
    observed = histogram(counts, trials)
    expected = len(counts) * stats.binom.pmf(np.arange(trials + 1), trials, p0)
    smallest, dof = float(expected.min()), trials - 1
    if p0 in (0.0, 1.0):
        return ChiSquare(chi2=np.nan, p_value=np.nan, dof=dof, smallest_expected=smallest, valid=False)
    # A pmf that underflows to 0 adds nothing where no example was seen, and everything where one was.
    squares = (observed - expected) ** 2
    cells = np.divide(squares, expected, out=np.where(squares > 0, np.inf, 0.0), where=expected > 0)
    chi2 = float(cells.sum())
    return ChiSquare(
        chi2=chi2,
        p_value=float(stats.chi2.sf(chi2, dof)) if dof > 0 else np.nan,
        dof=dof,
        smallest_expected=smallest,
        valid=dof > 0 and smallest >= SMALLEST_EXPECTED,
    )


def noise_curve(
    examples: int, trials: int, p0: float, rng: np.random.Generator
) -> Float[np.ndarray, " example"]:
    """Draw one curve of binomial noise, sorted: b ~ Bin(N, p0) / N for each example (figures 4.3 and 4.4).

    Parameters
    ----------
    examples, trials
        K and N.
    p0
        Probability of a correct answer, 0 to 1.
    rng
        Source of the draw.

    Examples
    --------
    >>> noise_curve(5, 4, 0.5, np.random.default_rng(0))
    array([0.25, 0.5 , 0.5 , 0.5 , 0.5 ])
    """
    # How many examples have each count is multinomial: nothing is to be sorted, whatever the number of examples.
    counts = np.arange(trials + 1)
    probability = stats.binom.pmf(counts, trials, p0)
    return np.repeat(counts / trials, rng.multinomial(examples, probability / probability.sum()))


def noise_distance(
    r: Float[np.ndarray, " example"], trials: int, p0: float, rng: np.random.Generator, *, draws: int = 10
) -> NoiseDistance:
    """Measure `(1/K) sum |r_(k) - b_(k)|` between sorted r and sorted noise, over draws of the noise (eq. 4.9).

    Parameters
    ----------
    r
        r_t(x) or r~_t(x~) of each example, 0 to 1, in any order.
    trials
        N of the noise: the thesis takes the number of seeds, also for r that averages N * M answers.
    p0
        Probability of a correct answer, 0 to 1: the mean of r in table 4.2.
    rng
        Source of the noise.
    draws
        How many curves of noise; the thesis takes 10.

    Raises
    ------
    ValueError
        When `draws` is below 1.

    Examples
    --------
    >>> r = np.array([0.0, 0.0, 1.0, 1.0])  # as unequal as examples can be
    >>> round(noise_distance(r, 30, 0.5, np.random.default_rng(0)).mean, 1)
    0.4
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    ordered = np.sort(r)
    distances = np.array(
        [np.abs(ordered - noise_curve(len(r), trials, p0, rng)).mean() for _ in range(draws)]
    )
    return NoiseDistance(
        mean=float(distances.mean()), sd=float(distances.std(ddof=1)) if draws > 1 else np.nan
    )
