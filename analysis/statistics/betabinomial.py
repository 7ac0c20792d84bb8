# SPDX-License-Identifier: Apache-2.0
"""Beta-binomial fit of the examples' counts, and its likelihood-ratio test against equally hard examples.

Every example has its own probability from a beta distribution with mean mu; rho is the correlation of two
trials of one example (0: all equal; 1: every count is 0 or N), so that the distribution's parameters are
a = mu (1 - rho) / rho and b = (1 - mu)(1 - rho) / rho. The probability of a count x is written as a product
that is exact for every rho from 0 to 1:

    C(N, x) * prod over r < x     of (mu (1 - rho) + r rho)
            * prod over r < N - x of ((1 - mu)(1 - rho) + r rho)
            / prod over r < N     of (1 - rho + r rho)

The usual form, through gamma functions of a and b, loses all digits as rho goes to 0, where a
likelihood-ratio test needs them: an optimizer finds the rounding errors and rejects four times too often.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int64, Integer
from scipy import optimize, special, stats

from analysis.statistics.trials import can_test, check_counts, histogram, pooled_rate

RHO_GRID = np.concatenate([[0.0], np.geomspace(1e-6, 0.5, 40), 1 - np.geomspace(0.4, 1e-6, 20), [1.0]])
"""Where the profile likelihood is evaluated first, to bracket its maximum and the ends of the interval."""
BELOW_ONE = 1 - 1e-12


@dataclass(frozen=True, kw_only=True)
class BetaBinomial:
    """Maximum-likelihood fit. All but `mu` are nan where the counts cannot tell (see `trials`)."""

    mu: float
    """Mean probability of a correct answer, 0 to 1."""
    rho: float
    """Intraclass correlation, 0 to 1; 0 where counts vary no more than a binomial."""
    rho_low: float
    rho_high: float
    """Profile-likelihood interval; examples and trials count as independent draws."""
    log_likelihood: float
    """In nats, with the binomial coefficients."""
    log_likelihood_binomial: float
    """The same at rho = 0."""
    likelihood_ratio: float
    """Twice the difference; 0 upwards."""
    p_value: float
    """Under 1/2 chi2_0 + 1/2 chi2_1, because rho = 0 is the end of its range; 1 where rho is 0."""


def log_likelihood(counts: Integer[np.ndarray, " example"], trials: int, *, mu: float, rho: float) -> float:
    """Return the log-likelihood of counts under a beta-binomial distribution, in nats.

    Parameters
    ----------
    counts
        Correct answers of each example, 0 to `trials`.
    trials
        N.
    mu
        Mean probability, strictly between 0 and 1.
    rho
        Intraclass correlation, 0 to 1.

    Raises
    ------
    ValueError
        When a count is not between 0 and `trials`, or a parameter is out of range.

    Examples
    --------
    >>> round(log_likelihood(np.array([0, 2, 4]), 4, mu=0.5, rho=0.2), 3)
    -5.25
    """
    if not (0 < mu < 1 and 0 <= rho <= 1):
        raise ValueError(f"mu must lie within (0, 1) and rho within [0, 1], got mu={mu}, rho={rho}")
    likelihood = _Likelihood(check_counts(counts, trials), trials)
    return float(likelihood(np.array([mu]), np.array([rho]))[0])


def fit(counts: Integer[np.ndarray, " example"], trials: int, *, level: float = 0.95) -> BetaBinomial:
    """Fit a beta-binomial distribution to counts and test it against the binomial.

    Parameters
    ----------
    counts
        Correct answers of each example, 0 to `trials`.
    trials
        N, the number of seeds.
    level
        Coverage of the interval for rho, between 0 and 1.

    Raises
    ------
    ValueError
        When a count is not between 0 and `trials`.

    Examples
    --------
    >>> found = fit(np.array([0, 1, 4, 8, 8]), 8)
    >>> round(found.mu, 3), round(found.rho, 3)
    (0.57, 0.681)
    """
    counts = check_counts(counts, trials)
    if not can_test(counts, trials):
        unknown = {field.name: np.nan for field in fields(BetaBinomial)}
        return BetaBinomial(**unknown | {"mu": pooled_rate(counts, trials)})
    likelihood = _Likelihood(counts, trials)
    rho = _maximise(likelihood)
    (best, binomial), (mu, _) = likelihood.profile(np.array([rho, 0.0]))
    low, high = _interval(likelihood, rho, best - stats.chi2.ppf(level, 1) / 2)
    ratio = max(0.0, 2 * float(best - binomial))
    return BetaBinomial(
        mu=float(mu),
        rho=rho,
        rho_low=low,
        rho_high=high,
        log_likelihood=float(best),
        log_likelihood_binomial=float(binomial),
        likelihood_ratio=ratio,
        p_value=float(stats.chi2.sf(ratio, 1) / 2) if ratio > 0 else 1.0,
    )


class _Likelihood:
    """The log-likelihood of a histogram of counts, vectorised over pairs of mu and rho.

    `right[r]` and `wrong[r]` say how many examples have more than r right or wrong answers: as many factors
    with that r are in the product. Those with r = 0 are kept apart, because they vanish as rho goes to 1.
    """

    def __init__(self, counts: Int64[np.ndarray, " example"], trials: int) -> None:
        self.examples, self.rate = len(counts), pooled_rate(counts, trials)
        seen = histogram(counts, trials)
        right, wrong = len(counts) - np.cumsum(seen), len(counts) - np.cumsum(seen[::-1])
        self.some_right, self.some_wrong = int(right[0]), int(wrong[0])
        self.right, self.wrong = right[1:trials], wrong[1:trials]
        self.r = np.arange(1, trials)
        """r from 1 on."""
        self.between = self.some_right + self.some_wrong - self.examples
        """Examples with both right and wrong answers."""
        choices = special.gammaln(trials + 1) - special.gammaln(np.arange(trials + 1) + 1.0)
        self.log_choices = float(seen @ (choices - special.gammaln(trials - np.arange(trials + 1) + 1.0)))

    def _factors(
        self, mu: Float[np.ndarray, " point"], rho: Float[np.ndarray, " point"]
    ) -> tuple[Float[np.ndarray, "point r"], Float[np.ndarray, "point r"]]:
        spread = np.multiply.outer(rho, self.r)
        return (mu * (1 - rho))[:, None] + spread, ((1 - mu) * (1 - rho))[:, None] + spread

    def __call__(
        self, mu: Float[np.ndarray, " point"], rho: Float[np.ndarray, " point"]
    ) -> Float[np.ndarray, " point"]:
        """Return the log-likelihood at each pair."""
        right, wrong = self._factors(mu, rho)
        first = self.some_right * np.log(mu) + self.some_wrong * np.log1p(-mu)
        first = first + special.xlogy(self.between, 1 - rho)
        norm = np.log1p(np.multiply.outer(rho, self.r - 1)).sum(axis=1)
        return (
            self.log_choices
            + first
            + np.log(right) @ self.right
            + np.log(wrong) @ self.wrong
            - self.examples * norm
        )

    def best_mu(self, rho: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
        """Return the most likely mu for each rho, by Newton's method: the log-likelihood is concave in mu."""
        mu = np.full(len(rho), self.rate)
        rest = 1 - rho
        for _ in range(100):
            right, wrong = self._factors(mu, rho)
            slope = self.some_right / mu - self.some_wrong / (1 - mu)
            slope += rest * ((1 / right) @ self.right - (1 / wrong) @ self.wrong)
            curvature = self.some_right / mu**2 + self.some_wrong / (1 - mu) ** 2
            curvature += rest**2 * ((1 / right**2) @ self.right + (1 / wrong**2) @ self.wrong)
            # A step never crosses more than half the way to 0 or 1.
            moved = np.clip(mu + slope / curvature, mu / 2, (1 + mu) / 2)
            converged = bool(np.abs(moved - mu).max() < 1e-13)
            mu = moved
            if converged:
                break
        return mu

    def profile(
        self, rho: Float[np.ndarray, " point"]
    ) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
        """Return for each rho the log-likelihood at the most likely mu, and that mu."""
        mu = self.best_mu(rho)
        return self(mu, rho), mu

    def slope(self, rho: float) -> float:
        """Return the derivative of the profile by rho, below 1: mu is at its maximum and does not count."""
        point = np.array([rho])
        mu = self.best_mu(point)
        right, wrong = self._factors(mu, point)
        slopes = ((self.r - mu) / right) @ self.right + ((self.r - 1 + mu) / wrong) @ self.wrong
        norm = ((self.r - 1) / (1 + (self.r - 1) * rho)).sum()
        return float(slopes[0] - self.between / (1 - rho) - self.examples * norm)


