# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from analysis.statistics.corrected_divergence import (
    SHRINKAGE,
    affordable,
    corrected_kl,
    null_divergence,
    principal_axes,
    random_halves,
    within_classes,
)
from analysis.statistics.gaussian_divergence import class_moments, gaussian_kl
from tests.references.gaussian_kl import gaussian_kl as reference
from tests.references.gaussian_kl import random_gaussian

CLASSES = 4


def estimate(
    features: np.ndarray, labels: np.ndarray, rng: np.random.Generator, **options: int
) -> np.ndarray:
    moments = class_moments(features, labels, num_classes=int(labels.max()) + 1)
    return corrected_kl(features, labels, moments, rng=rng, **options).kl


def off_diagonal(kl: np.ndarray) -> np.ndarray:
    return kl[~np.eye(len(kl), dtype=bool)]


def noise(rng: np.random.Generator, shape: tuple[int, int], tails: str) -> np.ndarray:
    """Unit variance: normal, or Student's t with 8 degrees of freedom (kurtosis 4.5)."""
    z = rng.normal(size=shape)
    return z if tails == "light" else z * np.sqrt(6 / rng.chisquare(8, size=(shape[0], 1)))


@pytest.mark.parametrize(
    ("tails", "decay", "most"), [("light", 0.0, 1.2), ("light", 3.0, 1.2), ("heavy", 3.0, 1.5)]
)
@pytest.mark.parametrize("count", [100, 600])
def test_equal_classes_give_about_0(
    rng: np.random.Generator, count: int, tails: str, decay: float, most: float
) -> None:
    """In 512 dimensions, where eq. 5.2 gives nothing (100 examples) or 1500 nats (600)."""
    labels = np.arange(CLASSES * count) % CLASSES
    scales = np.exp(-np.linspace(0, decay, 512))
    found = off_diagonal(estimate(noise(rng, (len(labels), 512), tails) * scales, labels, rng))
    assert abs(found.mean()) < most and np.abs(found).max() < 2.5 * most


def test_the_bias_is_taken_off_by_the_halves(rng: np.random.Generator) -> None:
    """Without them the same shrunk covariances leave what the thesis's formula would."""
    count, d = 800, 50
    labels = np.arange(CLASSES * count) % CLASSES
    features = noise(rng, (len(labels), d), "light")
    moments = class_moments(features, labels, num_classes=CLASSES)
    plain = gaussian_kl(
        moments._replace(
            covariance=(1 - SHRINKAGE) * moments.covariance + SHRINKAGE * within_classes(moments)
        )
    )
    assert off_diagonal(plain.kl).mean() > 1.2
    assert abs(off_diagonal(estimate(features, labels, rng)).mean()) < 0.2


@pytest.mark.parametrize("tails", ["light", "heavy"])
def test_unequal_classes_give_the_true_divergence(rng: np.random.Generator, tails: str) -> None:
    """Truth: eq. 5.2 between the populations, projected and shrunk in the same way."""
    count, d = 1600, 60
    population = [random_gaussian(rng, d) for _ in range(CLASSES)]
    roots = [np.linalg.cholesky(covariance) for _, covariance in population]
    labels = np.repeat(np.arange(CLASSES), count)
    features = np.concatenate(
        [
            mean + noise(rng, (count, d), tails) @ root.T
            for (mean, _), root in zip(population, roots, strict=True)
        ]
    )
    found = estimate(features, labels, rng)
    mean, covariance = (np.stack(part) for part in zip(*population, strict=True))
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * covariance.mean(axis=0)
    true = np.array([[reference(mean[y], shrunk[y], mean[z], shrunk[z]) for z in range(4)] for y in range(4)])
    error = off_diagonal(found) / off_diagonal(true) - 1
    assert off_diagonal(true).min() > 20
    assert abs(error.mean()) < 0.03 and np.abs(error).max() < 0.1
    thesis = off_diagonal(gaussian_kl(class_moments(features, labels, num_classes=4)).kl)
    assert np.median(thesis) > np.median(off_diagonal(true))


