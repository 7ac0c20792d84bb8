# SPDX-License-Identifier: Apache-2.0
"""Analysis of variance by class against scipy, a slow reference, and shuffled labels."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.class_differences import class_differences, class_means, crossed_class_test
from tests.references import nested_variance


def test_means_of_unequal_classes(rng: np.random.Generator) -> None:
    labels = np.array([7, 2, 2, 7, 7, 5])
    values = rng.random((4, 6))
    found = class_means(values, labels)
    assert found.classes.tolist() == [2, 5, 7] and found.sizes.tolist() == [2, 1, 3]
    for at, number in enumerate((2, 5, 7)):
        np.testing.assert_allclose(found.means[..., at], values[..., labels == number].mean(axis=-1))


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(6, 40))
def test_it_is_the_analysis_of_variance(seed: int, classes: int, examples: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, size=examples - classes)]
    values = rng.random((2, examples)) + 0.3 * labels * rng.random((2, 1))
    found = class_differences(values, labels)
    assert (found.between, found.within) == (classes - 1, examples - classes)
    assert found.critical == pytest.approx(stats.f.ppf(0.95, classes - 1, examples - classes))
    for at in range(2):
        groups = [values[at][labels == label] for label in range(classes)]
        expected = stats.f_oneway(*groups)
        # scipy takes the variance within classes as a difference of sums, F times larger than itself
        assert found.f[at] == pytest.approx(expected.statistic, rel=1e-9 + 1e-12 * expected.statistic)
        assert found.p[at] == pytest.approx(expected.pvalue, rel=1e-6 + 1e-12 * expected.statistic, abs=1e-12)
        for name, value in nested_variance.one_way(values[at], labels).items():
            assert getattr(found, name)[at] == pytest.approx(value, rel=1e-8, abs=1e-12)
        means = [group.mean() for group in groups]
        assert found.spread[at] == pytest.approx(max(means) - min(means))
        assert found.sd[at] == pytest.approx(np.std(means, ddof=1))


def test_it_holds_where_classes_hardly_vary(rng: np.random.Generator) -> None:
    """F of 1e13: both sums are taken over small numbers, so that all digits are right."""
    labels = np.repeat([0, 1, 2], 4)
    values = labels / 2 + 1e-6 * rng.random(12)
    exact = [Fraction(float(value)) for value in values]
    means = [sum(exact[4 * at : 4 * at + 4]) / 4 for at in range(3)]
    within = sum((value - means[at]) ** 2 for value, at in zip(exact, labels, strict=True)) / 9
    between = sum(4 * (mean - sum(means) / 3) ** 2 for mean in means) / 2
    found = class_differences(values[np.newaxis], labels)
    assert found.f[0] == pytest.approx(float(between / within), rel=1e-9) and found.f[0] > 1e11


def test_shuffled_labels(rng: np.random.Generator) -> None:
    """F is above its 5 % point in about 5 % of cases; corrected shares are 0 on average, sd as foretold."""
    values = rng.beta(0.4, 0.4, size=300)
    labels = np.repeat(np.arange(6), [20, 30, 40, 60, 70, 80])
    shuffled = np.stack([rng.permutation(values) for _ in range(3000)])
    found = class_differences(shuffled, labels)
    assert np.mean(found.f > found.critical) == pytest.approx(0.05, abs=0.016)
    assert found.eta_squared.mean() == pytest.approx(5 / 299, rel=0.05)
    for share in (found.epsilon_squared, found.omega_squared):
        assert abs(share.mean()) < 5 * share.std() / np.sqrt(3000)
        assert (share < 0).any()
    assert np.sqrt(np.mean(found.sd**2)) == pytest.approx(found.sd_if_equal[0], rel=0.05)


def test_known_share_of_variance(rng: np.random.Generator) -> None:
    labels = np.arange(5000) % 10
    values = labels / 9 + rng.normal(scale=np.std(np.arange(10) / 9), size=5000)
    found = class_differences(values[np.newaxis], labels)
    assert found.epsilon_squared[0] == pytest.approx(0.5, abs=0.03)
    assert found.p[0] < 1e-100


def test_its_ends() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    found = class_differences(np.stack([np.full(6, 0.3), labels / 3]), labels)
    assert np.isnan([found.f[0], found.p[0], found.eta_squared[0], found.epsilon_squared[0]]).all()
    assert found.spread[0] == 0 and found.sd_if_equal[0] == 0
    assert found.f[1] == np.inf and found.p[1] == 0
    assert found.eta_squared[1] == pytest.approx(1) == found.epsilon_squared[1]


@pytest.mark.parametrize("labels", [np.zeros(6, dtype=int), np.arange(6)])
def test_one_class_or_one_example_each_cannot_be_compared(
    labels: np.ndarray, rng: np.random.Generator
) -> None:
    found = class_differences(rng.random((2, 6)), labels)
    assert np.isnan(found.critical)
    for values in (found.f, found.p, found.eta_squared, found.omega_squared):
        assert np.isnan(values).all()


@given(
    share=st.fractions(0, 1, max_denominator=30),
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=300),
)
def test_equal_values_have_equal_means_however_many_examples(share: Fraction, labels: list[int]) -> None:
    """Rounding is no order: the sizes of classes must not show in the means of one and the same value."""
    means = class_means(np.full((1, len(labels)), float(share)), np.array(labels)).means
    assert np.ptp(means) == 0


def test_no_examples() -> None:
    with pytest.raises(ValueError, match="no examples"):
        class_means(np.zeros((2, 0)), np.zeros(0, dtype=int))


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(2, 5), st.integers(8, 20))
def test_the_crossed_test_is_that_of_the_mean_squares(
    seed: int, classes: int, seeds: int, examples: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, size=examples - classes)]
    answers = rng.random((seeds, examples)) + 0.5 * rng.random(classes)[labels]
    found, ms = crossed_class_test(answers, labels), nested_variance.crossed_classes(answers, labels)
    above, below = ms["class"] + ms["seed_by_example"], ms["example"] + ms["seed_by_class"]
    within = examples - classes
    dof = above**2 / (ms["class"] ** 2 / (classes - 1) + ms["seed_by_example"] ** 2 / ((seeds - 1) * within))
    error = below**2 / (
        ms["example"] ** 2 / within + ms["seed_by_class"] ** 2 / ((seeds - 1) * (classes - 1))
    )
    assert (found.f, found.dof_above, found.dof_below) == pytest.approx((above / below, dof, error))
    assert found.p == pytest.approx(stats.f.sf(above / below, dof, error))


@pytest.mark.parametrize("labels", [np.zeros(12, int), np.arange(12)])
def test_one_class_or_classes_of_one_example_cannot_be_tested(
    labels: np.ndarray, rng: np.random.Generator
) -> None:
    assert np.isnan(crossed_class_test(rng.random((4, 12)), labels).p)


def test_one_seed_cannot_be_tested_and_equal_answers_neither(rng: np.random.Generator) -> None:
    """With one seed "classes differ strongly" was confirmed."""
    assert np.isnan(crossed_class_test(rng.random((1, 12)), np.arange(12) % 3).p)
    assert np.isnan(crossed_class_test(np.ones((4, 12)), np.arange(12) % 3).p)
