# SPDX-License-Identifier: Apache-2.0
"""Variance components against a slow analysis of variance, and by simulation with known parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analysis.statistics.bootstrap import resample_weights
from analysis.statistics.variance_components import Components, component_intervals, variance_components
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


def test_a_resample_counts_pairs_of_different_seeds(rng: np.random.Generator) -> None:
    correct = rng.random((5, 3, 12)) < rng.random((3, 12))
    weights = resample_weights(5, rng=np.random.default_rng(8), resamples=1)[0]
    low, high = component_intervals(correct, rng=np.random.default_rng(8), resamples=1)
    drawn = np.repeat(np.arange(5), weights).tolist()
    assert 1 < len(set(drawn)) < 5
    for part, value in nested_variance.shared_components_of_resample(correct, drawn).items():
        assert getattr(low, part) == pytest.approx(value) == getattr(high, part)


@given(studies, st.randoms(use_true_random=False))
def test_order_of_seeds_examples_and_augmentations_does_not_matter(
    correct: np.ndarray, random: object
) -> None:
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    order = rng.permutation(correct.shape[1])
    shuffled = correct[rng.permutation(len(correct))][:, order][:, :, rng.permutation(correct.shape[2])]
    assert variance_components(shuffled) == pytest.approx(
        variance_components(correct), abs=1e-12, nan_ok=True
    )


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
    truth = Components(*(np.array(value) for value in (*parts, np.nan)))
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


@pytest.mark.parametrize(("seeds", "wanted"), [(30, 88), (8, 78)])
def test_intervals_cover_the_panel_s_values(seeds: int, wanted: int, rng: np.random.Generator) -> None:
    """100 sets of seeds; 95 % aimed at, less is reached with 8 seeds."""
    p = panel(rng, M=4, K=150)
    example, augmentation = truth_of(p)
    covered = np.zeros(3)
    for _ in range(100):
        low, high = component_intervals(answers(rng, p, N=seeds), rng=rng, resamples=300)
        truth = (example, augmentation, augmentation / (example + augmentation))
        ends = (
            (getattr(low, n), getattr(high, n)) for n in ("example", "augmentation", "augmentation_share")
        )
        covered += [a < value < b for value, (a, b) in zip(truth, ends, strict=True)]
    assert (covered >= wanted).all(), covered


def test_share_at_its_ends(rng: np.random.Generator) -> None:
    p = panel(rng, M=4, K=400)
    alike = rng.random((30, 4, 400)) < p[:1]
    assert variance_components(alike).augmentation_share == pytest.approx(0, abs=0.03)
    p = rng.random((4, 400))
    assert variance_components(rng.random((30, 4, 400)) < p).augmentation_share == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 3, 5), (4, 1, 5), (4, 3, 1)])
def test_what_cannot_be_told_apart_is_nan(shape: tuple[int, int, int], rng: np.random.Generator) -> None:
    correct = rng.random(shape) < 0.5
    assert np.isnan(variance_components(correct)).all()
    assert np.isnan(component_intervals(correct, rng=rng, resamples=5)).all()


def test_two_seeds_have_no_interval_and_equal_answers_no_share(rng: np.random.Generator) -> None:
    correct = rng.random((2, 3, 9)) < 0.5
    assert not np.isnan(variance_components(correct)[:5]).any()
    assert np.isnan(component_intervals(correct, rng=rng)).all()
    same = np.ones((4, 3, 9), dtype=bool)
    assert variance_components(same)[:5] == pytest.approx([0] * 5)
    assert np.isnan(variance_components(same).augmentation_share)
    assert np.isnan(component_intervals(same, rng=rng, resamples=5).low.augmentation_share)
