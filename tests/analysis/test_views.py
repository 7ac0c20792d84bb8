# SPDX-License-Identifier: Apache-2.0
"""First against second views, from snapshots to rows."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis import views
from dynamics.errors import UserError
from tests.analysis.studies import command, opened, rising, write


def test_rows_and_arrays(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rising(rng, views=2)
    write(tmp_path, "simclr", correct)
    write(tmp_path, "supervised", rising(rng))
    result = views.analyse(opened(tmp_path))
    assert [(row["kind"], row["epoch"]) for row in result.rows] == [
        (kind, epoch) for kind in ("averaged", "one pair") for epoch in (1, 2, 5, 12)
    ]
    assert result.settings["one_view"] == ["supervised"]
    for row in result.rows:
        own = correct[:, row["epoch"] - 1]
        own = own if row["kind"] == "averaged" else own[:, :, :1]
        first, second = own.mean(axis=(0, 2))
        assert row["trials"] == (12 if row["kind"] == "averaged" else 4)
        assert row["mae"] == pytest.approx(np.mean(np.abs(first - second)))
        assert row["pearson"] == pytest.approx(stats.pearsonr(first, second).statistic)
        assert row["spearman"] == pytest.approx(stats.spearmanr(first, second).statistic)
        assert row["mean_first"] == pytest.approx(first.mean())
        assert row["mae_if_swapped"] > 0 and row["mae_if_equal"] > 0
        counts = result.arrays[f"simclr.{row['kind']}"][[1, 2, 5, 12].index(row["epoch"])]
        np.testing.assert_array_equal(counts / row["trials"], [first, second])


def test_one_augmentation_is_compared_once(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rising(rng, views=2, augmentations=1))
    write(tmp_path, "vicreg", rising(rng, views=2, augmentations=3))
    result = views.analyse(opened(tmp_path), epochs=[2, 5])
    assert [row["kind"] for row in result.rows if row["method"] == "simclr"] == ["one pair"] * 2
    assert len([row for row in result.rows if row["method"] == "vicreg"]) == 4
    assert "simclr.averaged" not in result.arrays


def test_epochs_that_are_asked_for(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rising(rng, views=2))
    assert {row["epoch"] for row in views.analyse(opened(tmp_path), epochs=[7, 3]).rows} == {3, 7}
    with pytest.raises(UserError, match="no epoch 13"):
        views.analyse(opened(tmp_path), epochs=[13])


def test_nothing_learnt_has_no_correlation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "runs", "simclr", np.zeros((1, 1, 2, 1, 9), dtype=bool))
    assert command("views", tmp_path / "runs", monkeypatch) == 0
    row = views.analyse(opened(tmp_path / "runs")).rows[0]
    assert row["mae"] == 0 == row["mae_if_equal"] == row["mae_if_swapped"]
    assert np.isnan(row["pearson"])


def test_a_study_without_pairs(
    tmp_path: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path, "supervised", rising(rng))
    assert "two views" in str(views.applies(opened(tmp_path)))
    assert command("views", tmp_path, monkeypatch) == 2
    error = capsys.readouterr().err
    assert "no method in study made-up has two views" in error and error.count("\n") == 1
    write(tmp_path, "simclr", rising(rng, views=2))
    assert views.applies(opened(tmp_path)) is None
    assert command("views", tmp_path, monkeypatch, "--epochs", "99") == 2
    assert "simclr has no epoch 99" in capsys.readouterr().err
