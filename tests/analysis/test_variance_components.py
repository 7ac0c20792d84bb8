# SPDX-License-Identifier: Apache-2.0
"""Variance components against a slow analysis of variance, and by simulation with known parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from analysis.statistics.jackknife import crossed_interval, groups_of, jackknife_interval
from analysis.statistics.variance_components import (
    INTERVALS,
    LOGARITHMIC,
    Components,
    component_intervals,
    example_test,
    generalizability,
    variance_components,
)
from tests.references import nested_variance

studies = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=5))
PARTS = ("example", "augmentation", "seed", "seed_by_example", "residual")


@given(studies)
def test_they_are_the_analysis_of_variance(correct: np.ndarray) -> None:
    found, expected = variance_components(correct), nested_variance.components(correct)
    for part in PARTS:
        assert getattr(found, part) == pytest.approx(expected[part], abs=1e-12)
    total = expected["example"] + expected["augmentation"]
    if total > 1e-9:
        assert found.augmentation_share == pytest.approx(expected["augmentation"] / total)
    elif total < -1e-9:
        assert np.isnan(found.augmentation_share)


@given(studies)
def test_the_test_of_examples_is_that_of_the_mean_squares(correct: np.ndarray) -> None:
    ms = nested_variance.mean_squares(correct)
    n, m, k = correct.shape
    above, below = ms["example"] + ms["residual"], ms["augmentation"] + ms["seed_by_example"]
    found = example_test(correct)
    if below < 1e-9:
        assert np.isnan(found.f) or found.f > 1e6
        return
    dof = {
        "example": k - 1,
        "residual": (n - 1) * k * (m - 1),
        "augmentation": k * (m - 1),
        "seed_by_example": (n - 1) * (k - 1),
    }
    parts = {name: ms[name] ** 2 / dof[name] for name in dof}
    assert found.f == pytest.approx(above / below)
    assert found.dof_below == pytest.approx(below**2 / (parts["augmentation"] + parts["seed_by_example"]))
    if above > 1e-9:
        assert found.dof_above == pytest.approx(above**2 / (parts["example"] + parts["residual"]))
        assert found.p == pytest.approx(stats.f.sf(found.f, found.dof_above, found.dof_below))


@given(studies, st.integers(0, 2**32 - 1))
def test_within_classes_it_is_that_of_deviations_from_class_means(correct: np.ndarray, seed: int) -> None:
    """The mean squares of examples and of seeds with them, by loops, each with K - L in place of K - 1."""
    n, m, k = correct.shape
    labels = np.random.default_rng(seed).integers(0, 2, size=k)
    classes = len(set(labels.tolist()))
    ms = nested_variance.mean_squares(correct)
    mean = correct.mean(axis=1)
    luck = np.array([[mean[i, j] - mean[i, labels == labels[j]].mean() for j in range(k)] for i in range(n)])
    found = example_test(correct, labels)
    if k == classes:
        assert np.isnan(found.p)
        return
    examples = n * m * sum(np.mean(luck[:, j]) ** 2 for j in range(k)) / (k - classes)
    rest = sum((luck[i, j] - np.mean(luck[:, j])) ** 2 for i in range(n) for j in range(k))
    seeds = m * rest / ((n - 1) * (k - classes))
    below = ms["augmentation"] + seeds
    if below > 1e-9:
        assert found.f == pytest.approx((examples + ms["residual"]) / below)
        parts = ms["augmentation"] ** 2 / (k * (m - 1)) + seeds**2 / ((n - 1) * (k - classes))
        assert found.dof_below == pytest.approx(below**2 / parts)


def test_intervals_are_jackknives(rng: np.random.Generator) -> None:
    """Over seeds, and over seeds and groups of examples less what both hold, by leaving them out one by one."""
    correct = rng.random((5, 3, 70)) < rng.random((3, 70))
    value, found = variance_components(correct), component_intervals(correct)
    groups = groups_of(70)

    def without(seed: int | None, group: int | None) -> Components:
        kept = correct if seed is None else np.delete(correct, seed, axis=0)
        part = variance_components(kept if group is None else kept[:, :, groups != group])
        return part._replace(generalizability=generalizability(part, seeds=5, augmentations=3))

    for name in INTERVALS:
        seeds = np.array([getattr(without(seed, None), name) for seed in range(5)])
        own = jackknife_interval(getattr(value, name), seeds)
        np.testing.assert_allclose(found[name].these_examples, own)
        by_group = np.array([getattr(without(None, group), name) for group in range(32)])
        both = np.array([[getattr(without(seed, group), name) for seed in range(5)] for group in range(32)])
        crossed = crossed_interval(getattr(value, name), seeds, by_group, both)
        if name in LOGARITHMIC and min(one.min() for one in (seeds, by_group, both)) > 0:
            logarithms = [np.log(one) for one in (getattr(value, name), seeds, by_group, both)]
            crossed = np.exp(crossed_interval(*map(np.asarray, logarithms)))
        np.testing.assert_allclose(found[name].examples_like_these, crossed)


@given(studies, st.randoms(use_true_random=False))
def test_order_of_seeds_examples_and_augmentations_does_not_matter(
    correct: np.ndarray, random: object
) -> None:
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    order = rng.permutation(correct.shape[1])
    shuffled = correct[rng.permutation(len(correct))][:, order][:, :, rng.permutation(correct.shape[2])]
    found, expected = np.array(variance_components(shuffled)), np.array(variance_components(correct))
    tiny = np.abs(expected) < 1e-12  # ratios of rounding errors
    np.testing.assert_allclose(found[:7], expected[:7], atol=1e-12)
    if not tiny[0] and not tiny[6]:
        np.testing.assert_allclose(found[7:], expected[7:], atol=1e-6)


def simulate(rng: np.random.Generator, truth: Components, *, N: int, M: int, K: int) -> np.ndarray:
    """Answers with normal effects of these variances."""
    effects = [
        (truth.example, (1, 1, K)),
        (truth.augmentation, (1, M, K)),
        (truth.seed, (N, 1, 1)),
        (truth.seed_by_example, (N, 1, K)),
        (truth.residual, (N, M, K)),
    ]
    return 0.4 + sum(rng.normal(scale=np.sqrt(variance), size=shape) for variance, shape in effects)


@pytest.mark.parametrize(
    "parts", [(0.05, 0.02, 0.01, 0.03, 0.2), (0.0, 0.1, 0.0, 0.0, 0.1), (0.1, 0.0, 0.02, 0.1, 0.1)]
)
def test_estimates_are_unbiased(parts: tuple[float, ...], rng: np.random.Generator) -> None:
    truth = Components(*(np.array(value) for value in (*parts, *[np.nan] * 4)))
    found = np.array([variance_components(simulate(rng, truth, N=5, M=3, K=40)) for _ in range(300)])[:, :5]
    error = found.mean(axis=0) - parts
    assert np.all(np.abs(error) < 4 * found.std(axis=0) / np.sqrt(300))
    absent = np.array(parts) == 0
    assert (found[:, absent] < 0).any(axis=0).all()  # not cut off at 0, which would be a bias


def panel(rng: np.random.Generator, *, M: int, K: int) -> np.ndarray:
    """Probabilities of M augmentations of K examples."""
    logits = rng.normal(size=(1, K)) + rng.normal(scale=1.5, size=(M, K))
    return 1 / (1 + np.exp(-logits))


def truth_of(p: np.ndarray) -> tuple[float, float]:
    augmentation = p.var(axis=0, ddof=1).mean()
    return p.mean(axis=0).var(ddof=1) - augmentation / len(p), augmentation


def answers(rng: np.random.Generator, p: np.ndarray, *, N: int) -> np.ndarray:
    """Binary answers with these probabilities; a third of the time one draw serves a seed's whole example."""
    own, shared = rng.random((N, *p.shape)), rng.random((N, 1, p.shape[1]))
    return np.where(rng.random((N, 1, p.shape[1])) < 1 / 3, shared, own) < p


