import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from analysis.statistics.betabinomial import fit, log_likelihood
from analysis.statistics.homogeneity import tarone
from tests.references.simulated_studies import equal_examples, unequal_examples


def simulate(rng: np.random.Generator, rho: float, *, p: float = 0.4, examples: int = 512) -> np.ndarray:
    return unequal_examples(rng, seeds=30, examples=examples, p=p, rho=rho).sum(axis=0)


@given(
    st.integers(1, 20),
    st.floats(0.01, 0.99),
    st.sampled_from([0.0, 1e-300, 1e-12, 1e-3, 0.3, 0.99, 1 - 1e-12, 1.0]) | st.floats(0, 1),
)
def test_probabilities_sum_to_one(trials: int, mu: float, rho: float) -> None:
    each = [np.exp(log_likelihood(np.array([x]), trials, mu=mu, rho=rho)) for x in range(trials + 1)]
    assert sum(each) == pytest.approx(1, abs=1e-10)


@given(st.integers(0, 30), st.floats(0.05, 0.95), st.floats(0.01, 0.9))
def test_it_is_scipys_distribution_where_that_is_exact(count: int, mu: float, rho: float) -> None:
    scale = (1 - rho) / rho
    expected = stats.betabinom.logpmf(count, 30, mu * scale, (1 - mu) * scale)
    assert log_likelihood(np.array([count]), 30, mu=mu, rho=rho) == pytest.approx(expected, abs=1e-8)


def test_it_goes_over_into_the_binomial_without_a_step(rng: np.random.Generator) -> None:
    """In scipy's form the values at rho = 1e-12 to 1e-15 are off by 1 to 10 nats."""
    counts = rng.binomial(30, 0.5, size=1024)
    binomial = stats.binom.logpmf(counts, 30, 0.5).sum()
    for rho in (0.0, 1e-15, 1e-14, 1e-12):
        assert log_likelihood(counts, 30, mu=0.5, rho=rho) == pytest.approx(binomial, abs=1e-6)


def test_its_slope_at_zero_is_tarones_score(rng: np.random.Generator) -> None:
    counts = simulate(rng, 0.01)
    p0, step = counts.mean() / 30, 1e-7
    slope = (log_likelihood(counts, 30, mu=p0, rho=step) - log_likelihood(counts, 30, mu=p0, rho=0.0)) / step
    assert tarone(counts, 30).z * np.sqrt(512 * 30 * 29 / 2) == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("rho", [0.03, 0.3, 0.8])
def test_fit_is_the_maximum_found_by_another_optimizer(rng: np.random.Generator, rho: float) -> None:
    counts = simulate(rng, rho)

    def loss(parameters: np.ndarray) -> float:
        a, b = np.exp(parameters)
        return -float(stats.betabinom.logpmf(counts, 30, a, b).sum())

    found = optimize.minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    a, b = np.exp(found.x)
    result = fit(counts, 30)
    assert result.mu == pytest.approx(a / (a + b), rel=1e-5)
    assert result.rho == pytest.approx(1 / (a + b + 1), rel=1e-4)
    assert result.log_likelihood == pytest.approx(-found.fun, abs=1e-6)
    p0 = counts.mean() / 30
    assert result.log_likelihood_binomial == pytest.approx(stats.binom.logpmf(counts, 30, p0).sum(), abs=1e-6)
    assert result.likelihood_ratio == pytest.approx(
        2 * (result.log_likelihood - result.log_likelihood_binomial), abs=1e-9
    )


def test_p_value_is_half_of_one_degree_of_freedom(rng: np.random.Generator) -> None:
    results = [fit(rng.binomial(12, 0.5, size=80), 12) for _ in range(30)]
    ratios = np.array([result.likelihood_ratio for result in results])
    expected = np.where(ratios > 0, stats.chi2.sf(ratios, 1) / 2, 1.0)
    assert [result.p_value for result in results] == pytest.approx(expected)
    assert (ratios > 0).any() and (ratios == 0).any()


@pytest.mark.parametrize("rho", [0.003, 0.1, 0.7])
def test_interval_ends_where_the_profile_has_fallen_enough(rng: np.random.Generator, rho: float) -> None:
    counts = simulate(rng, rho)
    result = fit(counts, 30, level=0.9)

    def profile(at: float) -> float:
        best = optimize.minimize_scalar(
            lambda logit: -log_likelihood(counts, 30, mu=float(special.expit(logit)), rho=at)
        )
        return -float(best.fun)

    drop = stats.chi2.ppf(0.9, 1) / 2
    assert result.rho_low <= result.rho < result.rho_high
    assert result.log_likelihood - profile(result.rho_high) == pytest.approx(drop, abs=1e-5)
    if result.rho_low > 0:
        assert result.log_likelihood - profile(result.rho_low) == pytest.approx(drop, abs=1e-5)
    else:
        assert result.log_likelihood - profile(0.0) <= drop
    assert fit(counts, 30, level=0.99).rho_high > result.rho_high


