# SPDX-License-Identifier: Apache-2.0
import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dynamics import lock, snapshots
from dynamics.errors import UserError
from tests.dynamics.recorded import epoch_entry, record


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two seeds with all four epochs, one finished and one under way."""
    place = tmp_path_factory.mktemp("damage") / "simclr"
    record(place / "seed-0000", [1, 2, 3, 4], finish=True)
    record(place / "seed-0001", [1, 2, 3, 4])
    return place


@pytest.fixture
def finished(kept: Path, tmp_path: Path) -> Path:
    return shutil.copytree(kept / "seed-0000", tmp_path / "simclr" / "seed-0000")


@pytest.fixture
def partial(kept: Path, tmp_path: Path) -> Path:
    return shutil.copytree(kept / "seed-0001", tmp_path / "simclr" / "seed-0001")


def flips(path: Path) -> list[bytes]:
    """Return a file's content with one bit flipped: the first, the last, and some between."""
    blob = path.read_bytes()
    places = np.unique(np.linspace(0, len(blob) - 1, 4).astype(int))
    versions = []
    for place in places.tolist():
        damaged = bytearray(blob)
        damaged[place] ^= 1 << (place % 8)
        versions.append(bytes(damaged))
    return versions


def test_any_flipped_bit_of_a_finished_seed_is_reported_with_its_file(finished: Path) -> None:
    for path in [path for path in sorted(finished.rglob("*")) if path.is_file()]:
        original = path.read_bytes()
        for damaged in flips(path):
            path.write_bytes(damaged)
            problems = snapshots.verify(finished)
            if path.name == "complete.json":  # a sum that is damaged speaks against the file it is for
                assert problems
            else:
                assert [problem for problem in problems if str(path) in problem], f"{path}: {problems}"
        path.write_bytes(original)
    assert snapshots.verify(finished) == []


def test_any_flipped_bit_of_a_chunk_under_way_is_reported_with_its_file(partial: Path) -> None:
    for path in sorted((partial / "partial.zarr").rglob("c.*")):
        original = path.read_bytes()
        for damaged in flips(path)[::3]:
            path.write_bytes(damaged)
            assert str(path) in " ".join(snapshots.verify(partial))
        path.write_bytes(original)
    assert snapshots.verify(partial) == []


@pytest.mark.parametrize("damage", ["flip", "cut", "missing"])
@pytest.mark.parametrize("which", ["finished", "partial"])
def test_a_damaged_chunk_is_never_read(request: pytest.FixtureRequest, which: str, damage: str) -> None:
    folder: Path = request.getfixturevalue(which)
    group, chunk = ("snapshots.zarr", 0) if which == "finished" else ("partial.zarr", 2)
    for name, rest in (("correct", ".0.0.0"), ("probability", ".0.0.0"), ("scalars", ".0")):
        path = folder / group / name / f"c.{chunk}{rest}"
        original = path.read_bytes()
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(flips(path)[2] if damage == "flip" else original[:-5])
        run = snapshots.Run(folder)
        read = {
            "correct": run.correct,
            "probability": functools.partial(run.read, "probability"),
            "scalars": run.scalars,
        }
        with pytest.raises(UserError, match=f"{path} is damaged") as caught:
            read.pop(name)()
        assert f"delete {folder} and train that seed again" in str(caught.value)
        assert ("missing" in str(caught.value)) == (damage == "missing")
        for other in read.values():
            other()
        if which == "partial":
            run.correct([1, 2, 4])
        path.write_bytes(original)


@pytest.mark.parametrize("name", ["example", "label", "true_label"])
def test_a_missing_coordinate_is_never_read_as_zeros(partial: Path, name: str) -> None:
    path = partial / "partial.zarr" / name / "c.0"
    path.unlink()
    with pytest.raises(UserError, match=rf"{path} is damaged \(missing\)"):
        getattr(snapshots.Run(partial), f"{name}s")
    assert any(str(path) in problem for problem in snapshots.verify(partial))


def test_two_chunks_exchanged_are_noticed(partial: Path) -> None:
    """Each chunk is whole, so that no checksum inside it can tell."""
    one, other = (partial / f"partial.zarr/correct/c.{epoch}.0.0.0" for epoch in (0, 1))
    one_bytes, other_bytes = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_bytes)
    other.write_bytes(one_bytes)
    with pytest.raises(UserError, match=r"correct/c\.0\.0\.0\.0 is damaged \(not what was committed\)"):
        snapshots.Run(partial).correct()
    assert len(snapshots.verify(partial)) == 2


