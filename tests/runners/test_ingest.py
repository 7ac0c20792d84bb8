import shlex
import shutil
import struct
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.opening import open_study
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
        (np.full((2, 3, 4, 5), 0.5), None, "must hold booleans, or 0 and 1, got 0.5: give probabilities"),
        (np.full((2, 3, 4, 5), 2), None, "must hold booleans, or 0 and 1, got 2"),
        (np.zeros(4, bool), None, r"must have the axes \(epoch, example\), .*, got shape \(4,\)"),
        (np.zeros((2, 0, 4, 5), bool), None, "each with an entry, got shape"),
        (np.zeros((2, 3, 4, 5), bool), np.zeros(4, int), "one entry for each example, got"),
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


@pytest.mark.parametrize("method", ["", "../up", "-x", "a/b", "***"])
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


CORRECT = np.arange(3 * 2 * 1 * 4).reshape(3, 2, 1, 4) % 3 == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError, MemoryError])
def test_an_interrupted_import_leaves_nothing_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """An analysis never takes some of the seeds for all."""
    write = snapshots.write_finished

    def interrupted(folder: Path, **parts: Any) -> None:
        if parts["seed"] == 2:
            raise error("the disk is full")
        write(folder, **parts)

    monkeypatch.setattr(snapshots, "write_finished", interrupted)
    with pytest.raises(error):
        ingest(tmp_path, CORRECT)
    assert snapshots.list_methods(tmp_path / "runs", "s") == []
    assert [path.name for path in (tmp_path / "runs" / "s").iterdir()] == [".mine.lock"]
    monkeypatch.undo()
    (tmp_path / "runs" / "s" / ".mine.tmp" / "seed-0000").mkdir(parents=True)  # as a killed one leaves it
    ingest(tmp_path, CORRECT)
    study = open_study(tmp_path / "runs" / "s")
    np.testing.assert_array_equal(study.correct("mine")[:, :, 0], CORRECT)
    assert sorted(path.name for path in (tmp_path / "runs" / "s").iterdir()) == [".mine.lock", "mine"]


def test_a_partial_import_is_said_and_completed(tmp_path: Path) -> None:
    labels = np.array([0, 1, 0, 1])
    ingest(tmp_path, CORRECT, labels)
    method = tmp_path / "runs" / "s" / "mine"
    kept = (method / "seed-0000" / "complete.json").stat().st_mtime_ns
    shutil.rmtree(method / "seed-0001")
    (note,) = open_study(method.parent).notes
    assert note.startswith("mine: 2 of 3 ingested seeds are there: run the same")
    with pytest.raises(UserError, match="seed-0000 exists already and is not from this"):
        ingest(tmp_path, CORRECT, labels[::-1])
    ingest(tmp_path, CORRECT, labels)
    ingest(tmp_path, CORRECT, labels)  # nothing is left to do
    study = open_study(method.parent)
    assert study.notes == () and (method / "seed-0000" / "complete.json").stat().st_mtime_ns == kept
    np.testing.assert_array_equal(study.correct("mine")[:, :, 0], CORRECT)


@pytest.mark.parametrize(
    ("correct", "labels", "said"),
    [
        (CORRECT[..., :3], [0, 1, 0], "must have the 4 examples that first has in study s, got 3"),
        (CORRECT, [1, 1, 0, 1], "must hold the labels that first has in study s"),
        (CORRECT, None, None),
        (CORRECT, [0, 1, 0, 1], None),
    ],
)
def test_methods_of_a_study_share_their_examples(
    tmp_path: Path, correct: np.ndarray, labels: list[int] | None, said: str | None
) -> None:
    ingest(tmp_path, CORRECT, np.array([0, 1, 0, 1]), method="first")
    known = None if labels is None else np.array(labels)
    with pytest.raises(UserError, match=said) if said else nullcontext():
        ingest(tmp_path, correct, known)
    assert (tmp_path / "runs" / "s" / "mine").exists() == (said is None)


@pytest.mark.parametrize(
    "shape", [f"({10**22}, 1, 1, 1)", "(2, True, 3, 4)", "(-2, 3, -1, 4)", "(2.0, 1, 1, 1)", "x", "(" * 3000]
)  # fmt: skip
def test_a_header_that_numpy_cannot_read_is_said(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '|b1', 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    path = tmp_path / "odd.npy"
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + b"\1" * 24)
    with pytest.raises(UserError, match=r"odd\.npy cannot be read as a \.npy array") as raised:
        main(["--method", "mine", "--correct", str(path), "--study", "s", "--runs", str(tmp_path / "runs")])
    assert len(str(raised.value)) < 500


def test_the_next_command_can_be_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spaced = tmp_path / "my disk"
    spaced.mkdir()
    ingest(spaced, CORRECT)
    *_, following = capsys.readouterr().out.splitlines()
    assert shlex.split(following)[-1] == str(spaced / "runs")


def test_an_array_that_holds_a_seed_twice_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = np.repeat(rng.random((1, 4, 2, 30)) < 0.5, 2, axis=0)
    np.save(tmp_path / "correct.npy", correct)
    asked = ["--method", "mine", "--study", "s", "--correct", str(tmp_path / "correct.npy")]
    with pytest.raises(UserError, match="seeds 0 and 1 are the same"):
        main([*asked, "--runs", str(tmp_path / "runs")])
    assert not (tmp_path / "runs").exists()


def test_a_seed_that_is_there_under_another_number_is_refused(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """It was taken in, and no analysis could read the study any more."""
    ingest(tmp_path, rng.random((2, 4, 2, 30)) < 0.5)
    again = [
        "--method",
        "mine",
        "--study",
        "s",
        "--correct",
        str(tmp_path / "correct.npy"),
        "--seeds",
        "3",
        "4",
    ]
    with pytest.raises(UserError, match=r"holds the records of .*seed-0000 as seed-0003, to the last bit"):
        main([*again, "--runs", str(tmp_path / "runs")])
    assert open_study(tmp_path / "runs" / "s").correct("mine").sizes["seed"] == 2
