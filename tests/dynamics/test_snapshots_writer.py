# SPDX-License-Identifier: Apache-2.0
import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics import snapshots
from dynamics.console import UserError
from tests.dynamics.recorded import LABELS, SHAPE, all_correct, epoch_entry, open_writer, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return snapshots.seed_folder(tmp_path / "runs", "study", "simclr", 7)


@given(
    epochs=st.integers(1, 4),
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 9)),
    scalars=st.dictionaries(st.text(max_size=3), st.floats(), max_size=3),
    with_probability=st.booleans(),
    chunk_bytes=st.sampled_from([1, 30, 10**6]),
    seed=st.integers(0, 9),
)
@settings(max_examples=8, deadline=None)
def test_what_is_written_is_read_under_way_and_finished(
    tmp_path_factory: pytest.TempPathFactory,
    epochs: int,
    shape: tuple[int, int, int],
    scalars: dict[str, float],
    with_probability: bool,
    chunk_bytes: int,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("run") / "seed-0000"
    snapshots.write_run_json(folder, method="simclr", seed=seed, config={}, provenance={})
    writer = snapshots.Writer.open(
        folder,
        epochs=epochs,
        shape=shape,
        scalar_names=list(scalars),
        examples=np.arange(shape[2]),
        probability=with_probability,
    )
    entries = [epoch_entry(epoch, seed, shape) for epoch in range(1, epochs + 1)]

    def check() -> None:
        run = snapshots.Run(folder)
        assert list(run.epochs) == list(range(1, epochs + 1))
        assert run.shape == shape
        assert np.array_equal(run.correct(), np.stack([entry[0] for entry in entries]))
        if with_probability:
            assert np.array_equal(run.probability(), np.stack([entry[1] for entry in entries]))
        assert {name: values.tobytes() for name, values in run.scalars().items()} == {
            name: np.full(epochs, value).tobytes() for name, value in scalars.items()
        }
        assert snapshots.verify(folder) == []

    for epoch, (correct, probability, _) in enumerate(entries, 1):
        writer.write(epoch, correct, probability if with_probability else None, scalars)
    check()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dynamics.snapshots.store.CHUNK_BYTES", chunk_bytes)
        writer.finish(1.0)
    check()


def test_a_writer_goes_on_where_another_stopped(folder: Path) -> None:
    assert record(folder, [1, 2]).committed() == [1, 2]
    writer = open_writer(folder)
    assert writer.committed() == [1, 2]
    writer.write(4, *epoch_entry(4))
    assert open_writer(folder).committed() == [1, 2, 4]


def test_an_epoch_of_nothing_but_false_is_an_epoch_also_after_a_restart(folder: Path) -> None:
    record(folder, [1])
    nothing = np.zeros(SHAPE, bool), np.zeros(SHAPE, np.float16), {"loss": 0.0, "rate": 0.0}
    writer = open_writer(folder)
    writer.write(2, *nothing)
    assert (folder / "partial.zarr/correct/c.1.0.0.0").exists()
    assert not snapshots.Run(folder).correct([2]).any()
    assert snapshots.verify(folder) == []


def test_the_same_epoch_again_writes_nothing(folder: Path) -> None:
    record(folder, [1, 2])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("c.*")}
    open_writer(folder).write(2, *epoch_entry(2))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("c.*")} == before


def test_another_epoch_in_its_place_replaces_it(folder: Path) -> None:
    writer = record(folder, [1, 2])
    writer.write(2, *epoch_entry(3))
    assert np.array_equal(snapshots.Run(folder).correct([2])[0], epoch_entry(3)[0])
    assert snapshots.verify(folder) == []


def test_a_replacement_that_is_cut_off_leaves_no_epoch_in_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = record(folder, [1, 2])

    def cut_off(path: Path) -> None:
        if path.parent.name == "correct":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("dynamics.files.sync", cut_off)
        writer.write(2, *epoch_entry(3))
    run = snapshots.Run(folder)
    assert run.epochs == (1,)
    assert np.array_equal(run.correct(), all_correct(0, [1]))
    assert open_writer(folder).committed() == [1]


