# SPDX-License-Identifier: Apache-2.0
"""The split between examples and augmentations, from snapshots to rows."""

from pathlib import Path

import numpy as np
import pytest

from analysis import augmentations
from analysis.framework import results
from analysis.statistics.variance_components import variance_components
from dynamics.errors import UserError
from tests.analysis.studies import STUDY, command, opened, rising, write


def test_rows_and_arrays(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rising(rng, views=2)
    write(tmp_path, "simclr", correct)
    result = augmentations.analyse(opened(tmp_path))
    assert [row["targets"] for row in result.rows] == [[0.25], [0.5], [0.75]]
    means = correct[:, :, 0].mean(axis=(0, 2, 3))
    for at, row in enumerate(result.rows):
        assert row["epoch"] == 1 + int(np.argmax(means >= row["targets"][0]))
        first = correct[:, row["epoch"] - 1, 0]
        found = variance_components(first)
        assert row["var_example"] == found.example and row["var_augmentation"] == found.augmentation
        assert row["augmentation_share_low"] < row["augmentation_share"] < row["augmentation_share_high"]
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


def test_one_augmentation_is_left_out(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rising(rng))
    write(tmp_path, "random-labels", rising(rng, augmentations=1))
    result = augmentations.analyse(opened(tmp_path))
    assert {row["method"] for row in result.rows} == {"simclr"}
    assert set(result.inputs) == {"simclr", "random-labels"}
    (table,) = augmentations.tables(result)
    assert "random labels has one augmentation of each example: nothing to split" in table.notes


def test_targets_that_are_not_reached(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rising(rng)[:, :7])
    result = augmentations.analyse(opened(tmp_path))
    assert [row["targets"] for row in result.rows] == [[0.25], [0.5]]
    assert len(result.arrays["simclr.mean_counts"]) == 2
    (table,) = augmentations.tables(result)
    assert "SimCLR never reaches a mean r_t of 0.75" in table.notes


def test_one_seed_has_rows_without_a_split(
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "runs", "simclr", rising(rng, seeds=1))
    assert command("augmentations", tmp_path / "runs", monkeypatch) == 0
    assert "intervals need three seeds" in capsys.readouterr().out
    read = results.read(tmp_path / "results" / STUDY, "augmentations")
    assert len(read.rows) == 3 and all(row["var_example"] is None for row in read.rows)


def test_reasons_not_to_apply(
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "a", "random-labels", rising(rng, augmentations=1))
    write(tmp_path / "b", "simclr", np.zeros((3, 2, 1, 2, 9), dtype=bool))
    for runs, reason in ((tmp_path / "a", "several augmentations"), (tmp_path / "b", "simclr gets to 0.000")):
        assert reason in str(augmentations.applies(opened(runs)))
        with pytest.raises(UserError, match=reason):
            augmentations.analyse(opened(runs))
        assert command("augmentations", runs, monkeypatch) == 2
        assert capsys.readouterr().err.count("\n") == 1
    write(tmp_path / "c", "simclr", rising(rng))
    assert augmentations.applies(opened(tmp_path / "c")) is None
    with pytest.raises(UserError, match=r"reaches a mean r_t of 0\.99"):
        augmentations.analyse(opened(tmp_path / "c"), targets=[0.99])


def test_the_same_seeds_give_the_same_numbers(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rising(rng, seeds=9))
    first, second = (augmentations.analyse(opened(tmp_path)) for _ in range(2))
    assert first.rows == second.rows
    other = augmentations.analyse(opened(tmp_path), random_state=1).rows[0]
    assert other["var_example"] == first.rows[0]["var_example"]
    assert other["var_example_low"] != first.rows[0]["var_example_low"]
