# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.gaussian_divergence import ClassMoments, class_moments, gaussian_kl, why_singular
from tests.references.gaussian_kl import gaussian_kl as reference
from tests.references.gaussian_kl import random_gaussian


def many(rng: np.random.Generator, classes: int, dimensions: int) -> ClassMoments:
    made = [random_gaussian(rng, dimensions) for _ in range(classes)]
    mean, covariance = (np.stack(part) for part in zip(*made, strict=True))
    return ClassMoments(mean, covariance, np.full(classes, 10**6))


@pytest.mark.parametrize("dimensions", [1, 2, 40, 512])
def test_divergence_is_the_direct_computation(rng: np.random.Generator, dimensions: int) -> None:
    moments = many(rng, 3, dimensions)
    found = gaussian_kl(moments)
    assert found.singular == {}
    for y in range(3):
        for z in range(3):
            if y == z:
                assert found.kl[y, z] == 0
                continue
            direct = reference(moments.mean[y], moments.covariance[y], moments.mean[z], moments.covariance[z])
            assert found.kl[y, z] == pytest.approx(direct, rel=1e-10)


def test_divergence_of_spheres_is_the_formula_on_paper() -> None:
    """Covariances a^2 and b^2 times the identity, means a distance c apart."""
    dimensions, a, b, c = 30, 0.7, 2.1, 3.0
    mean = np.zeros((2, dimensions))
    mean[1, 0] = c
    covariance = np.stack([np.eye(dimensions) * a**2, np.eye(dimensions) * b**2])
    kl = gaussian_kl(ClassMoments(mean, covariance, np.array([99, 99]))).kl
    expected = (dimensions * (a / b) ** 2 + (c / b) ** 2 - dimensions) / 2 + dimensions * np.log(b / a)
    assert kl[0, 1] == pytest.approx(expected, rel=1e-13)


@given(st.integers(1, 8), st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_divergence_is_positive_and_blind_to_linear_maps(dimensions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    moments = many(rng, 2, dimensions)
    kl = gaussian_kl(moments).kl
    assert (kl >= -1e-12).all()
    turn = random_gaussian(rng, dimensions)[1]
    moved = ClassMoments(moments.mean @ turn + 3.0, turn.T @ moments.covariance @ turn, moments.examples)
    np.testing.assert_allclose(gaussian_kl(moved).kl, kl, rtol=1e-6, atol=1e-9)


def test_moments_are_those_of_numpy(rng: np.random.Generator) -> None:
    features = rng.normal(size=(200, 7)).astype(np.float32) + 1000
    labels = rng.integers(0, 3, 200)
    moments = class_moments(features, labels, num_classes=3)
    for index in range(3):
        own = features[labels == index].astype(np.float64)
        np.testing.assert_allclose(moments.mean[index], own.mean(axis=0), rtol=1e-14)
        np.testing.assert_allclose(moments.covariance[index], np.cov(own.T), rtol=1e-10, atol=1e-12)
    assert moments.examples.tolist() == np.bincount(labels).tolist()


def test_labels_must_name_every_class(rng: np.random.Generator) -> None:
    features = rng.normal(size=(4, 2))
    for labels in ([0, 0, 2, 2], [0, 1, 2, 3]):
        with pytest.raises(ValueError, match="each of 3 classes"):
            class_moments(features, np.array(labels), num_classes=3)


def moments_of(features: np.ndarray, classes: int) -> ClassMoments:
    labels = np.arange(len(features)) % classes
    return class_moments(features, labels, num_classes=classes)


def test_a_dead_unit_is_said_and_gives_no_value(rng: np.random.Generator) -> None:
    features = rng.normal(size=(90, 5))
    features[::3, [1, 4]] = 0.25  # dead in class 0 only
    found = gaussian_kl(moments_of(features, 3))
    assert found.singular == {0: "2 of 5 features are dead (constant)"}
    known = np.isfinite(found.kl)
    assert known.tolist() == [[False] * 3, [False, True, True], [False, True, True]]
    alone = gaussian_kl(moments_of(np.delete(features, np.s_[::3], axis=0), 2))
    np.testing.assert_allclose(found.kl[1:, 1:], alone.kl)


def test_copies_of_features_are_singular(rng: np.random.Generator) -> None:
    features = rng.normal(size=(100, 20))
    features[:, 19] = features[:, :5].sum(axis=1)
    assert why_singular(np.cov(features.T), 100) == "features are linearly dependent"
    assert why_singular(np.zeros((4, 4)) + 1.0, 100) == "features are linearly dependent"


def test_units_of_small_and_large_scale_are_no_reason(rng: np.random.Generator) -> None:
    features = rng.normal(size=(100, 20)) * 10.0 ** np.arange(-10, 10)
    assert why_singular(np.cov(features.T), 100) is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_too_few_examples_are_said(rng: np.random.Generator, count: int) -> None:
    found = gaussian_kl(moments_of(rng.normal(size=(2 * count, 5)), 2))
    assert found.singular[0] == f"{count} examples for 5 features"
    assert np.isnan(found.kl).all()


def test_bias_at_the_null_is_that_of_the_literature(rng: np.random.Generator) -> None:
    """Two samples of one Gaussian: 29 nats at 5000 examples in 512 dimensions, in proportion to D^2 / n."""
    moments = moments_of(rng.normal(size=(1000, 50)), 2)  # 50^2 / 500 = 5, as 160^2 / 5120
    kl = gaussian_kl(moments).kl[[0, 1], [1, 0]].mean()
    expected = 50 * 53 / 4 * (2 / 500) * 1.15  # (D^2 + 3 D) / 4 * (1 / n + 1 / m), and the next order
    assert kl == pytest.approx(expected, rel=0.1)