def test_no_more_components_than_examples_allow(rng: np.random.Generator) -> None:
    labels = np.arange(8 * 100) % 8
    features = noise(rng, (len(labels), 30), "light")
    moments = class_moments(features, labels, num_classes=8)
    assert corrected_kl(features, labels, moments, rng=rng).dimensions == 12


def test_components_grow_with_the_examples() -> None:
    assert [affordable(n) for n in (7, 8, 40, 142, 1000, 5000)] == [0, 1, 5, 17, 99, 292]


def test_dead_units_change_nothing(rng: np.random.Generator) -> None:
    labels = np.arange(3 * 200) % 3
    features = noise(rng, (len(labels), 10), "light") + labels[:, None]
    dead = np.concatenate([np.zeros((len(labels), 3)), features, np.full((len(labels), 2), 7.5)], axis=1)
    first, second = (estimate(f, labels, np.random.default_rng(1)) for f in (features, dead))
    np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-8)


def test_units_dead_in_one_class_leave_a_finite_value(rng: np.random.Generator) -> None:
    """The true divergence is infinite there; the shrunk one is large."""
    labels = np.arange(3 * 200) % 3
    features = np.abs(noise(rng, (len(labels), 10), "light"))
    features[labels == 0, :4] = 0
    kl = estimate(features, labels, rng)
    assert np.isfinite(kl).all()
    assert kl[1, 0] > 5 * abs(kl[1, 2]) and kl[0, 1] > 5 * abs(kl[1, 2])


@pytest.mark.parametrize("kind", ["collapsed", "constant within classes"])
def test_no_variance_is_said(kind: str, rng: np.random.Generator) -> None:
    labels = np.arange(2 * 100) % 2
    features = np.ones((len(labels), 6)) + (labels[:, None] if kind != "collapsed" else 0)
    moments = class_moments(features, labels, num_classes=2)
    found = corrected_kl(features, labels, moments, rng=rng)
    assert np.isnan(found.kl).all() and found.dimensions == 0
    assert found.problem == "features do not vary within classes"


def test_too_few_examples_are_said(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1], [7, 40])
    features = noise(rng, (47, 4), "light")
    found = corrected_kl(features, labels, class_moments(features, labels, num_classes=2), rng=rng)
    assert np.isnan(found.kl).all() and found.problem == "a class has 7 examples, fewer than 8"


def test_the_generator_decides_the_halves(rng: np.random.Generator) -> None:
    labels = np.arange(3 * 101) % 3
    features = noise(rng, (len(labels), 8), "light")
    one, same, other = (estimate(features, labels, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_halves_split_every_class(rng: np.random.Generator) -> None:
    labels = np.array([0] * 7 + [1] * 10)
    side = random_halves(labels, 2, rng)
    assert np.bincount(side[:7]).tolist() == [4, 3] and np.bincount(side[7:]).tolist() == [5, 5]


def test_principal_axes_whiten_all_examples(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1], [100, 300])
    features = noise(rng, (400, 6), "light") * np.arange(1, 7) + labels[:, None] * 3
    axes = principal_axes(class_moments(features, labels, num_classes=2), 4)
    components = features @ axes
    np.testing.assert_allclose(np.cov(components.T), np.eye(4), atol=0.01)
    total = np.linalg.eigvalsh(np.cov(features.T))[::-1][:4]
    np.testing.assert_allclose(1 / np.square(axes).sum(axis=0), total, rtol=0.01)


@pytest.mark.parametrize("tails", ["light", "heavy"])
def test_null_divergence_shows_the_bias_and_its_absence(rng: np.random.Generator, tails: str) -> None:
    labels = np.arange(5 * 1000) % 5
    features = noise(rng, (len(labels), 20), tails) + labels[:, None]
    null = null_divergence(features, labels, num_classes=5, rng=rng)
    assert null.thesis.mean() > 0.4
    assert abs(null.corrected.mean()) < 0.15


def test_null_divergence_of_hopeless_classes_is_empty(rng: np.random.Generator) -> None:
    labels = np.array([0] + [1] * 12)
    null = null_divergence(noise(rng, (13, 4), "light"), labels, num_classes=2, rng=rng)
    assert np.isnan(null.corrected).all() and np.isnan(null.thesis[0]) and np.isfinite(null.thesis[1])