@pytest.mark.parametrize(
    "histogram", [{15: 1000, 0: 24}, {15: 100, 0: 3, 30: 3}, {0: 5, 1: 900, 30: 1}, {3: 2, 27: 1}]
)
def test_no_pair_of_parameters_is_better(histogram: dict[int, int]) -> None:
    """Shapes that no beta-binomial fits: a narrow middle with outliers, and next to nothing."""
    counts = np.repeat(list(histogram), list(histogram.values()))
    best = max(
        log_likelihood(counts, 30, mu=mu, rho=rho)
        for rho in [0.0, *np.geomspace(1e-6, 0.999, 25)]
        for mu in np.linspace(0.02, 0.98, 49)
    )
    assert fit(counts, 30).log_likelihood >= best - 1e-9


@pytest.mark.parametrize("count", [0, 30])
def test_nothing_or_everything_learnt_gives_nan(count: int) -> None:
    result = fit(np.full(50, count), 30)
    assert result.mu == count / 30
    assert np.isnan([result.rho, result.rho_low, result.rho_high, result.p_value]).all()


def test_one_trial_or_one_example_gives_nan() -> None:
    assert np.isnan(fit(np.array([0, 1, 1]), 1).rho)
    assert np.isnan(fit(np.array([4]), 30).rho)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 29), st.integers(2, 100))
def test_equal_counts_have_no_correlation(count: int, examples: int) -> None:
    result = fit(np.full(examples, count), 30)
    assert (result.rho, result.rho_low, result.likelihood_ratio, result.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert 0 < result.rho_high <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60))
def test_seeds_that_all_agree_have_full_correlation(right: int, wrong: int) -> None:
    result = fit(np.concatenate([np.full(right, 12), np.zeros(wrong, dtype=np.int64)]), 12)
    assert result.rho == result.rho_high == 1.0
    assert result.mu == pytest.approx(right / (right + wrong))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=60), st.randoms(use_true_random=False))
def test_order_and_naming_do_not_matter(counts: list[int], random: object) -> None:
    shuffled = list(counts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = fit(np.array(counts), 12), fit(np.array(shuffled), 12)
    assert first == second or np.isnan(first.rho)
    swapped = fit(12 - np.array(counts), 12)
    assert swapped.mu == pytest.approx(1 - first.mu, abs=1e-6)
    assert swapped.likelihood_ratio == pytest.approx(first.likelihood_ratio, abs=1e-6, nan_ok=True)
    assert swapped.rho == pytest.approx(first.rho, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize(("mu", "rho"), [(0.0, 0.1), (1.0, 0.1), (0.5, -0.1), (0.5, 1.1)])
def test_impossible_parameters_are_refused(mu: float, rho: float) -> None:
    with pytest.raises(ValueError, match="must lie"):
        log_likelihood(np.array([1]), 3, mu=mu, rho=rho)


@pytest.mark.slow
def test_likelihood_ratio_holds_its_level(rng: np.random.Generator) -> None:
    """In 300 homogeneous studies; through gamma functions the size would be 0.2."""
    results = [fit(equal_examples(rng, seeds=30, examples=256, p=0.5).sum(axis=0), 30) for _ in range(300)]
    p_values = np.array([result.p_value for result in results])
    fewest, most = stats.binom.interval(0.9998, 300, 0.05)
    assert fewest <= (p_values < 0.05).sum() <= most
    assert (p_values < 0.001).sum() <= stats.binom.isf(1e-4, 300, 0.001)
    # About half of the estimates are at the end of the range.
    assert 115 <= (p_values == 1).sum() <= 195


def test_power_and_coverage_at_half_a_percent(rng: np.random.Generator) -> None:
    """K = 1024, N = 30: about 93 % of studies reject, about 95 % have the true value in the interval."""
    results = [fit(simulate(rng, 0.005, p=0.5, examples=1024), 30) for _ in range(50)]
    assert np.mean([result.p_value < 0.05 for result in results]) > 0.75
    assert np.mean([result.rho_low < 0.005 < result.rho_high for result in results]) > 0.8