def test_a_damaged_epoch_is_replaced_when_it_is_written_again(folder: Path) -> None:
    record(folder, [1, 2])
    (folder / "partial.zarr/correct/c.1.0.0.0").unlink()
    open_writer(folder).write(2, *epoch_entry(2))
    assert snapshots.verify(folder) == []


def test_an_unreadable_commit_counts_as_none_and_the_epoch_is_made_again(folder: Path) -> None:
    record(folder, [1, 2, 3])
    (folder / "partial.zarr/digest/c.1.0.0").write_bytes(b"")  # as after a power cut
    writer = open_writer(folder)
    assert writer.committed() == [1, 3]
    with pytest.raises(UserError, match=r"lacks 2 of 4 epochs \(the first is 2\)"):
        writer.finish(0.0)
    for epoch in (2, 4):
        writer.write(epoch, *epoch_entry(epoch))
    writer.finish(0.0)
    assert snapshots.verify(folder) == []


def test_what_killed_writers_left_is_swept(folder: Path) -> None:
    record(folder, [1])
    litter = [
        folder / "state.safetensors.tmp",
        folder / "run.json.123.tmp",
        folder / "snapshots.zarr.tmp" / "correct" / "c.0.0.0.0",
        folder / "partial.zarr" / "correct" / "c.3.0.0.f00d.partial",
    ]
    for path in litter:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    open_writer(folder)
    assert not any(path.exists() for path in litter)
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 5}, r"another epochs \(4 there, 5 now\)"),
        ({"shape": (2, 4, 7)}, r"another shape \(\(2, 3, 7\) there, \(2, 4, 7\) now\)"),
        ({"scalar_names": ["loss"]}, r"another scalar_names \(\('loss', 'rate'\) there, \('loss',\) now\)"),
        ({"probability": False}, r"another probability \(True there, False now\)"),
        ({"examples": np.arange(SHAPE[2]) + 99}, r"another example 0 \(100 there, 99 now\)"),
        ({"labels": np.zeros(SHAPE[2], int)}, r"another label 1 \(1 there, 0 now\)"),
        ({"true_labels": None}, r"another true_label \(present there, absent now\)"),
    ],
)
def test_other_snapshots_than_those_there_are_refused(
    folder: Path, change: dict[str, Any], message: str
) -> None:
    record(folder, [1])
    with pytest.raises(UserError, match=message + ": use another --study"):
        open_writer(folder, **change)
    assert open_writer(folder).committed() == [1]


def test_misuse_is_a_value_error(folder: Path) -> None:
    writer = record(folder, [])
    correct, probability, scalars = epoch_entry(1)
    for epoch in (0, 5):
        with pytest.raises(ValueError, match="between 1 and 4"):
            writer.write(epoch, correct, probability, scalars)
    with pytest.raises(ValueError, match="probability"):
        writer.write(1, correct, None, scalars)
    with pytest.raises(ValueError, match="scalars"):
        writer.write(1, correct, probability, {"loss": 1.0})
    with pytest.raises(ValueError, match="correct has shape"):
        writer.write(1, correct[:, :, :5], probability[:, :, :5], scalars)
    with pytest.raises(ValueError, match="example has shape"):
        open_writer(folder, examples=np.arange(6), labels=None, true_labels=None)
    assert writer.committed() == []


def test_a_finished_seed_holds_the_same_in_few_files_and_nothing_else(folder: Path) -> None:
    writer = record(folder, [1, 2, 3, 4])
    (folder / "state.safetensors").write_bytes(b"state")
    (folder / "state.previous.safetensors").write_bytes(b"state")
    (folder / "weights.safetensors").write_bytes(b"weights")
    writer.finish(12.5)
    left = {path.name for path in folder.iterdir()}
    assert left == {"run.json", "snapshots.zarr", "complete.json", "weights.safetensors"}
    assert len(list(folder.rglob("c.*"))) == 8  # one chunk an array
    run = snapshots.Run(folder)
    assert run.complete
    assert run.wall_seconds == 12.5
    assert np.array_equal(run.correct(), all_correct(0, [1, 2, 3, 4]))


