# SPDX-License-Identifier: Apache-2.0
"""The interval of a standard deviation over examples: against leaving out one at a time, and by simulation."""

import numpy as np
import pytest

from analysis.statistics.jackknife import crossed_interval, groups_of
from analysis.statistics.spread import spread


def test_it_is_the_jackknife_of_the_standard_deviation(rng: np.random.Generator) -> None:
    answers, groups = rng.random((5, 70)), groups_of(70)
    found = spread(answers)
    assert found.sd == pytest.approx(answers.mean(axis=0).std())
    seeds = [np.delete(answers, seed, axis=0) for seed in range(5)]

    def without(values: np.ndarray) -> list[float]:
        return [float(values[:, groups != group].mean(axis=0).std()) for group in range(32)]

    expected = crossed_interval(
        np.array(found.sd),
        np.array([own.mean(axis=0).std() for own in seeds]),
        np.array(without(answers)),
        np.array([without(own) for own in seeds]).T,
    )
    np.testing.assert_allclose(found.examples_like_these, expected)


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_have_no_interval(seeds: int, rng: np.random.Generator) -> None:
    assert np.isnan(spread(rng.random((seeds, 40))).examples_like_these).all()


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [5, 8, 30])
def test_it_holds_for_other_seeds_and_examples(seeds: int) -> None:
    rng = np.random.default_rng(seeds)

    def study(examples: int) -> np.ndarray:
        p = rng.beta(2, 2, size=examples) + rng.normal(0, 0.05, size=(seeds, 1))
        return rng.binomial(3, np.clip(p + rng.normal(0, 0.15, size=(seeds, examples)), 0, 1)) / 3

    truth = np.sqrt(np.mean([study(20_000).mean(axis=0).var() for _ in range(40)]))
    held = [
        low <= truth <= high for low, high in (spread(study(128)).examples_like_these for _ in range(600))
    ]
    assert 0.92 <= np.mean(held) <= 0.98
