# SPDX-License-Identifier: Apache-2.0
"""The split between examples and augmentations, from snapshots to rows."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis import augmentations, binomial
from analysis.framework import results
from analysis.papers.findings import Conclusion
from analysis.papers.memorization.spreads import easy_and_hard
from analysis.statistics.variance_components import example_test, variance_components
from tests.analysis.studies import STUDY, command, opened, rising, write
from tests.references.simulated_studies import crossed


def test_rows_and_arrays(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rising(rng, views=2)
    write(tmp_path, "simclr", correct)
    result = augmentations.analyse(opened(tmp_path))
    assert [row["epoch"] for row in result.rows] == list(range(1, 13))
    means = correct[:, :, 0].mean(axis=(0, 2, 3))
    for row in result.rows:
        first = correct[:, row["epoch"] - 1, 0]
        found = variance_components(first)
        assert row["var_example"] == found.example and row["var_augmentation"] == found.augmentation
        assert row["example_f"] == pytest.approx(float(example_test(first).f))
        assert row["generalizability_these_examples_low"] < row["generalizability"]
        more = 2 * row["generalizability"] - row["generalizability_more_seeds"]
        assert more < row["generalizability"] < row["generalizability_more_augmentations"]
    adjusted = stats.false_discovery_control([row["example_p"] for row in result.rows])
    assert [row["example_q"] for row in result.rows] == pytest.approx(adjusted)
    reached = [row for row in result.rows if row["targets"]]
    assert [row["targets"] for row in reached] == [[0.25], [0.5], [0.75]]
    for at, row in enumerate(reached):
        assert row["epoch"] == 1 + int(np.argmax(means >= row["targets"][0]))
        first = correct[:, row["epoch"] - 1, 0]
        counts = first.sum(axis=(0, 1))
        order = np.argsort(counts, kind="stable")
        np.testing.assert_array_equal(result.arrays["simclr.mean_counts"][at], counts[order])
        shown = result.arrays["simclr.shown"][at]
        expected = first.sum(axis=0)[:, order[shown]].T
        np.testing.assert_array_equal(result.arrays["simclr.shown_counts"][at], expected)


@pytest.mark.parametrize(("examples", "step", "shown"), [(1024, 50, 21), (128, 6, 22), (10, 1, 10)])
def test_examples_that_are_shown(
    examples: int, step: int, shown: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    write(tmp_path, "simclr", rising(rng, seeds=2, epochs=3, augmentations=2, examples=examples))
    places = augmentations.analyse(opened(tmp_path)).arrays["simclr.shown"][0]
    assert len(places) == shown and set(np.diff(places)) == {step}


def test_epochs_are_chosen_on_some_seeds_and_tested_on_others(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    correct = rising(rng, seeds=7)
    write(tmp_path, "simclr", correct)
    rows = [row for row in augmentations.analyse(opened(tmp_path)).rows if row["targets"]]
    first = correct[:, :, 0]
    for row in rows:
        epochs, p = [], []
        for chosen, tested in ((first[::2], first[1::2]), (first[1::2], first[::2])):
            at = int(np.argmax(chosen.mean(axis=(0, 2, 3)) >= row["targets"][0]))
            epochs.append(at + 1)
            p.append(float(example_test(tested[:, at]).p))
        assert row["selection_epochs"] == epochs and row["selection_p"] == pytest.approx(max(p))
    write(tmp_path, "supervised", rising(rng, seeds=3))
    few = [row for row in augmentations.analyse(opened(tmp_path)).rows if row["method"] == "supervised"]
    assert {row["selection_p"] for row in few} == {None}


def test_one_augmentation_tests_augmented_examples(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rising(rng))
    single = rising(rng, augmentations=1)
    write(tmp_path, "random-labels", single)
    result = augmentations.analyse(opened(tmp_path))
    own = [row for row in result.rows if row["method"] == "random-labels"]
    assert {row["tested"] for row in own} == {"augmented example"} != {result.rows[0]["tested"]}
    middle = own[5]
    answers = single[:, 5, 0, 0].astype(float)
    seeds, examples = answers.shape
    by_example, by_seed = answers.mean(axis=0), answers.mean(axis=1, keepdims=True)
    above = seeds * by_example.var(ddof=1)
    rest = ((answers - by_example - by_seed + answers.mean()) ** 2).sum() / ((seeds - 1) * (examples - 1))
    assert middle["example_f"] == pytest.approx(above / rest)
    assert middle["example_p"] == pytest.approx(stats.f.sf(above / rest, 59, 3 * 59))
    test, split = augmentations.tables(result)
    assert "random labels has one augmentation of each example: nothing to split" in split.notes
    assert {row["method"] for row in split.rows} == {"simclr"}
    assert any(note.startswith("random labels: augmented examples differ") for note in test.notes)


def test_examples_that_differ_by_their_augmentations_alone_do_not_differ(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """Version 0.1 called them easy and hard, at p = 7e-44."""
    augmented = crossed(rng, seeds=8, augmentations=4, examples=200, augmentation=1.5, seed=0.3).correct
    write(tmp_path, "supervised", augmented[:, np.newaxis, np.newaxis])
    study = opened(tmp_path)
    (row,) = augmentations.analyse(study).rows
    assert row["example_p"] > 0.05 and row["augmentation_share"] > 0.8
    old = binomial.analyse(study, targets=[0.25], permutations=99).rows
    assert max(one["permutation_p"] for one in old) < 0.05
    found = easy_and_hard({"augmentations": augmentations.analyse(study, targets=[0.25])})
    assert found.conclusion is Conclusion.UNDECIDED


def test_targets_that_are_not_reached(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rising(rng)[:, :7])
    result = augmentations.analyse(opened(tmp_path))
    assert [row["targets"] for row in result.rows if row["targets"]] == [[0.25], [0.5]]
    assert len(result.arrays["simclr.mean_counts"]) == 2
    _, split = augmentations.tables(result)
    assert "SimCLR never reaches a mean r_t of 0.75: choose other targets" in split.notes


def test_one_seed_has_rows_without_a_split(
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "runs", "simclr", rising(rng, seeds=1))
    assert command("augmentations", tmp_path / "runs", monkeypatch) == 0
    shown = capsys.readouterr().out
    assert "intervals need three seeds" in shown and "SimCLR: a test of examples needs two seeds" in shown
    read = results.read(tmp_path / "results" / STUDY, "augmentations")
    assert len(read.rows) == 12
    assert all(row[name] is None for row in read.rows for name in ("var_example", "example_p", "example_q"))


def test_nothing_right_has_no_test(tmp_path: Path) -> None:
    write(tmp_path, "simclr", np.zeros((3, 2, 1, 2, 9), dtype=bool))
    result = augmentations.analyse(opened(tmp_path))
    assert all(np.isnan(row["example_f"]) and row["example_q"] is None for row in result.rows)
    assert not result.arrays
