# SPDX-License-Identifier: Apache-2.0
"""What is not damage costs no epoch: errors of the disk, no memory, a newer format. What is cheap to see is seen."""

import errno
import json
import os
from pathlib import Path

import pytest

from dynamics import files, snapshots
from dynamics.errors import UserError
from dynamics.training import checkpoint
from runners import status
from tests.dynamics.recorded import open_writer, record


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    folder = snapshots.seed_folder(tmp_path, "study", "simclr", 0)
    record(folder, [1, 2, 3, 4])
    return folder


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    folder = snapshots.seed_folder(tmp_path, "study", "simclr", 1)
    writer = record(folder, [1, 2, 3, 4])
    (folder / "weights.safetensors").write_bytes(b"weights")
    writer.finish(1.0)
    return folder


def fail_to_read(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let every chunk of `correct` fail, as it does for a user who may not read it or on a bad disk."""
    read = files.read_regular

    def fail(path: Path) -> bytes | None:
        if path.parent.name == "correct" and path.name.startswith("c."):
            raise error
        return read(path)

    monkeypatch.setattr(files, "read_regular", fail)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EACCES, "Permission denied"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ESTALE, "Stale file handle"),
        MemoryError(),
    ],
    ids=["EACCES", "EIO", "ESTALE", "memory"],
)
def test_an_error_while_reading_takes_back_no_epoch(
    partial: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    before = {path: path.read_bytes() for path in partial.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        fail_to_read(patch, error)
        with pytest.raises(type(error)):
            snapshots.Run(partial).correct()
        with pytest.raises(type(error)):
            open_writer(partial)
        with pytest.raises(type(error)):
            snapshots.verify(partial)
    assert {path: path.read_bytes() for path in partial.rglob("*") if path.is_file()} == before
    assert open_writer(partial).committed() == [1, 2, 3, 4]


def test_a_disk_that_fails_has_not_lost_its_files(partial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since Python 3.14 `Path.exists` says False then: a seed would begin anew."""

    def fail(path: Path, **_: object) -> os.stat_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(Path, "stat", fail)
    for looks in (snapshots.has_record, snapshots.is_complete, checkpoint.exists):
        with pytest.raises(OSError, match="Input/output error"):
            looks(partial)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_not_empty(partial: Path) -> None:
    (partial / "partial.zarr" / "digest").chmod(0)
    try:
        assert snapshots.state(partial).kind == "unreadable"
    finally:
        (partial / "partial.zarr" / "digest").chmod(0o755)


def test_one_unreadable_seed_does_not_end_status(
    partial: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = files.read_json

    def refuse(path: Path) -> dict[str, object]:
        if path == partial / "run.json":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(files, "read_json", refuse)
    assert status.main(["--runs", str(partial.parents[2]), "--study", "study"]) == 1
    out = capsys.readouterr().out
    assert f"seed-0000: unreadable: {partial / 'run.json'}: permission denied" in out
    assert "simclr" in out and "damaged" not in out


@pytest.mark.parametrize(
    ("part", "before", "after"),
    [
        ("run.json", "training-dynamics.run/1", "training-dynamics.run/2"),
        ("partial.zarr/zarr.json", "training-dynamics.snapshots/1", "training-dynamics.snapshots/2"),
    ],
)
def test_a_newer_format_is_not_damage(partial: Path, part: str, before: str, after: str) -> None:
    text = (partial / part).read_text()
    (partial / part).write_text(text.replace(before, after))
    for attempt in (lambda: snapshots.Run(partial), lambda: open_writer(partial)):
        with pytest.raises(UserError, match="newer version") as caught:
            attempt()
        assert not isinstance(caught.value, snapshots.Damaged) and "delete" not in str(caught.value)
    (partial / part).write_text(text)
    assert open_writer(partial).committed() == [1, 2, 3, 4]


def test_a_newer_list_of_files_is_not_damage(finished: Path) -> None:
    path = finished / "complete.json"
    path.write_text(path.read_text().replace("complete/2", "complete/3"))
    for attempt in (snapshots.Run, snapshots.is_complete, snapshots.settle):
        with pytest.raises(UserError, match="newer version") as caught:
            attempt(finished)
        assert not isinstance(caught.value, snapshots.Damaged)


@pytest.mark.parametrize(
    "name",
    [
        "weights.safetensors",
        "run.json",
        "snapshots.zarr/correct/c.0.0.0.0",
        "snapshots.zarr/digest/c.0.0.0",
        "snapshots.zarr/digest/zarr.json",
        "snapshots.zarr/label/c.0",
    ],
)
@pytest.mark.parametrize("how", ["missing", "cut"])
def test_a_file_that_is_lost_is_seen_at_a_glance(finished: Path, name: str, how: str) -> None:
    path = finished / name
    blob = path.read_bytes()
    path.unlink()
    if how == "cut":
        path.write_bytes(blob[:-1])
    state = snapshots.state(finished)
    assert state.kind == "damaged"
    assert str(path.parent) in str(state.problem) and path.name in str(state.problem)
    for look in (snapshots.is_complete, snapshots.settle):
        with pytest.raises(UserError, match=path.name):
            look(finished)
    assert any(path.name in problem for problem in snapshots.verify(finished))
    path.write_bytes(blob)
    assert snapshots.state(finished).kind == "complete"


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"format": "training-dynamics.complete/2"}', "[" * 100_000]
)
def test_an_empty_list_of_files_is_not_a_complete_seed(finished: Path, content: str) -> None:
    (finished / "complete.json").write_text(content)
    assert snapshots.state(finished).kind == "damaged"
    with pytest.raises(snapshots.Damaged, match=r"complete\.json"):
        snapshots.is_complete(finished)


