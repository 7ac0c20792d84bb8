"""Weighted nearest neighbours: against a slow loop, in batches, and where numbers are extreme."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from dynamics.evaluation import knn
from dynamics.evaluation.accuracy import top1_top5
from dynamics.evaluation.knn import class_votes
from dynamics.evaluation.recipes import KnnRecipe
from tests.references import knn as reference


def points(rng: np.random.Generator, *, bank: int = 40, queries: int = 15) -> tuple[Tensor, Tensor, Tensor]:
    made = rng.normal(size=(bank + queries, 6)).astype(np.float32)
    labels = torch.from_numpy(rng.integers(0, 7, size=bank))
    return torch.from_numpy(made[:bank]), labels, torch.from_numpy(made[bank:])


@pytest.mark.parametrize(
    ("neighbours", "temperature"), [(1, 0.07), (5, 0.07), (5, 1.0), (17, 0.3), (200, 0.1)]
)
def test_votes_are_those_of_a_slow_loop(
    neighbours: int, temperature: float, rng: np.random.Generator
) -> None:
    bank, labels, queries = points(rng)
    recipe = KnnRecipe(neighbours=neighbours, knn_temperature=temperature)
    votes = class_votes(bank, labels, queries, num_classes=7, recipe=recipe).numpy()
    slow = reference.votes(
        bank.numpy(), labels.tolist(), queries.numpy(), num_classes=7, k=neighbours, temperature=temperature
    )
    # Ours are in units of the nearest neighbour's vote.
    np.testing.assert_allclose(
        votes / votes.sum(axis=1, keepdims=True),
        slow / slow.sum(axis=1, keepdims=True),
        rtol=1e-9,
        atol=1e-12,
    )


def test_batches_change_nothing(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    bank, labels, queries = points(rng)
    whole = class_votes(bank, labels, queries, num_classes=7, recipe=KnnRecipe(neighbours=9))
    assert torch.equal(
        whole, class_votes(bank, labels, queries, num_classes=7, recipe=KnnRecipe(neighbours=9))
    )
    for queries_at_a_time, block in ((1, 1), (4, 100), (100, 7), (6, 13)):
        monkeypatch.setattr(knn, "QUERIES", queries_at_a_time)
        monkeypatch.setattr(knn, "BLOCK", block)
        apart = class_votes(bank, labels, queries, num_classes=7, recipe=KnnRecipe(neighbours=9))
        torch.testing.assert_close(apart, whole)


def test_only_directions_count(rng: np.random.Generator) -> None:
    bank, labels, queries = points(rng)
    lengths = torch.from_numpy(rng.uniform(0.1, 50, size=(55, 1)).astype(np.float32))
    scaled = class_votes(
        bank * lengths[:40], labels, queries * lengths[40:], num_classes=7, recipe=KnnRecipe()
    )
    torch.testing.assert_close(
        scaled, class_votes(bank, labels, queries, num_classes=7, recipe=KnnRecipe()), rtol=1e-4, atol=1e-6
    )


def test_one_neighbour_is_that_of_scikit_learn() -> None:
    images, classes = load_digits(return_X_y=True)
    bank, queries = (torch.from_numpy(part.astype(np.float32)) for part in (images[:1000], images[1000:]))
    labels = torch.from_numpy(classes)
    votes = class_votes(bank, labels[:1000], queries, num_classes=10, recipe=KnnRecipe(neighbours=1))
    nearest = KNeighborsClassifier(1, metric="cosine").fit(images[:1000], classes[:1000])
    assert top1_top5(votes, labels[1000:])[0] == pytest.approx(
        nearest.score(images[1000:], classes[1000:]), abs=2e-3
    )


def test_a_small_temperature_is_the_nearest_neighbour_alone(rng: np.random.Generator) -> None:
    bank, labels, queries = points(rng)
    cold = class_votes(bank, labels, queries, num_classes=7, recipe=KnnRecipe(knn_temperature=1e-6))
    alone = class_votes(bank, labels, queries, num_classes=7, recipe=KnnRecipe(neighbours=1))
    assert torch.isfinite(cold).all()
    assert torch.equal(cold.argmax(dim=1), alone.argmax(dim=1))


def test_features_that_are_all_zero_are_like_nothing(rng: np.random.Generator) -> None:
    bank, labels, _ = points(rng)
    votes = class_votes(bank, labels, torch.zeros(1, 6), num_classes=7, recipe=KnnRecipe())
    torch.testing.assert_close(votes[0], torch.bincount(labels, minlength=7).double())


def test_features_that_all_but_coincide_are_told_apart(rng: np.random.Generator) -> None:
    """As those of an encoder before training: cosines differ from 1 by less than float32 can say."""
    bank, labels, queries = points(rng)
    bank, queries = 1 + 1e-4 * bank, 1 + 1e-4 * queries
    votes = class_votes(bank, labels, queries, num_classes=7, recipe=KnnRecipe(neighbours=3))
    slow = reference.votes(
        bank.numpy(), labels.tolist(), queries.numpy(), num_classes=7, k=3, temperature=0.07
    )
    np.testing.assert_allclose(votes / 3, slow / slow.sum(axis=1, keepdims=True), rtol=1e-5)


def test_bytes_are_as_good_as_fractions(rng: np.random.Generator) -> None:
    pixels = torch.from_numpy(rng.integers(0, 256, size=(30, 12), dtype=np.uint8))
    labels = torch.arange(30) % 7
    as_bytes, scaled = (
        class_votes(rows, labels, rows, num_classes=7, recipe=KnnRecipe(neighbours=4))
        for rows in (pixels, pixels / 255)
    )
    torch.testing.assert_close(as_bytes, scaled, rtol=1e-4, atol=1e-6)
