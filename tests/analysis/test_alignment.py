import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analysis.alignment import align

means = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1))


@given(means, means)
def test_equals_the_definition(reference: np.ndarray, other: np.ndarray) -> None:
    aligned = align(reference, other)
    for at, mean in enumerate(reference):
        distances = [abs(mean - value) for value in other]
        assert aligned.residual[at] == min(distances)
        assert aligned.position[at] == distances.index(min(distances))  # the first of equals


@given(means)
def test_a_method_is_aligned_with_itself(mean: np.ndarray) -> None:
    aligned = align(mean, mean)
    np.testing.assert_array_equal(mean[aligned.position], mean)
    np.testing.assert_array_equal(aligned.residual, 0)


def test_an_epoch_never_reached_has_a_large_residual() -> None:
    aligned = align(np.array([0.9]), np.array([0.1, 0.3, 0.2]))
    assert aligned.position.tolist() == [1]
    assert aligned.residual[0] == pytest.approx(0.6)