def test_finishing_again_changes_nothing(folder: Path) -> None:
    record(folder, [1, 2, 3, 4], finish=True)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert snapshots.settle(folder)
    writer = open_writer(folder)
    assert writer.committed() == [1, 2, 3, 4]
    writer.write(2, *epoch_entry(2))
    with pytest.raises(ValueError, match="finished and holds another epoch 2"):
        writer.write(2, *epoch_entry(3))
    writer.finish(99.0)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_settle_leaves_a_run_under_way_alone(folder: Path) -> None:
    assert not snapshots.settle(folder)
    record(folder, [1, 2, 3, 4])
    assert not snapshots.settle(folder)
    assert not snapshots.is_complete(folder)
    assert snapshots.Run(folder).epochs == (1, 2, 3, 4)


def test_settle_ends_what_was_cut_off_after_the_rename(folder: Path) -> None:
    record(folder, [1, 2, 3, 4], finish=True)
    complete = (folder / "complete.json").read_bytes()
    (folder / "complete.json").unlink()
    (folder / "partial.zarr/correct").mkdir(parents=True)  # half removed
    (folder / "state.safetensors").write_bytes(b"state")
    assert np.array_equal(snapshots.Run(folder).correct(), all_correct(0, [1, 2, 3, 4]))
    assert snapshots.settle(folder)
    assert (folder / "complete.json").read_bytes() == complete
    assert sorted(path.name for path in folder.iterdir()) == ["complete.json", "run.json", "snapshots.zarr"]


def test_a_damaged_run_is_not_finished_and_the_file_is_named(folder: Path) -> None:
    writer = record(folder, [1, 2, 3, 4])
    (folder / "partial.zarr/probability/c.2.0.0.0").write_bytes(b"x")
    with pytest.raises(snapshots.Damaged, match=r"probability/c\.2\.0\.0\.0 is damaged"):
        writer.finish(0.0)
    assert sorted(path.name for path in folder.iterdir()) == ["partial.zarr", "run.json"]
    writer.write(3, *epoch_entry(3))
    writer.finish(0.0)


def test_everything_is_on_the_disk_before_an_epoch_is_acknowledged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is durable once it was fsynced after its last change, a folder after its last entry came."""
    synced: dict[tuple[int, int], int] = {}
    original = os.fsync

    def durable(path: Path) -> bool:
        status = path.stat()
        return synced.get((status.st_dev, status.st_ino)) == status.st_mtime_ns

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced[status.st_dev, status.st_ino] = status.st_mtime_ns
        for commit in (folder / "partial.zarr/digest").glob("c.*.0.0"):
            at = commit.name.removesuffix(".0.0")
            for name in (f"correct/{at}.0.0.0", f"probability/{at}.0.0.0", f"scalars/{at}.0"):
                part = folder / "partial.zarr" / name
                assert durable(part), f"{commit.name} was written before {part} was safe"
                last_entry = part.parent.stat().st_mtime_ns
                assert durable(part.parent) or last_entry >= commit.stat().st_mtime_ns
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    writer = record(folder, [])
    for epoch in range(1, 5):
        writer.write(epoch, *epoch_entry(epoch))
        parts = [folder, *(path for path in folder.rglob("*"))]
        assert [path for path in parts if not durable(path)] == []
    writer.finish(1.0)
    parts = [folder, *(path for path in folder.rglob("*"))]
    assert [path for path in parts if not durable(path)] == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_loses_no_finished_epoch(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    writer = record(folder, [1, 2])

    def full(self: Path, target: Path) -> Path:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)  # where zarr, and we, put a file in place
        message = f"the disk that holds {folder} is full: the finished epochs are safe.*same command again"
        with pytest.raises(UserError, match=message):
            writer.write(3, *epoch_entry(3))
    assert snapshots.Run(folder).epochs == (1, 2)
    assert snapshots.verify(folder) == []
    for epoch in (3, 4):
        writer.write(epoch, *epoch_entry(epoch))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(UserError, match="full"):
            writer.finish(1.0)
    assert not (folder / "snapshots.zarr.tmp").exists()
    writer.finish(1.0)
    assert snapshots.verify(folder) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """Return a real disk of 1 MB, where one can be had."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if mount is None or subprocess.run([mount, *options], capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_really_full_disk_loses_no_finished_epoch(small_disk: Path) -> None:
    folder, shape = small_disk / "seed-0000", (1, 4, 9000)

    def go_on() -> snapshots.Writer:
        writer = open_writer(
            folder, epochs=40, shape=shape, examples=np.arange(9000), labels=None, true_labels=None
        )
        for epoch in range(1, 41):
            writer.write(epoch, *epoch_entry(epoch, shape=shape))
        return writer

    snapshots.write_run_json(folder, method="simclr", seed=0, config={}, provenance={})
    with pytest.raises(UserError, match="full"):
        go_on()
    run = snapshots.Run(folder)
    assert 3 < len(run.epochs) < 40
    for epoch in run.epochs:
        assert np.array_equal(run.correct([epoch])[0], epoch_entry(epoch, shape=shape)[0])
    assert snapshots.verify(folder) == []
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    go_on().finish(0.0)
    assert snapshots.verify(folder) == []
    assert len(snapshots.Run(folder).epochs) == 40


