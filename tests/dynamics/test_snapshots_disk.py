# SPDX-License-Identifier: Apache-2.0
"""What is on the disk when an epoch is acknowledged, and when the disk is full."""

import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dynamics import snapshots
from dynamics.errors import UserError
from tests.dynamics.recorded import epoch_entry, open_writer, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return snapshots.seed_folder(tmp_path / "runs", "study", "simclr", 7)


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

    def no_link(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", no_link)  # where a chunk is put in place
        message = (
            f"the disk that holds {folder} is full: what was finished before is safe.*same command again"
        )
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
    folder, shape = small_disk / "simclr" / "seed-0000", (1, 4, 9000)

    def go_on() -> snapshots.Writer:
        writer = open_writer(folder, epochs=40, shape=shape, coordinates={"example": np.arange(9000)})
        for epoch in range(1, 41):
            writer.write(epoch, *epoch_entry(epoch, shape=shape))
        return writer

    snapshots.write_run_json(folder, method="simclr", seed=0, config={}, provenance={})
    with pytest.raises(UserError, match="full"):
        go_on()
    run = snapshots.Run(folder)
    assert 3 < len(run.epochs) < 40
    for epoch in run.epochs:
        assert np.array_equal(run.correct([epoch])[0], epoch_entry(epoch, shape=shape)[0]["correct"])
    assert snapshots.verify(folder) == []
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    go_on().finish(0.0)
    assert snapshots.verify(folder) == []
    assert len(snapshots.Run(folder).epochs) == 40
