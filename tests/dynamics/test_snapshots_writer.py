# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics import snapshots
from dynamics.errors import UserError
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
    folder = tmp_path_factory.mktemp("run") / "simclr" / f"seed-{seed:04d}"
    snapshots.write_run_json(folder, method="simclr", seed=seed, config={}, provenance={})
    writer = snapshots.Writer.open(
        folder,
        epochs=epochs,
        shape=shape,
        scalar_names=list(scalars),
        optional=["probability"] * with_probability,
        coordinates={"example": np.arange(shape[2])},
    )
    names = ["correct", *["probability"] * with_probability]
    entries = [
        {name: epoch_entry(epoch, seed, shape)[0][name] for name in names} for epoch in range(1, epochs + 1)
    ]

    def check() -> None:
        run = snapshots.Run(folder)
        assert list(run.epochs) == list(range(1, epochs + 1))
        assert run.shape == shape
        for name in names:
            assert np.array_equal(run.read(name), np.stack([entry[name] for entry in entries]))
        assert {name: values.tobytes() for name, values in run.scalars().items()} == {
            name: np.full(epochs, value).tobytes() for name, value in scalars.items()
        }
        assert snapshots.verify(folder) == []

    for epoch, arrays in enumerate(entries, 1):
        writer.write(epoch, arrays, scalars)
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
    nothing = {"correct": np.zeros(SHAPE, bool), "probability": np.zeros(SHAPE, np.float16)}
    writer = open_writer(folder)
    writer.write(2, nothing, {"loss": 0.0, "rate": 0.0})
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
    assert np.array_equal(snapshots.Run(folder).correct([2])[0], epoch_entry(3)[0]["correct"])
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
    open_writer(folder).write(2, *epoch_entry(2))  # not before: it might be another writer's
    assert not any(path.exists() for path in litter)
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 5}, r"another epochs \(4 there, 5 now\)"),
        ({"shape": (2, 4, 7)}, r"another shape \(\(2, 3, 7\) there, \(2, 4, 7\) now\)"),
        ({"scalar_names": ["loss"]}, r"another scalar_names \(\('loss', 'rate'\) there, \('loss',\) now\)"),
        ({"optional": ()}, r"another arrays \(\('correct', 'probability', 'scalars'\) there, .*\)"),
        ({"coordinates": {"example": np.arange(SHAPE[2]) + 99}}, r"another example 0 \(100 there, 99 now\)"),
        (
            {"coordinates": {"example": np.arange(SHAPE[2]) + 100, "label": np.zeros(SHAPE[2], int)}},
            r"another label 1 \(1 there, 0 now\)",
        ),
        (
            {"coordinates": {"example": np.arange(SHAPE[2]) + 100, "label": LABELS}},
            r"another true_label \(present there, absent now\)",
        ),
    ],
)
def test_other_snapshots_than_those_there_are_refused(
    folder: Path, change: dict[str, Any], message: str
) -> None:
    record(folder, [1])
    with pytest.raises(UserError, match=message + ": use another study"):
        open_writer(folder, **change)
    assert open_writer(folder).committed() == [1]


def test_misuse_is_a_value_error(folder: Path) -> None:
    writer = record(folder, [])
    arrays, scalars = epoch_entry(1)
    for epoch in (0, 5):
        with pytest.raises(ValueError, match="epoch must be one of 1 to 4"):
            writer.write(epoch, arrays, scalars)
    with pytest.raises(ValueError, match="probability"):
        writer.write(1, {"correct": arrays["correct"]}, scalars)
    with pytest.raises(ValueError, match="scalars"):
        writer.write(1, arrays, {"loss": 1.0})
    with pytest.raises(ValueError, match="correct must have shape"):
        writer.write(1, {name: values[:, :, :5] for name, values in arrays.items()}, scalars)
    with pytest.raises(ValueError, match="example has shape"):
        open_writer(folder, coordinates={"example": np.arange(6)})
    with pytest.raises(ValueError, match="no array has the name rival"):
        open_writer(folder, optional=["rival"])
    assert writer.committed() == []