def test_a_lost_list_of_files_is_not_made_anew_over_damage(finished: Path) -> None:
    (finished / "complete.json").unlink()
    chunk = finished / "snapshots.zarr/correct/c.0.0.0.0"
    blob = bytearray(chunk.read_bytes())
    blob[-10] ^= 1
    chunk.write_bytes(blob)
    with pytest.raises(snapshots.Damaged, match="correct"):
        snapshots.settle(finished)
    assert not (finished / "complete.json").exists()


def test_a_record_that_lacks_a_field_is_found_under_way(partial: Path) -> None:
    path = partial / "run.json"
    path.write_text(path.read_text().replace('"seed"', '"sead"', 1))
    assert any(str(path) in problem for problem in snapshots.verify(partial))


def test_a_dead_link_among_commits_is_no_commit(partial: Path) -> None:
    commit = partial / "partial.zarr/digest/c.3.0.0"
    commit.unlink()
    commit.symlink_to("nowhere")
    assert snapshots.state(partial).committed == 3


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "name",
    ["run.json", "partial.zarr/zarr.json", "partial.zarr/correct/zarr.json", "partial.zarr/correct/c.1.0.0.0",
     "partial.zarr/digest/c.1.0.0", "partial.zarr/label/c.0"],
)  # fmt: skip
def test_nobody_waits_at_a_pipe(partial: Path, name: str) -> None:
    path = partial / name
    path.unlink()
    os.mkfifo(path)
    assert snapshots.verify(partial)
    with pytest.raises(UserError, match=path.name):
        run = snapshots.Run(partial)
        run.correct()
        assert run.labels is None


def test_the_list_names_the_seed_and_every_file(finished: Path) -> None:
    content = json.loads((finished / "complete.json").read_text())
    assert (content["method"], content["seed"]) == ("simclr", 1)
    for name, listed in content["files"].items():
        assert listed == {
            "bytes": (finished / name).stat().st_size,
            "sha256": files.sha256_of(finished / name),
        }
    assert {"run.json", "weights.safetensors"} < set(content["files"])