def test_binary_answers_of_one_panel(rng: np.random.Generator) -> None:
    """Dependent answers of one seed change neither part; without the interaction, example would be too large."""
    p = panel(rng, M=4, K=60)
    example, augmentation = truth_of(p)
    found = [variance_components(answers(rng, p, N=6)) for _ in range(400)]
    for values, truth in (
        ([f.example for f in found], example),
        ([f.augmentation for f in found], augmentation),
    ):
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(len(values))
    assert np.mean([f.seed_by_example for f in found]) > 0.02


def test_share_at_its_ends(rng: np.random.Generator) -> None:
    p = panel(rng, M=4, K=400)
    alike = rng.random((30, 4, 400)) < p[:1]
    assert variance_components(alike).augmentation_share == pytest.approx(0, abs=0.03)
    p = rng.random((4, 400))
    assert variance_components(rng.random((30, 4, 400)) < p).augmentation_share == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 3, 5), (4, 3, 1), (1, 1, 1)])
def test_what_cannot_be_told_apart_is_nan(shape: tuple[int, int, int], rng: np.random.Generator) -> None:
    correct = rng.random(shape) < 0.5
    assert np.isnan(variance_components(correct)).all()
    assert all(np.isnan(ends).all() for ends in component_intervals(correct).values())
    assert np.isnan(example_test(correct).p)


def test_one_augmentation_is_one_with_its_example(rng: np.random.Generator) -> None:
    correct = rng.random((6, 1, 50)) < rng.random(50)
    found, one_way = variance_components(correct), nested_variance.components(np.repeat(correct, 2, axis=1))
    assert found.example == found.r == found.r_tilde == pytest.approx(one_way["example"])
    assert found.seed_by_example == pytest.approx(one_way["seed_by_example"])
    assert np.isnan([found.augmentation, found.residual, found.augmentation_share]).all()
    assert found.generalizability == pytest.approx(
        found.example / (found.example + found.seed_by_example / 6)
    )


def test_two_seeds_have_no_interval_and_equal_answers_no_share(rng: np.random.Generator) -> None:
    correct = rng.random((2, 3, 9)) < 0.5
    assert not np.isnan(variance_components(correct)[:5]).any()
    assert all(np.isnan(ends).all() for ends in component_intervals(correct).values())
    same = np.ones((4, 3, 9), dtype=bool)
    assert variance_components(same)[:7] == pytest.approx([0] * 7)
    assert np.isnan(variance_components(same).augmentation_share)
    assert np.isnan(component_intervals(same)["generalizability"]).all()
