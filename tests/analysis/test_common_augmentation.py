# SPDX-License-Identifier: Apache-2.0
"""Augmentations that are the same transform for all examples are told from those that are drawn for each anew."""

from pathlib import Path

import numpy as np
from scipy import stats

from analysis import augmentations
from analysis.statistics.common_augmentation import ALIKE, common_effect
from dynamics.opening import open_study
from tests.analysis.studies import write

EXAMPLES = 120


def answers(rng: np.random.Generator, effects: np.ndarray, seeds: int = 8) -> np.ndarray:
    """Examples of unequal difficulty; an augmentation's effect is drawn for each, beside one that all share."""
    own = rng.normal(0, 0.8, size=(len(effects), EXAMPLES))
    logits = rng.normal(0, 1.5, size=EXAMPLES) + own + effects[:, np.newaxis]
    return rng.random((seeds, *logits.shape)) < 1 / (1 + np.exp(-logits))


def test_it_is_that_of_an_analysis_of_variance(rng: np.random.Generator) -> None:
    """By sums over cells, and for two augmentations by the paired t-test, whose square F is."""
    correct = answers(rng, np.array([0.5, -0.5]))
    first, second = correct.mean(axis=0)
    assert np.isclose(common_effect(correct), stats.ttest_rel(first, second).pvalue)


def test_its_level_for_augmentations_of_each_example(rng: np.random.Generator) -> None:
    p = np.array([common_effect(answers(rng, np.zeros(3))) for _ in range(400)])
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert 0.02 < (p < 0.05).mean() < 0.09 and p.min() > ALIKE


def test_what_does_not_vary_has_none() -> None:
    assert np.isnan(common_effect(np.ones((4, 3, 9), bool))) and np.isnan(
        common_effect(np.ones((4, 1, 9), bool))
    )
    split = np.broadcast_to(np.array([True, False])[:, np.newaxis], (4, 2, 9))
    assert common_effect(split) == 0


def test_a_study_with_common_augmentations_is_told(tmp_path: Path, rng: np.random.Generator) -> None:
    """Without a word F' said that examples which do differ do not, and the share of augmentations was above 1."""
    for method, effects in (("drawn", np.zeros(3)), ("common", np.array([2.0, -2.0, -5.0]))):
        logits = rng.normal(0, 1.5, size=EXAMPLES) + rng.normal(0, 0.3, size=(3, EXAMPLES)) + effects[:, None]
        right = rng.random((6, *logits.shape)) < 1 / (1 + np.exp(-logits))
        write(tmp_path, method, right[:, None, None], study="s")
    result = augmentations.analyse(open_study(tmp_path / "s"))
    assert result.settings["common"] == ["common"]
    for table in result.tables():
        assert [note for note in table.notes if "for all examples alike" in note] == [
            "common: some augmentations are easier for all examples alike (p < 1e-06), not drawn for each anew: F', "
            "components, fractions and generalizability do not hold"
        ]
