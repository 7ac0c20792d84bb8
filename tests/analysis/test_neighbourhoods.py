# SPDX-License-Identifier: Apache-2.0
"""Same-class neighbours against a search through all pairs; clusters against classes that are known."""

import numpy as np
import pytest

from analysis.statistics.neighbourhoods import chance_share, cluster_agreement, same_class_share


def by_all_pairs(points: np.ndarray, labels: np.ndarray, neighbours: int) -> np.ndarray:
    shares = []
    for own, place in enumerate(points):
        distance = [np.linalg.norm(place - other) if at != own else np.inf for at, other in enumerate(points)]
        nearest = np.argsort(distance, kind="stable")[:neighbours]
        shares.append(np.mean([labels[at] == labels[own] for at in nearest]))
    return np.array(shares)


@pytest.mark.parametrize("features", [2, 40])
def test_share_of_neighbours_against_all_pairs(rng: np.random.Generator, features: int) -> None:
    labels = rng.integers(0, 3, size=60)
    points = rng.normal(size=(60, features)) + labels[:, None]
    for neighbours in (1, 10, 59):
        found = same_class_share(points, labels, neighbours=neighbours)
        np.testing.assert_allclose(found, by_all_pairs(points, labels, neighbours), atol=1e-12)


def test_chance_is_what_shuffled_labels_give(rng: np.random.Generator) -> None:
    labels = rng.choice(3, size=90, p=[0.6, 0.3, 0.1])
    points = rng.normal(size=(90, 4))
    shuffled = [same_class_share(points, rng.permutation(labels), neighbours=7).mean() for _ in range(300)]
    assert np.mean(shuffled) == pytest.approx(chance_share(labels), abs=4 * np.std(shuffled) / 300**0.5)


@pytest.mark.parametrize("neighbours", [0, 5, 6])
def test_too_many_neighbours_are_refused(neighbours: int) -> None:
    with pytest.raises(ValueError, match="neighbours"):
        same_class_share(np.zeros((5, 2)), np.zeros(5, dtype=np.int64), neighbours=neighbours)


def test_clusters_agree_with_classes_that_lie_apart(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 4, size=120)
    points = 20.0 * np.eye(4)[labels] + rng.normal(size=(120, 4))
    assert cluster_agreement(points, labels, random_state=0) == (pytest.approx(1), pytest.approx(1))


def test_only_the_adjusted_agreement_is_zero_by_chance(rng: np.random.Generator) -> None:
    points = rng.normal(size=(100, 3))
    found = [
        cluster_agreement(points, rng.integers(0, 5, size=100), random_state=0, restarts=1) for _ in range(40)
    ]
    nmi, ami = np.array(found).T
    assert abs(ami.mean()) < 4 * ami.std() / 40**0.5 + 0.005
    assert nmi.mean() > 0.03


def test_points_that_are_all_the_same_say_nothing() -> None:
    labels = np.arange(30) % 3
    assert cluster_agreement(np.ones((30, 4)), labels, random_state=0).nmi == 0