def test_a_whole_seed_is_written_at_once(folder: Path) -> None:
    epochs = range(1, 5)
    entries = [epoch_entry(epoch) for epoch in epochs]
    snapshots.write_finished(
        folder,
        method="mine",
        seed=7,
        correct=np.stack([entry[0] for entry in entries]),
        probability=np.stack([entry[1] for entry in entries]).astype(np.float32),
        scalars={"loss": np.arange(4.0)},
        labels=LABELS.astype(np.int32),
        config={"a": [1, 2]},
        provenance={"from": "elsewhere"},
        wall_seconds=3.0,
    )
    run = snapshots.Run(folder)
    assert (run.method, run.seed, run.config, run.complete) == ("mine", 7, {"a": [1, 2]}, True)
    assert np.array_equal(run.correct(), all_correct(0, epochs))
    assert np.array_equal(run.probability(), np.stack([entry[1] for entry in entries]))
    assert run.scalars()["loss"].tolist() == [0, 1, 2, 3]
    assert run.examples.tolist() == list(range(SHAPE[2]))
    assert run.labels is not None
    assert run.labels.tolist() == LABELS.tolist()
    assert run.true_labels is None
    assert snapshots.verify(folder) == []
    assert snapshots.list_seeds(folder.parents[2], "study", "simclr") == [7]


def test_a_seed_is_not_written_over_another(folder: Path) -> None:
    record(folder, [1])
    with pytest.raises(UserError, match="seed-0007 exists: use another --study"):
        snapshots.write_finished(folder, method="mine", seed=7, correct=np.ones((1, 1, 1, 1), bool))


def test_a_seed_that_fails_on_the_way_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dynamics.files.sync_tree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        snapshots.write_finished(folder, method="mine", seed=7, correct=np.ones((2, 1, 1, 3), bool))
    assert list(folder.parent.iterdir()) == []


def test_a_memory_mapped_array_is_taken_in_pieces(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    correct = all_correct(0, range(1, 5))
    np.save(tmp_path / "correct.npy", correct)
    monkeypatch.setattr("dynamics.snapshots.store.CHUNK_BYTES", correct[0].nbytes * 2)
    mapped = np.load(tmp_path / "correct.npy", mmap_mode="r")
    snapshots.write_finished(folder, method="mine", seed=7, correct=mapped)
    assert zarr.open_array(folder / "snapshots.zarr/correct", mode="r").chunks[0] == 2
    assert np.array_equal(snapshots.Run(folder).correct(), correct)
