# SPDX-License-Identifier: Apache-2.0
"""Does a stratified share keep the proportions of the classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.stratified import stratified_share


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=80),
    st.floats(0.01, 1),
    st.integers(0, 100),
)
def test_each_class_gives_its_share(classes: list[int], share: float, seed: int) -> None:
    labels = np.array(classes, dtype=np.int64)
    chosen = stratified_share(labels, share, np.random.default_rng(seed))
    assert (np.diff(chosen) > 0).all()
    for label in np.unique(labels):
        count = int((labels == label).sum())
        assert (labels[chosen] == label).sum() == max(1, round(share * count))


def test_every_example_is_as_likely() -> None:
    labels = np.repeat(np.arange(3), 8)
    counts = np.zeros(24)
    for seed in range(2000):
        counts[stratified_share(labels, 0.25, np.random.default_rng(seed))] += 1
    assert np.abs(counts / 2000 - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / 2000)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        stratified_share(np.arange(5), share, np.random.default_rng(0))
