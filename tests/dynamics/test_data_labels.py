# SPDX-License-Identifier: Apache-2.0
"""The permutation of random labels, and subsets that balance classes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dynamics.data import permuted_labels
from dynamics.data._labels import balanced_subset, rank_within_class

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=40).map(lambda v: np.array(v, dtype=np.int64))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_permutation_keeps_every_count_and_is_decided_by_its_generator() -> None:
    labels = torch.arange(10).repeat_interleave(1000)
    before = labels.clone()
    dealt = permuted_labels(labels, seeded(0))
    assert torch.equal(labels, before)
    assert torch.equal(dealt.bincount(), labels.bincount())
    assert torch.equal(dealt, permuted_labels(labels, seeded(0)))
    assert not torch.equal(dealt, permuted_labels(labels, seeded(1)))


def test_permuted_labels_tell_nothing_of_the_true_ones() -> None:
    labels = torch.arange(10).repeat(1000)
    kept = [float((permuted_labels(labels, seeded(seed)) == labels).double().mean()) for seed in range(50)]
    # One in ten stays by chance: 10 000 draws, nearly independent, so 0.003 a permutation, 50 of them.
    assert np.mean(kept) == pytest.approx(0.1, abs=4 * 0.003 / 50**0.5)
    assert np.std(kept) == pytest.approx(0.003, rel=0.5)


@given(LABELS)
def test_the_rank_counts_earlier_examples_of_the_class(labels: np.ndarray) -> None:
    slow = [int((labels[:index] == label).sum()) for index, label in enumerate(labels)]
    assert rank_within_class(labels).tolist() == slow


def dealt_in_rounds(labels: np.ndarray, n: int) -> list[int]:
    """Let the classes take turns, each giving its next example, until there are n."""
    waiting = {label: list(np.flatnonzero(labels == label)) for label in range(labels.max() + 1)}
    chosen: list[int] = []
    while len(chosen) < n:
        for examples in waiting.values():
            if examples and len(chosen) < n:
                chosen.append(int(examples.pop(0)))
    return sorted(chosen)


@given(LABELS, st.data())
def test_a_subset_is_what_classes_deal_in_turns(labels: np.ndarray, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(labels)))
    assert balanced_subset(labels, n).tolist() == dealt_in_rounds(labels, n)


@pytest.mark.parametrize("n", [-1, 0, 4])
def test_a_subset_larger_than_the_data_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"n is {n}: choose 1 to 3"):
        balanced_subset(np.array([0, 1, 1]), n)
