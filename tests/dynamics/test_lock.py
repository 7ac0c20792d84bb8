# SPDX-License-Identifier: Apache-2.0
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynamics.lock import SeedLocked, holder, seed_lock

HOLD = """
import sys, time
from pathlib import Path
from dynamics.lock import seed_lock

with seed_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "study" / "simclr" / "seed-0003"


@pytest.fixture
def other(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_process_is_told_who_holds_the_seed(folder: Path, other: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(
            SeedLocked, match=rf"seed-0003 .* process {other.pid} on {socket.gethostname()}, since 20"
        ),
        seed_lock(folder),
    ):
        pytest.fail("two processes hold one seed")
    found = holder(folder)
    assert found is not None
    assert found.pid == other.pid


def test_a_killed_process_holds_nothing(folder: Path, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    assert holder(folder) is None
    with seed_lock(folder):
        found = holder(folder)
        assert found is not None
        assert found.pid == os.getpid()


def test_a_lock_is_free_again_after_the_block_and_after_an_error(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), seed_lock(folder):
        raise ZeroDivisionError
    assert holder(folder) is None
    with seed_lock(folder):
        pass
    assert not (folder / "holder.json").exists()


def test_looking_neither_takes_nor_makes_anything(folder: Path) -> None:
    assert holder(folder) is None
    assert not folder.exists()


def test_two_threads_of_one_process_exclude_each_other(folder: Path) -> None:
    refused: list[Exception] = []

    def try_it() -> None:
        try:
            with seed_lock(folder):
                pass
        except SeedLocked as error:
            refused.append(error)

    with seed_lock(folder):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert len(refused) == 1


def test_somebody_who_only_looks_does_not_turn_a_writer_away(folder: Path) -> None:
    with seed_lock(folder):
        pass
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            holder(folder)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(20):
            with seed_lock(folder):
                pass
    finally:
        stop.set()
        thread.join()


def test_before_it_has_signed_the_holder_is_another_process(folder: Path) -> None:
    with seed_lock(folder):
        (folder / "holder.json").unlink()
        assert str(holder(folder)) == "another process"
        (folder / "holder.json").write_text("{")
        assert str(holder(folder)) == "another process"
