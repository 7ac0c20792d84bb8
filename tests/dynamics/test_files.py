# SPDX-License-Identifier: Apache-2.0
import errno
import os
import stat
from pathlib import Path

import pytest

from dynamics import files
from dynamics.errors import UserError


def test_atomic_write_replaces_the_whole_content_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.atomic_write(path, b"first, and longer")
    files.atomic_write(path, b"sec", memoryview(b"ond"))
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_the_old_content_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "a.json"
    files.atomic_write(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=f"disk that holds {tmp_path} is full.*safe.*same command again"):
        files.atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_of_the_disk_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.atomic_write(tmp_path / "absent" / "a.json", b"")


def test_what_cannot_be_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    with pytest.raises(UserError, match="a folder is not a regular file"):
        files.atomic_write(folder, b"content")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"", b"[" * 100_000])
def test_a_damaged_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json"):
        files.read_json(path)


def test_json_comes_back(tmp_path: Path) -> None:
    content = {"text": "ö", "number": 1.5, "list": [1, None, True]}
    files.write_json(tmp_path / "a.json", content)
    assert files.read_json(tmp_path / "a.json") == content


@pytest.mark.timeout(20)
def test_nobody_waits_for_the_bytes_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="not a regular file"):
        files.sha256_of(tmp_path / "pipe")


def test_nan_is_refused_in_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "a" / "b" / "c")
    files.make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_remove_takes_files_folders_and_nothing(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "a" / "b")
    (tmp_path / "a" / "c").write_bytes(b"")
    for name in ("a", "a", "d"):
        files.remove(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """As root, a rename over /dev/null would leave a file in its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path(os.devnull)):
        with pytest.raises(UserError, match="is not a regular file"):
            files.atomic_write(path, b"content")
        with pytest.raises(UserError, match="is not a regular file"):
            files.read_json(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode) and stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO, errno.ENOTSUP, errno.EBADF])
def test_a_folder_that_cannot_be_synced_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    original = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    files.make_folder(tmp_path / "a" / "b")
    files.atomic_write(tmp_path / "a" / "b" / "file", b"content")
    files.sync_tree(tmp_path)
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"content"


def test_a_file_that_cannot_be_synced_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "old").write_bytes(b"")
    monkeypatch.setattr(os, "fsync", fsync)
    for act in (lambda: files.sync(tmp_path / "old"), lambda: files.atomic_write(tmp_path / "new", b"")):
        with pytest.raises(OSError, match="Input/output error") as caught:
            act()
        assert str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "old"]
