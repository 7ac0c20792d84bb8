"""Which labels fine-tuning sees: as many of each class, small shares within large ones, another draw a seed."""

import itertools

import numpy as np
import pytest
import torch

from dynamics.errors import UserError
from dynamics.evaluation.choose import choose_labels
from dynamics.evaluation.recipes import EvaluationRecipe, KnnRecipe


def labels(classes: int = 10, each: int = 100) -> torch.Tensor:
    return torch.arange(classes).repeat_interleave(each)


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 1.0])
def test_classes_are_balanced(fraction: float) -> None:
    chosen = choose_labels(labels(), fraction, num_classes=10, seed=0)
    assert np.bincount(labels()[chosen]).tolist() == [round(100 * fraction)] * 10
    assert torch.equal(chosen, chosen.unique())


def test_a_remainder_goes_to_the_first_classes() -> None:
    chosen = choose_labels(labels(3, 100), 0.0367, num_classes=3, seed=0)
    assert np.bincount(labels(3, 100)[chosen]).tolist() == [4, 4, 3]


def test_a_small_class_gives_all_it_has() -> None:
    uneven = torch.cat([torch.zeros(3), torch.ones(97)]).long()
    chosen = choose_labels(uneven, 0.2, num_classes=2, seed=1)
    assert np.bincount(uneven[chosen]).tolist() == [3, 17]


def test_a_small_share_is_within_a_large_one() -> None:
    for seed in range(5):
        shares = [
            set(choose_labels(labels(), share, num_classes=10, seed=seed).tolist())
            for share in (0.01, 0.013, 0.1, 0.7, 1.0)
        ]
        assert all(one <= two for one, two in itertools.pairwise(shares))


def test_the_seed_decides() -> None:
    draws = [choose_labels(labels(), 0.1, num_classes=10, seed=seed).tolist() for seed in range(200)]
    assert draws[7] == choose_labels(labels(), 0.1, num_classes=10, seed=7).tolist()
    assert len({tuple(draw) for draw in draws}) == 200
    # Each example is in a tenth of the draws: binomial, standard deviation sqrt(200 * 0.1 * 0.9) = 4.2.
    counts = np.bincount(np.concatenate(draws), minlength=1000)
    assert counts.min() > 0 and counts.max() < 45
    assert 3.7 < counts.std() < 4.8


def test_an_order_of_the_labels_does_not_unbalance(rng: np.random.Generator) -> None:
    mixed = labels()[torch.from_numpy(rng.permutation(1000))]
    chosen = choose_labels(mixed, 0.05, num_classes=10, seed=0)
    assert np.bincount(mixed[chosen]).tolist() == [5] * 10


@pytest.mark.parametrize(("classes", "each", "fraction"), [(10, 38, 0.01), (7, 11, 0.02), (200, 5, 0.1)])
def test_the_error_names_the_least_share_that_works(classes: int, each: int, fraction: float) -> None:
    with pytest.raises(UserError, match=f"label of each of the {classes} classes") as caught:
        choose_labels(labels(classes, each), fraction, num_classes=classes, seed=0)
    least = float(str(caught.value).split("must be >= ")[1].split()[0])
    chosen = choose_labels(labels(classes, each), least, num_classes=classes, seed=0)
    assert np.bincount(labels(classes, each)[chosen]).min() >= 1
    assert round((least - 2e-4) * classes * each) <= classes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fraction": 0.0}, r"fraction must be in \(0, 1\], got 0.0"),
        ({"fraction": 1.5}, r"fraction must be in \(0, 1\], got 1.5"),
        ({"fraction": float("nan")}, r"fraction must be in \(0, 1\], got nan"),
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"batch_size": 1}, "batch_size must be >= 2, got 1"),
        ({"min_steps": -1}, "min_steps must be >= 0, got -1"),
        ({"lr": 0.0}, "lr must be > 0, got 0.0"),
        ({"encoder_lr": float("inf")}, "encoder_lr must be > 0, got inf"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"weight_decay": -0.1}, "weight_decay must be >= 0, got -0.1"),
    ],
)
def test_wrong_recipes_are_said(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        EvaluationRecipe(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes", [{"neighbours": 0}, {"knn_temperature": 0.0}, {"knn_temperature": np.inf}]
)
def test_wrong_neighbours_are_said(changes: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"^{next(iter(changes))} must be"):
        KnnRecipe(**changes)  # type: ignore[arg-type]
