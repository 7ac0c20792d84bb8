import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from analysis.statistics.intraclass import icc_interval, icc_of_counts, icc_of_seeds
from tests.references import variance
from tests.references.simulated_studies import dependent_augmentations, equal_examples, unequal_examples

studies = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12))


@given(studies)
def test_it_is_the_analysis_of_variance(correct: np.ndarray) -> None:
    assume(0 < correct.sum() < correct.size)
    expected = variance.intraclass_correlation(correct)
    assert icc_of_seeds(correct) == pytest.approx(expected, abs=1e-9)
    assert icc_of_counts(correct.sum(axis=0), len(correct)) == pytest.approx(expected, abs=1e-9)
    assert -1 / (len(correct) - 1) - 1e-9 <= expected <= 1 + 1e-9


def test_augmentations_are_averaged(rng: np.random.Generator) -> None:
    correct = dependent_augmentations(rng, seeds=6, augmentations=4, examples=30, p=0.5, rho=0.3)
    assert icc_of_seeds(correct) == pytest.approx(variance.intraclass_correlation(correct.mean(axis=1)))
    assert icc_of_seeds(correct.sum(axis=1)) == pytest.approx(icc_of_seeds(correct))


@given(studies, st.randoms(use_true_random=False))
def test_order_of_examples_and_of_seeds_does_not_matter(correct: np.ndarray, random: object) -> None:
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    shuffled = correct[rng.permutation(len(correct))][:, rng.permutation(correct.shape[1])]
    assert icc_of_seeds(shuffled) == pytest.approx(icc_of_seeds(correct), abs=1e-9, nan_ok=True)


def test_its_ends() -> None:
    same = np.tile(np.arange(20) < 7, (5, 1))
    assert icc_of_seeds(same) == pytest.approx(1) == pytest.approx(icc_of_counts(same.sum(axis=0), 5))
    assert icc_of_counts(np.full(20, 3), 6) < -0.19


@given(st.integers(1, 5), st.integers(1, 20), st.floats(0, 1))
def test_without_variance_it_is_nan(seeds: int, examples: int, value: float) -> None:
    outcomes = np.full((seeds, examples), value)
    assert np.isnan(icc_of_seeds(outcomes))
    assert np.isnan(icc_interval(outcomes)).all()
    assert np.isnan(icc_of_counts(np.full(examples, seeds), seeds))


def test_one_seed_or_one_example_gives_nan(rng: np.random.Generator) -> None:
    assert np.isnan(icc_of_seeds(rng.random((1, 50))))
    assert np.isnan(icc_of_counts(np.array([0, 1, 1]), 1))
    assert np.isnan(icc_of_counts(np.array([4]), 9))
    for seeds in (1, 2):
        assert np.isnan(icc_interval(rng.random((seeds, 50)))).all()


def test_interval_is_the_jackknife_over_seeds(rng: np.random.Generator) -> None:
    outcomes = rng.random((6, 12)) + rng.random(12)
    left = [icc_of_seeds(np.delete(outcomes, seed, axis=0)) for seed in range(6)]
    half = stats.t.ppf(0.975, 5) * np.sqrt(5 / 6 * np.sum((np.array(left) - np.mean(left)) ** 2))
    low, high = icc_interval(outcomes)
    assert (low, high) == pytest.approx(
        (icc_of_seeds(outcomes) - half, min(icc_of_seeds(outcomes) + half, 1))
    )


def test_interval_of_equal_examples_is_around_0(rng: np.random.Generator) -> None:
    for _ in range(5):
        low, high = icc_interval(equal_examples(rng, seeds=30, examples=512, p=0.4))
        assert low < 0 < high < 1 / 30


def test_interval_covers_the_panel_s_correlation(rng: np.random.Generator) -> None:
    """120 sets of seeds on one panel of examples with known probabilities; 95 % aimed at."""
    p = rng.beta(4.5, 4.5, size=400)
    between, total = p.var(ddof=1), p.mean() * (1 - p.mean())
    covered = 0
    for _ in range(120):
        low, high = icc_interval(rng.random((8, 400)) < p)
        covered += low < between / total < high
    assert covered >= 106


def test_recovers_the_simulated_correlation(rng: np.random.Generator) -> None:
    for rho in (0.02, 0.1, 0.5):
        found = [
            icc_of_seeds(unequal_examples(rng, seeds=30, examples=1024, p=0.3, rho=rho)) for _ in range(20)
        ]
        assert np.mean(found) == pytest.approx(rho, rel=0.05)
