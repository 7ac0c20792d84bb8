# SPDX-License-Identifier: Apache-2.0
"""Intervals over seeds and examples against their definitions; their coverage is in test_size_power."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.jackknife import (
    crossed_interval,
    groups_of,
    jackknife_interval,
    mean_intervals,
    mean_left_out,
)


def test_of_a_mean_it_is_students_interval(rng: np.random.Generator) -> None:
    values = rng.normal(size=(7, 3))
    low, high = jackknife_interval(values.mean(axis=0), mean_left_out(values), level=0.9)
    expected = stats.t.interval(0.9, 6, values.mean(axis=0), stats.sem(values, axis=0))
    np.testing.assert_allclose((low, high), expected)


def test_ends_stay_within_what_is_possible() -> None:
    these, like_these = mean_intervals(np.array([0.99, 1.0, 1.0]), np.array([0.98, 1.0, 1.0, 1.0]))
    assert these.high == like_these.high == 1 and these.low > 0.9


def test_units_that_agree_exactly_have_no_interval() -> None:
    """ "1 to 1" would claim that other seeds cannot differ."""
    these, _ = mean_intervals(np.ones(4), np.array([1.0, 1.0, 1.0]))
    assert np.isnan(these).all() and np.isnan(jackknife_interval(np.array(0.5), np.full(6, 0.5))).all()


def test_one_unit_has_no_interval() -> None:
    assert np.isnan(jackknife_interval(np.array(0.5), np.array([np.nan]))).all()
    these, like_these = mean_intervals(np.array([0.5]), np.array([0.4, 0.6]))
    assert np.isnan(these).all() and np.isnan(like_these).all()


def test_a_crossed_mean_has_the_variance_of_both(rng: np.random.Generator) -> None:
    """Of a mean over seeds and groups the three variances have a closed form; what both hold is taken off once."""
    values = rng.normal(size=(6, 5)) + rng.normal(size=5) + rng.normal(size=(6, 1))  # group, seed
    groups, seeds = values.shape
    both = (values.sum() - values.sum(0) - values.sum(1, keepdims=True) + values) / (
        (groups - 1) * (seeds - 1)
    )
    found = crossed_interval(
        np.array(values.mean()), mean_left_out(values.mean(0)), mean_left_out(values.mean(1)), both
    )
    by_seed, by_group = values.mean(0).var(ddof=1) / seeds, values.mean(1).var(ddof=1) / groups
    rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    shared = (rest**2).sum() / ((groups - 1) * (seeds - 1)) / (groups * seeds)
    dof = (by_seed + by_group) ** 2 / (by_seed**2 / (seeds - 1) + by_group**2 / (groups - 1))
    half = stats.t.ppf(0.975, dof) * np.sqrt(by_seed + by_group - shared)
    assert found == pytest.approx((values.mean() - half, values.mean() + half))


def test_groups_are_equal_and_the_same_every_time() -> None:
    assert np.bincount(groups_of(1000)).tolist() == [32] * 8 + [31] * 24
    np.testing.assert_array_equal(groups_of(1000), groups_of(1000))
    assert len(set(groups_of(7).tolist())) == 7
