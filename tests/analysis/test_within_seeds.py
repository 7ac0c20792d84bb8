import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q

from analysis.statistics import within_seeds
from analysis.statistics.homogeneity import dispersion
from analysis.statistics.within_seeds import cochran_q, permutation_test
from dynamics.errors import UserError
from tests.references import variance
from tests.references.simulated_studies import (
    dependent_augmentations,
    equal_examples,
    unequal_examples,
    unequal_seeds,
)


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12)))
def test_cochran_q_is_statsmodels_s(correct: np.ndarray) -> None:
    result = cochran_q(correct)
    assert result.dof == correct.shape[1] - 1
    if ((correct.mean(axis=1) == 0) | (correct.mean(axis=1) == 1)).all():
        assert np.isnan(result.q) and np.isnan(result.p_over)
    else:
        reference = cochrans_q(correct.astype(int))
        assert result.q == pytest.approx(reference.statistic, abs=1e-9)
        assert result.p_over == pytest.approx(reference.pvalue, abs=1e-12)


def test_a_seed_that_answers_all_alike_adds_nothing(rng: np.random.Generator) -> None:
    correct = equal_examples(rng, seeds=6, examples=50, p=0.4)
    constant = np.stack([np.zeros(50, dtype=bool), np.ones(50, dtype=bool)])
    assert cochran_q(np.concatenate([correct, constant])) == cochran_q(correct)
    first = permutation_test(correct, rng=np.random.default_rng(1), permutations=50)
    second = permutation_test(
        np.concatenate([correct, constant]), rng=np.random.default_rng(1), permutations=50
    )
    assert second.z == pytest.approx(first.z)


def test_permutations_have_the_distribution_of_all_orders(rng: np.random.Generator) -> None:
    """All 4!^2 ways to order two of three seeds against the third, enumerated."""
    outcomes = rng.integers(0, 4, size=(3, 4))
    every = variance.all_permuted_variances(outcomes[:2])
    result = permutation_test(outcomes[:2], rng=rng, permutations=4000)
    observed = np.var(outcomes[:2].mean(axis=0))
    assert result.variance == pytest.approx(observed)
    assert result.expected == pytest.approx(every.mean())
    assert result.z == pytest.approx((observed - every.mean()) / every.std())
    assert result.p_over == pytest.approx((every >= observed * (1 - 1e-9)).mean(), abs=0.04)
    three = permutation_test(outcomes, rng=rng, permutations=4000)
    every = variance.all_permuted_variances(outcomes)
    assert three.expected == pytest.approx(every.mean())
    assert three.z == pytest.approx((three.variance - every.mean()) / every.std())
    assert three.p_over == pytest.approx((every >= three.variance * (1 - 1e-9)).mean(), abs=0.04)


def test_counts_indicators_and_fractions_are_the_same_test(rng: np.random.Generator) -> None:
    correct = dependent_augmentations(rng, seeds=5, augmentations=10, examples=40, p=0.4, rho=0.3)
    forms = (correct, correct.mean(axis=1), correct.sum(axis=1), correct.sum(axis=1, dtype=np.uint8))
    found = [permutation_test(form, rng=np.random.default_rng(3), permutations=99) for form in forms]
    assert len({result.p_over for result in found}) == 1
    assert [result.z for result in found] == pytest.approx([found[0].z] * 4)


def test_memory_bound_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    correct = equal_examples(np.random.default_rng(0), seeds=4, examples=30, p=0.5)
    first = permutation_test(correct, rng=np.random.default_rng(3), permutations=100)
    monkeypatch.setattr(within_seeds, "CHUNK_VALUES", 300)
    assert permutation_test(correct, rng=np.random.default_rng(3), permutations=100) == first


@given(st.integers(1, 4), st.integers(1, 20), st.floats(0, 1))
def test_no_variance_to_permute(seeds: int, examples: int, value: float) -> None:
    result = permutation_test(np.full((seeds, examples), value), rng=np.random.default_rng(0), permutations=9)
    assert result.variance == 0 and result.p_over == 1 and np.isnan(result.z)


def test_one_seed_cannot_tell(rng: np.random.Generator) -> None:
    result = permutation_test(rng.random((1, 200)), rng=rng, permutations=99)
    assert result.p_over == 1 and np.isnan(result.z)


@given(st.integers(0, 2**32 - 1))
def test_order_of_examples_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    correct = unequal_examples(rng, seeds=6, examples=30, p=0.5, rho=0.2)
    shuffled = correct[:, rng.permutation(30)]
    assert cochran_q(shuffled) == cochran_q(correct)
    first, second = (permutation_test(x, rng=rng, permutations=5) for x in (correct, shuffled))
    assert (first.variance, first.expected, first.z) == pytest.approx(
        (second.variance, second.expected, second.z)
    )


