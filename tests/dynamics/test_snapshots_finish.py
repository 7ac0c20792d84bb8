# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
import zarr

from dynamics import snapshots
from dynamics.errors import UserError
from tests.dynamics.recorded import LABELS, SHAPE, all_correct, epoch_entry, open_writer, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return snapshots.seed_folder(tmp_path / "runs", "study", "simclr", 7)


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
    with pytest.raises(ValueError, match="is finished, and its epoch 2 has other values"):
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
    assert sorted(path.name for path in folder.iterdir()) == ["partial.zarr", "run.json", "writer.1"]
    writer.write(3, *epoch_entry(3))
    writer.finish(0.0)


def test_a_whole_seed_is_written_at_once(folder: Path) -> None:
    epochs = range(1, 5)
    entries = [epoch_entry(epoch) for epoch in epochs]
    snapshots.write_finished(
        folder,
        method="simclr",
        seed=7,
        correct=np.stack([entry[0]["correct"] for entry in entries]),
        probability=np.stack([entry[0]["probability"] for entry in entries]).astype(np.float32),
        scalars={"loss": np.arange(4.0)},
        labels=LABELS.astype(np.int32),
        config={"a": [1, 2]},
        provenance={"from": "elsewhere"},
        wall_seconds=3.0,
    )
    run = snapshots.Run(folder)
    assert (run.method, run.seed, run.config, run.complete) == ("simclr", 7, {"a": [1, 2]}, True)
    assert np.array_equal(run.correct(), all_correct(0, epochs))
    assert np.array_equal(run.read("probability"), np.stack([entry[0]["probability"] for entry in entries]))
    assert run.scalars()["loss"].tolist() == [0, 1, 2, 3]
    assert run.examples.tolist() == list(range(SHAPE[2]))
    assert run.labels is not None
    assert run.labels.tolist() == LABELS.tolist()
    assert run.true_labels is None
    assert snapshots.verify(folder) == []
    assert snapshots.list_seeds(folder.parents[2], "study", "simclr") == [7]


def test_a_seed_is_not_written_over_another(folder: Path) -> None:
    record(folder, [1])
    with pytest.raises(UserError, match="seed-0007 exists: use another study"):
        snapshots.write_finished(folder, method="simclr", seed=7, correct=np.ones((1, 1, 1, 1), bool))


def test_a_seed_that_fails_on_the_way_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dynamics.files.sync_tree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        snapshots.write_finished(folder, method="simclr", seed=7, correct=np.ones((2, 1, 1, 3), bool))
    assert list(folder.parent.iterdir()) == []


def test_a_memory_mapped_array_is_taken_in_pieces(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    correct = all_correct(0, range(1, 5))
    np.save(tmp_path / "correct.npy", correct)
    monkeypatch.setattr("dynamics.snapshots.store.CHUNK_BYTES", correct[0].nbytes * 2)
    mapped = np.load(tmp_path / "correct.npy", mmap_mode="r")
    snapshots.write_finished(folder, method="simclr", seed=7, correct=mapped)
    assert zarr.open_array(folder / "snapshots.zarr/correct", mode="r").chunks[0] == 2
    assert np.array_equal(snapshots.Run(folder).correct(), correct)


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (
            {"correct": np.zeros((2, 2, 1, 4), bool)},
            "further cannot hold correct, which is a parameter of its own",
        ),
        ({"rivals": np.full((2, 2, 1, 4), 4)}, "rivals must be from 0 to 3, the number of other examples"),
        ({"rivals": np.full((2, 2, 1, 4), -1)}, "rivals must be from 0 to 3"),
        (
            {"rivals": np.ones((2, 2, 1, 4), int), "same_class_rivals": np.full((2, 2, 1, 4), 2)},
            "same_class_rivals must be <= rivals",
        ),
        ({"in_training": np.array([1, 0, 1, 1])}, "in_training must hold booleans, got int64"),
    ],
)
def test_further_arrays_are_what_their_names_say(
    further: dict[str, np.ndarray], message: str, folder: Path
) -> None:
    with pytest.raises(UserError, match=message):
        snapshots.write_finished(
            folder, method="simclr", seed=7, correct=np.ones((2, 2, 1, 4), bool), further=further
        )
    assert not folder.exists()
