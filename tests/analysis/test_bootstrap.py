import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.bootstrap import percentile_interval, resample_weights, seed_interval


@given(st.integers(1, 40), st.integers(1, 50))
def test_a_resample_holds_as_many_seeds(seeds: int, resamples: int) -> None:
    weights = resample_weights(seeds, rng=np.random.default_rng(0), resamples=resamples)
    assert weights.shape == (resamples, seeds) and (weights.sum(axis=1) == seeds).all() and weights.min() >= 0


def test_it_is_scipys_percentile_bootstrap(rng: np.random.Generator) -> None:
    per_seed = rng.beta(2, 5, size=25)
    low, high = seed_interval(per_seed, rng=rng, resamples=20_000)
    reference = stats.bootstrap(
        (per_seed,), np.mean, method="percentile", n_resamples=20_000, rng=rng
    ).confidence_interval
    width = reference.high - reference.low
    assert float(low) == pytest.approx(reference.low, abs=0.03 * width)
    assert float(high) == pytest.approx(reference.high, abs=0.03 * width)


def test_other_axes_are_kept_and_share_the_resamples(rng: np.random.Generator) -> None:
    per_seed = rng.random((8, 5, 3))
    low, high = seed_interval(per_seed, rng=np.random.default_rng(4), resamples=500)
    assert low.shape == high.shape == (5, 3) and (low < high).all()
    alone, _ = seed_interval(per_seed[:, 2, 1], rng=np.random.default_rng(4), resamples=500)
    assert float(alone) == pytest.approx(low[2, 1])


def test_coverage_of_a_mean(rng: np.random.Generator) -> None:
    """2000 sets of 30 seeds, as epochs of one call each 100: near 95 %, a little below."""
    covered = 0
    for _ in range(20):
        low, high = seed_interval(rng.normal(0.6, 0.1, size=(30, 100)), rng=rng, resamples=600)
        covered += int(((low < 0.6) & (high > 0.6)).sum())
    assert 1820 <= covered <= 1940


def test_a_wider_level_holds_the_narrower(rng: np.random.Generator) -> None:
    values = rng.normal(size=(400, 7))
    narrow, wide = percentile_interval(values, level=0.5), percentile_interval(values, level=0.99)
    assert (wide.low < narrow.low).all() and (wide.high > narrow.high).all()


def test_one_seed_has_no_interval() -> None:
    low, high = seed_interval(np.ones((1, 6)), rng=np.random.default_rng(0))
    assert low.shape == high.shape == (6,) and np.isnan(low).all() and np.isnan(high).all()
    with pytest.raises(ValueError, match="no seeds"):
        seed_interval(np.ones((0, 6)), rng=np.random.default_rng(0))


def test_equal_seeds_have_an_interval_of_no_width() -> None:
    low, high = seed_interval(np.full((5, 2), 0.25), rng=np.random.default_rng(0))
    assert (low == 0.25).all() and (high == 0.25).all()


def test_undefined_resamples_are_left_out() -> None:
    values = np.array([[np.nan, np.nan], [1.0, np.nan], [2.0, np.nan], [3.0, np.nan]])
    low, high = percentile_interval(values, level=1.0)
    assert (low[0], high[0]) == (1.0, 3.0) and np.isnan([low[1], high[1]]).all()
