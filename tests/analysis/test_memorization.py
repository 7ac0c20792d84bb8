# SPDX-License-Identifier: Apache-2.0
"""m(x): against loops, planted values, coverage by simulation, and networks that remember labels which mean nothing."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis import memorization as analysis_of
from analysis.statistics.memorization import could_be_clear, memorization
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.opening import open_study
from tests.references.simulated_studies import twins
from tests.trained import trained_here


def test_it_is_the_difference_of_means_example_by_example(rng: np.random.Generator) -> None:
    answers, seen = twins(rng, rng.random(40) / 2, seeds=6)
    found = memorization(answers, seen)
    for x in range(40):
        sides = answers[seen[:, x], x], answers[~seen[:, x], x]
        expected = sides[0].mean() - sides[1].mean() if len(sides[0]) and len(sides[1]) else np.nan
        np.testing.assert_allclose(found.m[x], expected)
    assert np.isnan(found.m).any() and found.mean == pytest.approx(np.nanmean(found.m))


def test_left_out_seeds_are_left_out(rng: np.random.Generator) -> None:
    answers, seen = twins(rng, rng.random(100) / 2, seeds=7)
    found = memorization(answers, seen)
    values = np.array(
        [memorization(np.delete(answers, s, axis=0), np.delete(seen, s, axis=0)).mean for s in range(7)]
    )
    half = stats.t.isf(0.025, 6) * np.sqrt(6 / 7 * ((values - values.mean()) ** 2).sum())
    np.testing.assert_allclose(
        found.mean_intervals.these_examples, [found.mean - half, found.mean + half], rtol=1e-9
    )


def test_a_planted_m_is_recovered(rng: np.random.Generator) -> None:
    m = rng.choice([0.0, 0.6], size=1000)
    found = memorization(*twins(rng, m, seeds=30))
    assert found.mean == pytest.approx(m.mean(), abs=0.03)
    assert found.sd == pytest.approx(m.std(), abs=0.03)  # .3, while that of the estimates is .36
    assert np.nanstd(found.m) > 0.33
    assert np.corrcoef(found.m, m)[0, 1] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "augmentations"), [(8, 1), (30, 1), (8, 10), (30, 10)])
def test_the_interval_of_an_example_holds(seeds: int, augmentations: int) -> None:
    """Each has its own: conservative where an answer is a mean over augmentations."""
    covered = []
    for study in range(40):
        rng = np.random.default_rng(study)
        m = rng.uniform(0, 0.6, 300)
        found = memorization(*twins(rng, m, seeds=seeds, augmentations=augmentations))
        known = np.isfinite(found.m)
        covered.append(((found.interval.low <= m) & (m <= found.interval.high))[known].mean())
    assert np.mean(covered) >= 0.93
    if augmentations == 1:
        assert np.mean(covered) <= 0.985


@pytest.mark.slow
def test_labels_that_mean_nothing_are_remembered_and_nothing_is_at_first(tmp_path: Path) -> None:
    """Real networks: what a permutation of labels has taught holds for the very images alone."""
    study = trained_here(
        tmp_path, "random-labels", range(4), hold_out=0.4, epochs=40, train_examples=128, panel_examples=96,
        schedule_period=80, label_seed=3,
    )  # fmt: skip
    rows = analysis_of.analyse(study).rows
    assert rows[0]["mean_m_these_examples_low"] < 0.1
    assert rows[-1]["mean_r_trained"] > 0.9
    assert rows[-1]["mean_m"] > 0.75


def write(runs: Path, seen: np.ndarray | None) -> None:
    for seed in range(4):
        known = None if seen is None else {"in_training": seen[seed]}
        snapshots.write_finished(
            snapshots.seed_folder(runs, "s", "mine", seed),
            method="mine", seed=seed, correct=np.random.default_rng(seed).random((2, 1, 1, 5)) < 0.5, further=known,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("seeds", "seen_by", "clear"), [(4, 2, False), (6, 3, True), (5, 2, False), (12, 8, True)]
)
def test_few_seeds_cannot_show_that_an_example_is_remembered(seeds: int, seen_by: int, clear: bool) -> None:
    """Not even if it is, entirely; then it is not counted among those that are not."""
    seen = np.tile((np.arange(seeds) < seen_by)[:, None], (1, 40))
    assert (could_be_clear(seen) == clear).all()
    row = analysis_of.row(memorization(seen.astype(float), seen), seen)
    assert (row["clear_examples"], row["clearly_remembered"]) == ((40, 1.0) if clear else (0, None))


def test_chance_rarely_looks_like_memory() -> None:
    found = []
    for study in range(60):
        rng = np.random.default_rng(study)
        answers, seen = twins(rng, np.zeros(200), seeds=12)
        found.append(analysis_of.row(memorization(answers, seen), seen)["clearly_remembered"])
    assert np.mean(found) <= 0.025


def test_it_says_where_seeds_are_few(tmp_path: Path) -> None:
    seen = np.ones((4, 5), bool)
    seen[:2, 1] = False
    seen[:, 4] = False
    write(tmp_path, seen)
    found = analysis_of.analyse(open_study(tmp_path / "s"))
    assert (found.rows[0]["examples"], found.rows[0]["few_seeds"]) == (1, 1)
    assert np.isnan(found.arrays["mine.m"][:, [0, 4]]).all()
    assert found.arrays["mine.seeds_left_out"].tolist() == [0, 2, 0, 0, 4]
    assert "fewer than 3 seeds with or without x for 1 of 1 example" in found.tables()[0].notes[0]


@pytest.mark.parametrize("kind", ["absent", "all", "always the same"])
def test_seeds_that_saw_the_same_have_no_m(kind: str, tmp_path: Path) -> None:
    seen = np.ones((4, 5), bool)
    seen[:, 0] = kind != "always the same"
    write(tmp_path, None if kind == "absent" else seen)
    with pytest.raises(UserError, match=r"left out by another: train some seeds with hold_out 0\.3"):
        analysis_of.analyse(open_study(tmp_path / "s"))
