# SPDX-License-Identifier: Apache-2.0
"""Differences between classes, from snapshots to rows."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis import classes
from dynamics.errors import UserError
from tests.analysis.studies import STUDY, command, opened, rising, write

NAMES = ["cat", "dog", "ship"]


def labelled(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Answers that depend on the class, and the classes; cat is the hardest."""
    labels = rng.integers(0, 3, size=90)
    p = np.linspace(0.2, 0.8, 6)[:, None, None, None] + 0.1 * (labels - 1)
    return rng.random((4, 6, 1, 2, 90)) < p, labels


def test_rows_and_arrays(tmp_path: Path, rng: np.random.Generator) -> None:
    correct, labels = labelled(rng)
    write(tmp_path, "supervised", correct, labels=labels, true_labels=labels, provenance={"classes": NAMES})
    result = classes.analyse(opened(tmp_path))
    assert [row["epoch"] for row in result.rows] == [1, 2, 3, 4, 5, 6]
    assert result.settings["classes"] == {"supervised.true": NAMES}
    r = correct[:, :, 0].mean(axis=(0, 2))
    for at, row in enumerate(result.rows):
        groups = [r[at][labels == label] for label in range(3)]
        assert row["f"] == pytest.approx(stats.f_oneway(*groups).statistic)
        assert (row["dof_between"], row["dof_within"]) == (2, 87)
        assert row["f_5_percent"] == pytest.approx(stats.f.ppf(0.95, 2, 87))
        means = [group.mean() for group in groups]
        np.testing.assert_allclose(result.arrays["supervised.true.class_mean"][at], means)
        assert row["hard_to_easy"] == [NAMES[index] for index in np.argsort(means)]
        assert row["reference_spearman"] is None
    assert result.rows[2]["hard_to_easy"] == NAMES and result.rows[2]["p"] < 1e-3


def test_random_labels_are_grouped_by_both(tmp_path: Path, rng: np.random.Generator) -> None:
    correct, labels = labelled(rng)
    write(tmp_path, "random-labels", correct, labels=labels, true_labels=rng.permutation(labels))
    result = classes.analyse(opened(tmp_path))
    assert set(result.settings["classes"]) == {"random-labels.true", "random-labels.trained"}
    assert result.settings["classes"]["random-labels.true"] == ["0", "1", "2"]
    by = {name: [row for row in result.rows if row["classes_by"] == name] for name in ("true", "trained")}
    assert by["trained"][2]["epsilon_squared"] > by["true"][2]["epsilon_squared"]


def test_order_of_classes_against_supervised(tmp_path: Path, rng: np.random.Generator) -> None:
    correct, labels = labelled(rng)
    write(tmp_path, "simclr", ~correct[:, ::-1], true_labels=labels)
    write(tmp_path, "supervised", correct, labels=labels, true_labels=labels)
    write(tmp_path, "other", correct, labels=labels + 1)
    result = classes.analyse(opened(tmp_path))
    assert result.settings["reference"] == "supervised"
    simclr = [row for row in result.rows if row["method"] == "simclr"]
    means = correct.mean(axis=(0, 2, 3, 4))
    for row in simclr:
        assert row["reference_epoch"] == 1 + np.argmin(np.abs(means - row["mean_r"]))
        assert row["reference_residual"] == pytest.approx(np.min(np.abs(means - row["mean_r"])))
    assert simclr[2]["reference_spearman"] == pytest.approx(-1)  # ~correct turns the order round
    assert all(row["reference_epoch"] is None for row in result.rows if row["method"] == "other")


def test_nothing_learnt_has_no_order(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "supervised", np.zeros((2, 1, 1, 1, 9), dtype=bool), labels=np.arange(9) % 3)
    (row,) = classes.analyse(opened(tmp_path)).rows
    assert row["hard_to_easy"] is None and np.isnan(row["f"]) and row["spread"] == 0


def test_written_table_can_be_read(
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    correct, labels = labelled(rng)
    write(tmp_path / "runs", "supervised", correct[:1], labels=labels)
    write(tmp_path / "runs", "simclr", rising(rng, views=2))
    assert command("classes", tmp_path / "runs", monkeypatch) == 0
    assert "SimCLR has no labels" in capsys.readouterr().out
    with (tmp_path / "results" / STUDY / "classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and json.loads(rows[3]["hard_to_easy"]) == ["0", "1", "2"]


def test_a_study_without_labels(
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path, "theirs", rising(rng))
    write(tmp_path, "alike", rising(rng), labels=np.zeros(60, dtype=int))
    assert "two or more labels" in str(classes.applies(opened(tmp_path)))
    with pytest.raises(UserError, match="ingest it with its labels"):
        classes.analyse(opened(tmp_path))
    assert command("classes", tmp_path, monkeypatch) == 2
    assert capsys.readouterr().err.count("\n") == 1
