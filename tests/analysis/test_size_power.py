# SPDX-License-Identifier: Apache-2.0
"""A reduced version of simulate_size_power: sizes, power and coverage where seeds differ and augmentations matter."""

import numpy as np
import pytest

from tests.analysis.simulate_size_power import (
    ABSENT,
    KINDS,
    NOTHING,
    PRESENT,
    covered,
    covered_correlation,
    covered_example_correlation,
    covered_memory,
    rejected,
)

SIZES = {"augmentations": 3, "examples": 96}


@pytest.mark.parametrize("seeds", [5, 8])
@pytest.mark.parametrize("null", NOTHING)
def test_classes_that_do_not_differ_are_rarely_said_to(
    null: str, seeds: int, rng: np.random.Generator
) -> None:
    """Of 300 studies at most 27: with a size of .05, more come up once in a thousand times."""
    assert rejected("classes, F'", NOTHING[null], rng, studies=300, seeds=seeds, **SIZES) <= 0.09


@pytest.mark.parametrize("seeds", [5, 8])
@pytest.mark.parametrize("null", ABSENT["examples, F'"])
def test_examples_that_do_not_differ_are_rarely_said_to(
    null: str, seeds: int, rng: np.random.Generator
) -> None:
    assert rejected("examples, F'", NOTHING[null], rng, studies=300, seeds=seeds, **SIZES) <= 0.09


@pytest.mark.parametrize("test", PRESENT)
def test_effects_are_seen(test: str, rng: np.random.Generator) -> None:
    assert rejected(test, PRESENT[test], rng, studies=60, seeds=8, **SIZES) >= 0.7


@pytest.mark.parametrize(
    ("test", "null"),
    [
        ("permutation within seeds, r", "augmentations differ"),
        ("classes, F of these seeds", "seeds favour classes"),
    ],
)
def test_what_version_0_1_took_for_effects(test: str, null: str, rng: np.random.Generator) -> None:
    """These tests hold for other questions: whether augmented examples differ, and for the given seeds alone."""
    assert rejected(test, NOTHING[null], rng, studies=20, seeds=8, **SIZES) > 0.8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seeds", [5, 8])
def test_intervals_hold_what_they_should(kind: str, seeds: int, rng: np.random.Generator) -> None:
    """Of 150 at least 132: with a coverage of .95, fewer come up once in a thousand times."""
    found = covered(KINDS[kind], rng, studies=150, seeds=seeds, **SIZES)
    assert min(one.holds for one in found.values()) >= 0.88, found


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [5, 8])
def test_intervals_about_memory_and_mates_hold_what_they_should(seeds: int, rng: np.random.Generator) -> None:
    found = covered_memory(rng, studies=150, seeds=seeds, examples=96)
    assert min(one.holds for one in found.values()) >= 0.88, found
    assert max(one.absent for one in found.values()) <= 0.02, found


def test_intervals_of_correlations_hold_the_planted_one(rng: np.random.Generator) -> None:
    assert covered_correlation(rng, studies=150, seeds=8, examples=200).holds >= 0.88


@pytest.mark.parametrize("same", [True, False])
def test_intervals_of_correlations_under_any_augmentations_do(same: bool, rng: np.random.Generator) -> None:
    sizes = {"seeds": 5, "examples": 200, "augmentations": 4}
    assert covered_example_correlation(rng, studies=150, same=same, **sizes).holds >= 0.88