@pytest.mark.parametrize("name", ["run.json", "snapshots.zarr/zarr.json", "snapshots.zarr/correct/zarr.json"])
def test_changed_metadata_of_a_finished_seed_is_not_read(finished: Path, name: str) -> None:
    path = finished / name
    text = path.read_text()
    assert '"a": 1' in text or "{" in text
    path.write_text(text.replace('"a": 1', '"a": 2') if name == "run.json" else text + " ")
    with pytest.raises(UserError, match=f"{path} is damaged"):
        snapshots.Run(finished)


@pytest.mark.parametrize(
    "content", ["", "{}", '{"files": 3, "wall_seconds": 1}', '{"files": {}, "wall_seconds": "x"}']
)
def test_a_damaged_list_of_files_is_named(finished: Path, content: str) -> None:
    path = finished / "complete.json"
    path.write_text(content)
    with pytest.raises(UserError, match=f"{path}"):
        snapshots.Run(finished)
    assert any(str(path) in problem for problem in snapshots.verify(finished))


def test_files_that_are_not_in_the_list_are_reported(finished: Path) -> None:
    (finished / "snapshots.zarr" / "correct" / "c.1.0.0.0").write_bytes(b"")
    (problem,) = snapshots.verify(finished)
    assert problem == f"{finished / 'snapshots.zarr/correct/c.1.0.0.0'}: not in complete.json"


def test_weights_that_were_changed_are_reported(finished: Path) -> None:
    (finished / "weights.safetensors").write_bytes(b"x" * 100)
    assert snapshots.verify(finished) == [f"{finished / 'weights.safetensors'}: not what was written"]


def test_snapshots_of_another_format_are_not_guessed(partial: Path) -> None:
    path = partial / "partial.zarr" / "zarr.json"
    content = json.loads(path.read_text())
    content["attributes"]["format"] = "training-dynamics.snapshots/2"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"format is 'training-dynamics\.snapshots/2'"):
        snapshots.Run(partial)


def test_a_look_tells_the_state(kept: Path, partial: Path, tmp_path: Path) -> None:
    state = snapshots.state(kept / "seed-0000")
    assert (state.kind, state.committed, state.epochs, state.holder) == ("complete", 4, 4, None)
    (partial / "partial.zarr/digest/c.3.0.0").unlink()
    state = snapshots.state(partial)
    assert (state.kind, state.committed, state.epochs) == ("partial", 3, 4)
    assert state.written is not None
    state = snapshots.state(tmp_path / "simclr" / "seed-0009")
    assert (state.kind, state.committed, state.epochs, state.written) == ("empty", 0, None, None)
    record(tmp_path / "simclr" / "seed-0002", [])
    with lock.seed_lock(tmp_path / "simclr" / "seed-0002"):
        state = snapshots.state(tmp_path / "simclr" / "seed-0002")
    assert (state.kind, state.committed, state.epochs) == ("empty", 0, 4)
    assert state.holder is not None
    assert snapshots.verify(tmp_path / "simclr" / "seed-0002") == []


@pytest.mark.parametrize("name", ["run.json", "snapshots.zarr", "snapshots.zarr/digest/zarr.json"])
def test_a_look_sees_the_coarsest_damage(finished: Path, name: str) -> None:
    path = finished / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.write_text("{")
    state = snapshots.state(finished)
    assert state.kind == "damaged"
    assert state.problem is not None
    assert str(path) in state.problem


def test_missing_metadata_is_damage(finished: Path, partial: Path) -> None:
    for path in (finished / "snapshots.zarr/digest/zarr.json", partial / "partial.zarr/digest/zarr.json"):
        path.unlink()
        state = snapshots.state(path.parents[2])
        assert state.kind == "damaged"
        assert str(path) in str(state.problem)
        assert any(str(path) in problem for problem in snapshots.verify(path.parents[2]))
        with pytest.raises(UserError, match=str(path)):
            snapshots.Run(path.parents[2])


def test_damage_of_the_latest_epoch_does_not_hide_the_others(partial: Path) -> None:
    (partial / "partial.zarr/correct/c.3.0.0.0").write_bytes(b"")
    run = snapshots.Run(partial)
    for epoch in (1, 2, 3):
        assert np.array_equal(run.correct([epoch])[0], epoch_entry(epoch)[0]["correct"])
    with pytest.raises(snapshots.Damaged):
        run.correct([4])
