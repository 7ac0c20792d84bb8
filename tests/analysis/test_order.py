# SPDX-License-Identifier: Apache-2.0
"""The order in which examples are learnt: scores against loops, agreement against scipy."""

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from scipy import stats

from analysis import order
from analysis.framework.example import example_study
from analysis.statistics.learning_order import SCORES, learning_order
from dynamics.errors import UserError
from tests.analysis.studies import opened, rising, write


def by_hand(right: list[bool]) -> tuple[float, int, int, int]:
    epochs = len(right)
    first = next((t for t in range(1, epochs + 1) if right[t - 1]), epochs + 1)
    good = next((t for t in range(1, epochs + 1) if all(right[t - 1 :])), epochs + 1)
    forgotten = sum(before and not after for before, after in pairwise(right))
    return sum(right) / epochs, first, good, forgotten


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=5)))
def test_scores_are_those_of_every_augmented_example(answers: np.ndarray) -> None:
    """(epoch, seed, augmentation, example)."""
    found = learning_order(iter(answers))
    _, seeds, augmentations, examples = answers.shape
    for i in range(seeds):
        for k in range(examples):
            each = [by_hand(answers[:, i, j, k].tolist()) for j in range(augmentations)]
            assert [score[i, k] for score in found] == pytest.approx(np.mean(each, axis=0))


def test_without_an_epoch_there_is_no_order() -> None:
    with pytest.raises(ValueError, match="no epoch"):
        learning_order(iter([]))


def test_a_number_of_permutations_is_checked_before_anything_is_read() -> None:
    with pytest.raises(UserError, match="permutations must be from 1 to 1000000, got 0"):
        order.analyse(example_study(), permutations=0)


def test_agreement_is_the_mean_rank_correlation(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rising(rng, seeds=5)
    write(tmp_path, "simclr", correct)
    write(tmp_path, "supervised", rising(rng, seeds=5))
    result = order.analyse(opened(tmp_path), permutations=99)
    scores = learning_order(np.swapaxes(correct[:, :, 0], 0, 1))
    for name, values in scores._asdict().items():
        row = next(
            row
            for row in result.rows
            if (row["method"], row["other"], row["score"]) == ("simclr", "simclr", name)
        )
        pairs = [stats.spearmanr(values[i], values[j]).statistic for i, j in combinations(range(5), 2)]
        assert row["seeds_rho"] == pytest.approx(np.mean(pairs))
        assert row["reliability"] == pytest.approx(5 * np.mean(pairs) / (1 + 4 * np.mean(pairs)))
        np.testing.assert_allclose(result.arrays[f"simclr.{name}"], values.mean(axis=0))
    assert [len(table.rows) for table in order.tables(result)] == [2 * len(SCORES), len(SCORES)]


def test_seeds_without_a_common_order_do_not_agree(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rng.random((6, 8, 1, 2, 200)) < np.linspace(0.1, 0.9, 8)[:, None, None, None])
    result = order.analyse(opened(tmp_path), permutations=199)
    assert all(abs(row["seeds_rho"]) < 0.08 and row["permutation_p"] > 0.002 for row in result.rows)


def test_the_area_is_more_reliable_than_one_epoch(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rising(rng, seeds=6, augmentations=1, epochs=20, examples=200)
    write(tmp_path, "supervised", correct)
    area = next(row for row in order.analyse(opened(tmp_path), permutations=9).rows if row["score"] == "area")
    one = order.mean_correlation(stats.rankdata(correct[:, 10, 0, 0], axis=1))
    assert area["seeds_rho"] > one + 0.2
