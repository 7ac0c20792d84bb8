# SPDX-License-Identifier: Apache-2.0
"""A copy is no other seed: whatever is copied, renamed or exchanged between seeds is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dynamics import snapshots
from dynamics.errors import UserError
from tests.dynamics.recorded import SHAPE, open_writer, record


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a study with two finished seeds of a method and two under way."""
    for number in range(4):
        folder = snapshots.seed_folder(tmp_path, "study", "simclr", number)
        record(folder, [1, 2, 3, 4] if number < 2 else [1, 2], seed=number, finish=number < 2)
    return tmp_path


def seed(runs: Path, number: int, method: str = "simclr") -> Path:
    return snapshots.seed_folder(runs, "study", method, number)


def copied(runs: Path) -> Path:
    return shutil.copytree(seed(runs, 0), seed(runs, 5))


def copied_to_another_method(runs: Path) -> Path:
    return shutil.copytree(seed(runs, 0), seed(runs, 0, "supervised"))


def renamed_under_way(runs: Path) -> Path:
    return seed(runs, 2).rename(seed(runs, 7))


def with_other_arrays(runs: Path) -> Path:
    return _replaced(seed(runs, 1), seed(runs, 0), "snapshots.zarr")


def with_other_arrays_under_way(runs: Path) -> Path:
    return _replaced(seed(runs, 3), seed(runs, 2), "partial.zarr")


def with_all_of_another_but_the_record(runs: Path) -> Path:
    _replaced(seed(runs, 1), seed(runs, 0), "snapshots.zarr")
    return _replaced(seed(runs, 1), seed(runs, 0), "complete.json")


def with_another_record(runs: Path) -> Path:
    return _replaced(seed(runs, 1), seed(runs, 0), "run.json")


def with_a_record_changed_by_hand(runs: Path) -> Path:
    folder = copied(runs)
    _edited(folder / "run.json", seed=5)
    return folder


def with_record_and_list_changed_by_hand(runs: Path) -> Path:
    folder = with_a_record_changed_by_hand(runs)
    _edited(folder / "complete.json", seed=5)
    return folder


def _replaced(folder: Path, source: Path, name: str) -> Path:
    if (folder / name).is_dir():
        shutil.rmtree(folder / name)
        shutil.copytree(source / name, folder / name)
    else:
        shutil.copy2(source / name, folder / name)
    return folder


def _edited(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    "change",
    [
        copied,
        copied_to_another_method,
        renamed_under_way,
        with_other_arrays,
        with_other_arrays_under_way,
        with_all_of_another_but_the_record,
        with_another_record,
        with_a_record_changed_by_hand,
        with_record_and_list_changed_by_hand,
    ],
)
def test_parts_of_another_seed_are_refused_by_everything(runs: Path, change: Callable[[Path], Path]) -> None:
    folder = change(runs)
    with pytest.raises(UserError):
        snapshots.Run(folder)
    with pytest.raises(UserError):
        for run in snapshots.open_runs(runs, "study", folder.parent.name):
            run.correct()  # of finished runs, parts that this would take are looked at no earlier
    assert snapshots.verify(folder)
    assert snapshots.state(folder).kind == "damaged"
    if (folder / "partial.zarr").exists():
        with pytest.raises(UserError):
            open_writer(folder)


def test_two_seeds_with_the_same_bits_are_a_copy(tmp_path: Path) -> None:
    for number in range(2):
        record(snapshots.seed_folder(tmp_path, "study", "simclr", number), [1, 2], seed=0)
    with pytest.raises(UserError, match=r"seed-0000 and .*seed-0001 hold the same records, to the last bit"):
        snapshots.open_runs(tmp_path, "study", "simclr")


@pytest.mark.parametrize(("learned", "refused"), [(1.0, False), (0.0, False), (0.5, True)])
def test_seeds_of_answers_alone_may_be_equal_where_nothing_varies(
    tmp_path: Path, learned: float, refused: bool
) -> None:
    correct = np.random.default_rng(0).random((3, *SHAPE)) < learned
    for number in range(2):
        folder = snapshots.seed_folder(tmp_path, "study", "mine", number)
        snapshots.write_finished(folder, method="mine", seed=number, correct=correct)
    if refused:
        with pytest.raises(UserError, match="one is a copy"):
            snapshots.open_runs(tmp_path, "study", "mine")
    else:
        assert len(snapshots.open_runs(tmp_path, "study", "mine")) == 2


def test_a_seed_is_not_written_into_the_folder_of_another(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot hold seed 1 of mine"):
        snapshots.write_finished(
            tmp_path / "mine" / "seed-0000", method="mine", seed=1, correct=np.ones((1, *SHAPE), dtype=bool)
        )
    assert list(tmp_path.iterdir()) == []


def test_parts_of_version_0_1_do_not_say_whose_they_are(runs: Path) -> None:
    """Its arrays and lists are read, though they name no seed, and its lists no sizes."""
    folder = seed(runs, 0)
    group = folder / "snapshots.zarr" / "zarr.json"
    content = json.loads(group.read_text())
    content["attributes"] = {name: content["attributes"][name] for name in ("format", "wall_seconds")}
    group.write_text(json.dumps(content))
    snapshots.complete.write(folder)
    listed = json.loads((folder / "complete.json").read_text())
    sums = {name: entry["sha256"] for name, entry in listed["files"].items()}
    old = {"format": "training-dynamics.complete/1", "wall_seconds": 12.5, "files": sums}
    (folder / "complete.json").write_text(json.dumps(old))
    assert snapshots.Run(folder).epochs == (1, 2, 3, 4)
    assert snapshots.state(folder).kind == "complete" and snapshots.verify(folder) == []