def _maximise(likelihood: _Likelihood) -> float:
    """Return the most likely rho."""
    values, _ = likelihood.profile(RHO_GRID)
    top = int(values.argmax())
    if top == len(RHO_GRID) - 1:
        return 1.0
    low, high = float(RHO_GRID[max(top - 1, 0)]), min(float(RHO_GRID[top + 1]), BELOW_ONE)
    if likelihood.slope(low) <= 0:
        return low
    if likelihood.slope(high) >= 0:
        return high
    return float(optimize.brentq(likelihood.slope, low, high, xtol=1e-14, rtol=1e-10))


def _interval(likelihood: _Likelihood, rho: float, threshold: float) -> tuple[float, float]:
    """Return the smallest and largest rho around the maximum whose profile reaches the threshold."""

    def above(candidate: float) -> float:
        return float(likelihood.profile(np.array([candidate]))[0][0]) - threshold

    outside = RHO_GRID[likelihood.profile(RHO_GRID)[0] < threshold]
    left, right = outside[outside < rho], outside[outside > rho]
    low = optimize.brentq(above, left.max(), rho, xtol=1e-12, rtol=1e-9) if left.size else 0.0
    high = (
        optimize.brentq(above, rho, min(right.min(), BELOW_ONE), xtol=1e-12, rtol=1e-9) if right.size else 1.0
    )
    return float(low), float(high)
