from pathlib import Path

import numpy as np
import pytest

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.study import open_study
from runners.ingest import main


def ingest(
    tmp_path: Path, correct: np.ndarray, labels: np.ndarray | None = None, method: str = "mine"
) -> None:
    np.save(tmp_path / "correct.npy", correct)
    arguments = ["--method", method, "--correct", str(tmp_path / "correct.npy"), "--study", "s"]
    if labels is not None:
        np.save(tmp_path / "labels.npy", labels)
        arguments += ["--labels", str(tmp_path / "labels.npy")]
    assert main([*arguments, "--runs", str(tmp_path / "runs")]) == 0


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 2, 4, 5)])
def test_the_array_comes_back(tmp_path: Path, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    correct, labels = rng.random(shape) < 0.5, np.array([0, 1, 2, 0, 1], dtype=np.uint8)
    ingest(tmp_path, correct, labels)
    study = open_study(tmp_path / "runs" / "s")
    back = study.correct("mine")
    np.testing.assert_array_equal(back, correct if len(shape) == 5 else correct[:, :, None])
    np.testing.assert_array_equal(back["label"], labels)
    assert not study.notes and not any(snapshots.verify(run.folder) for run in study.runs["mine"])


@pytest.mark.parametrize(
    ("correct", "labels", "message"),
    [
        (np.zeros((2, 3, 4, 5)), None, "must hold booleans, got float64"),
        (np.zeros((2, 3, 4), bool), None, r"must have the axes \(seed, epoch.*, got shape \(2, 3, 4\)"),
        (np.zeros((2, 0, 4, 5), bool), None, "at least one entry along every axis"),
        (np.zeros((2, 3, 4, 5), bool), np.zeros(4, int), "one label per example, got"),
        (np.zeros((2, 3, 4, 5), bool), np.zeros(5), "must hold integers, got float64"),
    ],
)
def test_wrong_arrays_are_said(
    tmp_path: Path, correct: np.ndarray, labels: np.ndarray | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        ingest(tmp_path, correct, labels)
    assert not (tmp_path / "runs").exists()


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    correct = np.ones((1, 2, 3, 4), bool)
    ingest(tmp_path, correct)
    with pytest.raises(UserError, match="exists already"):
        ingest(tmp_path, ~correct)


@pytest.mark.parametrize("method", ["", "Mine", "a_b", "../up", "-x"])
def test_names_are_plain(tmp_path: Path, method: str) -> None:
    with pytest.raises((UserError, SystemExit)):
        ingest(tmp_path, np.ones((1, 2, 3, 4), bool), method=method)
    assert not (tmp_path / "runs").exists()


def test_pickles_and_archives_are_refused(tmp_path: Path) -> None:
    where = ["--method", "mine", "--study", "s", "--runs", str(tmp_path / "runs"), "--correct"]
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "archive.npz", a=np.ones(3))
    (tmp_path / "text.npy").write_text("no array")
    for name in ("objects.npy", "archive.npz", "text.npy", "absent.npy"):
        with pytest.raises(UserError, match=name):
            main([*where, str(tmp_path / name)])
