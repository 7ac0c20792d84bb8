# SPDX-License-Identifier: Apache-2.0
"""Two writers of one seed, as if its lock had failed: the one that commits later stops, and damages nothing."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from dynamics import snapshots
from dynamics.snapshots import Superseded
from dynamics.snapshots.fence import Fence
from tests.dynamics.recorded import epoch_entry, record


def other_bits(epoch: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    arrays, scalars = epoch_entry(epoch)
    return {name: ~values if values.dtype == bool else values for name, values in arrays.items()}, scalars


def holds(folder: Path, epochs: list[int]) -> bool:
    run = snapshots.Run(folder)
    expected = [epoch_entry(epoch)[0]["correct"] for epoch in epochs]
    return list(run.epochs) == epochs and np.array_equal(run.correct(), np.stack(expected))


def test_a_later_writer_stops_where_the_earlier_one_has_gone_on(tmp_path: Path) -> None:
    earlier = record(tmp_path, [1, 2])
    later = snapshots.Writer.reopen(tmp_path)
    earlier.write(3, *epoch_entry(3))
    with pytest.raises(Superseded, match="being written by another process as well"):
        later.write(3, *other_bits(3))
    earlier.write(4, *epoch_entry(4))
    assert holds(tmp_path, [1, 2, 3, 4])


def test_an_earlier_writer_that_was_asleep_stops_where_a_later_one_has_taken_over(tmp_path: Path) -> None:
    asleep = record(tmp_path, [1, 2])
    awake = snapshots.Writer.reopen(tmp_path)
    awake.write(3, *epoch_entry(3))
    for attempt in (lambda: asleep.write(3, *other_bits(3)), lambda: asleep.write(4, *other_bits(4))):
        with pytest.raises(Superseded):
            attempt()
    with pytest.raises(Superseded):
        asleep.take_back_after(1)
    awake.write(4, *epoch_entry(4))
    assert holds(tmp_path, [1, 2, 3, 4])


def test_neither_finishes_a_seed_that_the_other_has_gone_on_with(tmp_path: Path) -> None:
    first = record(tmp_path, [1, 2], epochs=3)
    second = snapshots.Writer.reopen(tmp_path)
    second.write(3, *epoch_entry(3))
    with pytest.raises(Superseded):
        first.finish(1.0, early=True)
    second.finish(1.0)
    assert snapshots.is_complete(tmp_path)


def test_of_two_that_commit_at_the_same_moment_no_bit_is_mixed(tmp_path: Path) -> None:
    stopped = 0
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        record(folder, [1])
        writers = [snapshots.Writer.reopen(folder) for _ in range(2)]
        start = threading.Barrier(2)
        failed: list[Exception] = []

        def commit(
            writer: snapshots.Writer, entry: object, start: threading.Barrier = start, failed: list = failed
        ) -> None:
            start.wait()
            try:
                writer.write(2, *entry(2))  # type: ignore[operator]
            except Superseded as error:
                failed.append(error)

        threads = [
            threading.Thread(target=commit, args=pair)
            for pair in zip(writers, (epoch_entry, other_bits), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stopped += len(failed)
        assert failed, "both have committed epoch 2, with other bits"
        run = snapshots.Run(folder)
        if 2 in run.epochs:
            [correct] = run.correct([2])
            assert any(np.array_equal(correct, entry(2)[0]["correct"]) for entry in (epoch_entry, other_bits))
        assert not snapshots.verify(folder)
        snapshots.Writer.reopen(folder).write(2, *epoch_entry(2))  # the next one goes on
    assert stopped >= 20


def test_what_a_killed_writer_left_is_no_other_writer(tmp_path: Path) -> None:
    record(tmp_path, [1, 2])
    chunks = tmp_path / "partial.zarr" / "correct"
    (chunks / "c.2.0.0.0").write_bytes(b"half an epoch")
    (chunks / "c.3.0.0.0.node-7.partial").write_bytes(b"half a chunk")
    again = snapshots.Writer.reopen(tmp_path)
    again.write(3, *epoch_entry(3))
    assert holds(tmp_path, [1, 2, 3])
    assert not list(chunks.glob("*.partial"))


def test_a_disk_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = record(tmp_path, [1])
    second = snapshots.Writer.reopen(tmp_path)

    def link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    first.write(2, *epoch_entry(2))
    with pytest.raises(Superseded):
        second.write(2, *other_bits(2))
    assert holds(tmp_path, [1, 2])


def test_claims_do_not_gather(tmp_path: Path) -> None:
    for _ in range(3):
        Fence(tmp_path).claim()
    assert [path.name for path in tmp_path.iterdir()] == ["writer.3"]
