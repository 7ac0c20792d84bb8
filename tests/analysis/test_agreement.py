# SPDX-License-Identifier: Apache-2.0
"""Agreement of two counts, and its expectations against enumeration and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.agreement import agreement, expected_error_independent, expected_error_paired


def test_agreement_of_known_values() -> None:
    found = agreement(np.array([0.0, 0.5, 1.0, 0.2]), np.array([0.1, 0.4, 0.8, 0.2]))
    assert found.mae == pytest.approx(0.1)
    assert found.pearson == pytest.approx(
        stats.pearsonr([0.0, 0.5, 1.0, 0.2], [0.1, 0.4, 0.8, 0.2]).statistic
    )
    assert found.spearman == pytest.approx(1)


def test_constant_probabilities_have_no_correlation() -> None:
    found = agreement(np.full(4, 0.1), np.array([0.1, 0.2, 0.3, 0.4]))
    assert found.mae == pytest.approx(0.15)
    assert np.isnan(found.pearson) and np.isnan(found.spearman)
    with pytest.raises(ValueError, match="no examples"):
        agreement(np.zeros(0), np.zeros(0))


@given(st.integers(1, 7), st.data())
def test_independent_trials_against_all_arrangements(trials: int, data: st.DataObject) -> None:
    """Given their sum, all ways to deal the right answers out to the 2n trials are equally likely."""
    counts = data.draw(
        st.lists(st.tuples(*[st.integers(0, trials)] * 2), min_size=1, max_size=3), label="counts"
    )
    mean = variance = 0.0
    for a, b in counts:
        ways = [math.comb(trials, x) * math.comb(trials, a + b - x) for x in range(min(a + b, trials) + 1)]
        distances = [abs(2 * x - a - b) for x in range(len(ways))]
        own = np.average(distances, weights=ways)
        mean += own
        variance += np.average((distances - own) ** 2, weights=ways)
    found = expected_error_independent(*np.array(counts).T, trials)
    assert found.mean == pytest.approx(mean / len(counts) / trials, abs=1e-12)
    assert found.sd == pytest.approx(math.sqrt(variance) / len(counts) / trials, abs=1e-7)


@given(st.integers(1, 6), st.integers(1, 3), st.randoms(use_true_random=False))
def test_paired_trials_against_all_swaps(trials: int, examples: int, random: object) -> None:
    rng = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    first, second = rng.random((2, trials, examples)) < 0.5
    mean = variance = 0.0
    for k in range(examples):
        steps = first[:, k].astype(int) - second[:, k]
        walks = [abs(int(np.dot(steps, signs))) for signs in itertools.product((1, -1), repeat=trials)]
        mean, variance = mean + np.mean(walks), variance + np.var(walks)
    found = expected_error_paired(first, second)
    assert found.mean == pytest.approx(mean / examples / trials, abs=1e-9)
    assert found.sd == pytest.approx(math.sqrt(variance) / examples / trials, abs=1e-6)


def test_equally_hard_views_have_the_expected_error(rng: np.random.Generator) -> None:
    p = rng.beta(0.5, 0.5, size=500)
    found, expected = [], []
    for _ in range(30):
        first, second = rng.random((2, 20, 500)) < p
        counts = first.sum(axis=0), second.sum(axis=0)
        found.append(agreement(counts[0] / 20, counts[1] / 20).mae)
        expected.append(
            (expected_error_independent(*counts, 20).mean, expected_error_paired(first, second).mean)
        )
    sd = expected_error_independent(*counts, 20).sd
    assert np.std(found) == pytest.approx(sd, rel=0.5)
    for values in np.transpose(expected):
        assert abs(np.mean(found) - np.mean(values)) < 4 * sd / math.sqrt(30)


def test_only_paired_trials_know_that_views_share_a_network(rng: np.random.Generator) -> None:
    """Both views are right together in three cases of four: half the independent error."""
    p = rng.beta(2, 2, size=1000)
    shared, own = rng.random((30, 1000)) < p, rng.random((2, 30, 1000)) < p
    first, second = np.where(rng.random((30, 1000)) < 0.75, shared, own)
    mae = np.abs(first.mean(axis=0) - second.mean(axis=0)).mean()
    paired = expected_error_paired(first, second)
    assert abs(mae - paired.mean) < 4 * paired.sd
    independent = expected_error_independent(first.sum(axis=0), second.sum(axis=0), 30)
    assert independent.mean > 1.5 * mae


def test_counts_beyond_the_trials_are_refused() -> None:
    for bad in ([-1, 2], [0, 6]):
        with pytest.raises(ValueError, match=r"0\.\.5"):
            expected_error_independent(np.array(bad), np.array([0, 1]), 5)
