import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.noise_floor import expected_distance
from tests.references import noise_distance


@pytest.mark.parametrize(("p0", "averaged"), [(0.289, 0.046), (0.532, 0.050), (0.751, 0.044)])
def test_error_of_equally_hard_examples(rng: np.random.Generator, p0: float, averaged: float) -> None:
    """At K = 1024, N = 30, M = 10: a floor near 0.005, and ten times that where r averages N * M."""
    floor = expected_distance(1024, trials=30, noise_trials=30, p0=p0, rng=rng)
    assert 0.0040 < floor.mean < 0.0055
    assert expected_distance(1024, trials=300, noise_trials=30, p0=p0, rng=rng).mean == pytest.approx(
        averaged, abs=0.0007
    )


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(1, 12), st.floats(0.05, 0.95))
def test_it_is_the_exact_expectation(examples: int, trials: int, noise_trials: int, p0: float) -> None:
    rng = np.random.default_rng(0)
    found = expected_distance(examples, trials=trials, noise_trials=noise_trials, p0=p0, rng=rng, draws=800)
    exact = noise_distance.expected_distance(examples, trials, noise_trials, p0)
    assert found.mean == pytest.approx(exact, abs=5 * found.sd / np.sqrt(800))


@pytest.mark.parametrize("p0", [0.0, 1.0])
def test_nothing_or_everything_learnt_has_no_error(rng: np.random.Generator, p0: float) -> None:
    result = expected_distance(100, trials=30, noise_trials=30, p0=p0, rng=rng)
    assert (result.mean, result.sd) == (0.0, 0.0)


def test_too_few_draws_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="draws"):
        expected_distance(100, trials=30, noise_trials=30, p0=0.5, rng=rng, draws=1)