def test_within_classes_seeds_that_favour_some_do_not_count(rng: np.random.Generator) -> None:
    labels = np.arange(300) % 6
    rejected = {"all": 0, "within": 0}
    for _ in range(60):
        outcomes = rng.normal(size=(6, 6))[:, labels] + rng.normal(size=(6, 300))
        for name, classes in (("all", None), ("within", labels)):
            found = permutation_test(outcomes, classes, rng=rng, permutations=39)
            rejected[name] += found.p_over <= 0.05
    assert rejected["within"] <= 9 < rejected["all"]


def test_within_one_class_it_is_the_same_test(rng: np.random.Generator) -> None:
    outcomes = rng.random((4, 30))
    one, other = (
        permutation_test(outcomes, labels, rng=np.random.default_rng(1), permutations=49)
        for labels in (None, np.zeros(30, int))
    )
    assert one == other


def test_bad_input_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(UserError, match="permutations"):
        permutation_test(np.zeros((2, 3)), rng=rng, permutations=0)
    with pytest.raises(ValueError, match="shape"):
        permutation_test(np.zeros((2, 0)), rng=rng)


def test_level_holds_when_seeds_differ_in_accuracy(rng: np.random.Generator) -> None:
    """500 homogeneous studies, seeds' accuracies 0.5 +- 0.1: the dispersion test hardly rejects there."""
    studies = [unequal_seeds(rng, seeds=30, examples=256, p=0.5, sd=0.1) for _ in range(500)]
    q = np.array([cochran_q(correct).p_over for correct in studies])
    fewest, most = stats.binom.interval(0.9998, 500, 0.05)
    assert fewest <= (q < 0.05).sum() <= most and (q < 0.001).sum() <= stats.binom.isf(1e-4, 500, 0.001)
    pooled = np.array([dispersion(correct.sum(axis=0), 30).p_over for correct in studies])
    assert (pooled < 0.05).sum() < fewest


@pytest.mark.slow
def test_permutation_level_holds_with_dependent_augmentations(rng: np.random.Generator) -> None:
    """300 homogeneous studies; their counts out of N * M are far from binomial all the same."""
    studies = [
        dependent_augmentations(rng, seeds=8, augmentations=5, examples=128, p=0.4, rho=0.3)
        for _ in range(300)
    ]
    p_values = np.array([permutation_test(s, rng=rng, permutations=199).p_over for s in studies])
    fewest, most = stats.binom.interval(0.9998, 300, 0.05)
    assert fewest <= (p_values <= 0.05).sum() <= most
    assert (p_values <= 0.005).sum() <= stats.binom.isf(1e-4, 300, 0.005)
    wrong = np.array([dispersion(s.sum(axis=(0, 1)), 40).p_over for s in studies])
    assert (wrong < 0.05).mean() > 0.99


def test_power_against_small_differences(rng: np.random.Generator) -> None:
    """Intraclass correlation 0.005, K = 1024, N = 30: Cochran's Q rejects in about 93 % of studies."""
    studies = [unequal_examples(rng, seeds=30, examples=1024, p=0.5, rho=0.005) for _ in range(100)]
    assert np.mean([cochran_q(correct).p_over < 0.05 for correct in studies]) > 0.82
    z = [permutation_test(correct, rng=rng, permutations=1).z for correct in studies]
    assert np.mean(np.array(z) > 1.645) > 0.82
    p_values = [permutation_test(correct, rng=rng, permutations=59).p_over for correct in studies[:20]]
    assert np.mean(np.array(p_values) <= 0.05) > 0.6


def test_shifts_in_a_random_order_have_the_moments_and_the_level_of_shuffles(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What large panels use: the same null distribution, p as often below a level, and the same power."""
    correct = rng.random((5, 400)) < 0.4
    deviations = within_seeds._deviations(correct.astype(float))
    mean, sd = within_seeds._null_moments(deviations)
    shifted = np.fromiter(within_seeds._shifted_between(deviations, rng, 20_000), float)
    assert abs(shifted.mean() - mean) < 0.03 * sd and abs(shifted.std() / sd - 1) < 0.06
    order = np.sort(deviations, axis=1)  # an order of the examples that shifts alone would not forget
    assert abs(np.mean([*within_seeds._shifted_between(order, rng, 20_000)]) - mean) < 0.03 * sd
    monkeypatch.setattr(within_seeds, "SHUFFLED", 0)
    level = [
        permutation_test(rng.random((4, 60)) < 0.5, rng=rng, permutations=99).p_over <= 0.1
        for _ in range(600)
    ]
    assert 0.07 < np.mean(level) < 0.135
    hard = np.linspace(0.2, 0.8, 300)
    assert permutation_test(rng.random((6, 300)) < hard, rng=rng, permutations=999).p_over == 0.001
