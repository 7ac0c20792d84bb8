# SPDX-License-Identifier: Apache-2.0
import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dynamics import lock, study_file
from dynamics.errors import explained
from dynamics.lock import Holder, Locked, filesystem, holder, jobs, release, release_files, seed_lock

NO_LOCKS = """
import errno, fcntl, os
def flock(descriptor, how):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
"""
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
        pytest.raises(Locked, match=rf"seed-0003 .* process {other.pid} on {socket.gethostname()}, since 20"),
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
        except Locked as error:
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


def test_a_lock_that_was_removed_is_still_held(folder: Path, other: subprocess.Popen[str]) -> None:
    (folder / "lock").unlink()
    found = holder(folder)
    assert found is not None and found.pid == other.pid
    with pytest.raises(Locked, match=f"process {other.pid}"), seed_lock(folder):
        pytest.fail("two processes hold one seed")
    other.kill()
    other.wait()
    with seed_lock(folder):
        pass


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without flock, for this process."""

    def flock(descriptor: int, how: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.fixture
def signed(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the seed, on the same disk."""
    process = subprocess.Popen(
        [sys.executable, "-c", NO_LOCKS + HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.usefixtures("no_locks")
class TestWithoutLocks:
    def test_one_process_at_a_time_has_it(self, folder: Path, signed: subprocess.Popen[str]) -> None:
        found = holder(folder)
        assert found is not None and found.pid == signed.pid and found.lives()
        with pytest.raises(Locked, match=f"process {signed.pid} .* stop that process$"), seed_lock(folder):
            pytest.fail("two processes hold one seed")

    def test_a_killed_process_holds_nothing(self, folder: Path, signed: subprocess.Popen[str]) -> None:
        signed.kill()
        signed.wait()
        assert holder(folder) is None
        for _ in range(2):
            with seed_lock(folder):
                found = holder(folder)
                assert found is not None and found.pid == os.getpid()
        assert not (folder / "holder.json").exists()
        assert not [*(folder / "lock.strict.filelock" / "claims").iterdir()]

    def test_of_another_machine_it_says_which_file_to_remove_and_when(
        self, folder: Path, signed: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signed.kill()
        signed.wait()
        here = socket.gethostname()
        monkeypatch.setattr(socket, "gethostname", lambda: "node2")
        assert holder(folder) is not None
        advice = f"process {signed.pid} on {here}.*known to have ended: python -m runners.status --release"
        with pytest.raises(Locked, match=advice), seed_lock(folder):
            pytest.fail("nobody knows whether it runs")
        with pytest.raises(Locked, match=advice):
            release(folder)
        freed = release(folder, gone=True)
        assert freed is not None and freed.pid == signed.pid
        with seed_lock(folder):
            pass

    @pytest.mark.parametrize("content", ["", "{", '{"pid": "x"}', '{"pid": 99999999999999999999}'])
    def test_what_a_killed_process_has_half_written_can_be_removed(self, folder: Path, content: str) -> None:
        folder.mkdir(parents=True)
        (folder / "holder.json").write_text(content)
        with pytest.raises(Locked, match=r"runners\.status --release"), seed_lock(folder):
            pytest.fail("nobody knows whether it runs")
        release(folder, gone=True)
        with seed_lock(folder):
            pass


def test_a_reused_number_is_another_process(folder: Path) -> None:
    with seed_lock(folder):
        found = holder(folder)
    assert found is not None and found.lives()
    assert found._replace(birth=f"{found.birth}0").lives() is False


def stale_for(times: int) -> Callable[..., object]:
    """A method of Path that fails so often first, as on NFS after another host has replaced the file."""
    read, left = Path.read_bytes, [times]

    def stale(path: Path) -> bytes:
        if path.name == "holder.json" and left[0]:
            left[0] -= 1
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        return read(path)

    return stale


@pytest.mark.parametrize("times", [1, 3])
def test_a_signature_that_another_host_has_replaced_is_read_again(
    folder: Path, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two NFS clients met this in one of a hundred looks at a lock that went from hand to hand."""
    with seed_lock(folder) as signed:
        monkeypatch.setattr(Path, "read_bytes", stale_for(times))
        assert holder(folder) == signed.signed
    assert holder(folder) is None


def test_a_lock_whose_files_another_host_replaces_is_not_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(path: Path, claim: str | None) -> Holder:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))

    monkeypatch.setattr(lock, "sign", stale)
    monkeypatch.setattr(lock, "PATIENCE", 0.1)
    with pytest.raises(Locked), seed_lock(folder):
        pass
    monkeypatch.undo()
    with seed_lock(folder):
        pass


def test_an_error_of_the_disk_is_none_of_the_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error") as caught, seed_lock(folder):
        pytest.fail("it was not locked")
    assert str(folder) in explained(caught.value)


COUNT = """
import sys
from pathlib import Path
from dynamics.lock import rewriting

path = Path(sys.argv[1])
for _ in range(100):
    with rewriting(path):
        path.write_text(str(int(path.read_text()) + 1))
"""
RECORD = """
import sys
from pathlib import Path
from dynamics import lock, study_file

for seed in range(int(sys.argv[2]), 40, 2):
    study_file.record(Path(sys.argv[1]), {}, [seed])
"""


def run_all(*calls: list[str]) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", *words]) for words in calls]
    assert [process.wait(timeout=120) for process in processes] == [0] * len(calls)


@pytest.mark.parametrize("disk", ["", NO_LOCKS], ids=["locks", "no locks"])
def test_no_change_of_a_file_is_lost(tmp_path: Path, disk: str) -> None:
    path = tmp_path / "number"
    path.write_text("0")
    run_all([disk + COUNT, str(path)], [disk + COUNT, str(path)])
    assert path.read_text() == "200"


def test_two_commands_record_their_seeds_in_one_study_file(tmp_path: Path) -> None:
    run_all([RECORD, str(tmp_path), "0"], [RECORD, str(tmp_path), "1"])
    assert study_file.parsed(tmp_path / study_file.NAME).seeds == 40


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that other hosts mount, for this process."""
    monkeypatch.setattr(lock, "is_local", lambda path: False)


SHARED = "from dynamics import lock\nlock.is_local = lambda path: False\n"


@pytest.mark.usefixtures("shared")
class TestOnASharedDisk:
    @pytest.mark.parametrize("disk", ["", SHARED], ids=["its own disk", "shared"])
    def test_one_process_at_a_time_has_it_also_one_to_which_the_disk_is_its_own(
        self, folder: Path, disk: str
    ) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", disk + HOLD, str(folder)], stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            found = holder(folder)
            assert found is not None and found.pid == process.pid
            with pytest.raises(Locked, match=f"process {process.pid}"), seed_lock(folder):
                pytest.fail("two processes hold one seed")
            process.kill()
        with seed_lock(folder):  # it is known to have ended
            pass

    def test_a_host_whose_own_disk_it_is_sees_the_claim(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with seed_lock(folder) as held:
            monkeypatch.setattr(lock, "is_local", lambda path: True)
            with pytest.raises(Locked), seed_lock(folder):
                pytest.fail("two processes hold one seed")
            held.check()  # the one that was refused has touched nothing
            monkeypatch.undo()

    def test_a_claim_that_cannot_be_read_is_freed_by_who_vouches_for_it(self, folder: Path) -> None:
        with seed_lock(folder):
            pass
        (folder / f"lock.strict.filelock/claims/held-v1-{'a' * 32}.claim").touch()  # as after a power cut
        with pytest.raises(Locked), seed_lock(folder):
            pytest.fail("nobody knows whose it is")
        with pytest.raises(Locked):
            release(folder)
        release(folder, gone=True)
        with seed_lock(folder):
            pass

    def test_what_is_taken_while_somebody_asks_is_not_freed(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dead = Holder(
            1,
            "node2",
            None,
            "x",
            jobs.SchedulerJob("slurm", "41", cluster="c"),
            "held-v1-" + "0" * 32 + ".claim",
        )
        with seed_lock(folder) as held:
            seen = iter([dead])
            look = lock._holder
            monkeypatch.setattr(lock, "_holder", lambda *where: next(seen, None) or look(*where))
            monkeypatch.setattr(jobs, "_asked", lambda job, when: True)
            with pytest.raises(Locked):
                release(folder)
            held.check()

    def test_files_that_a_killed_command_had_locked_are_freed(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / ".study.toml.lock.strict.filelock" / "claims").mkdir(parents=True)
        (folder / ".study.toml.lock.json").write_text('{"pid": 1, "host": "node2"}')
        with pytest.raises(Locked):
            release_files(folder)
        [(path, by)] = release_files(folder, gone=True)
        assert path.name == ".study.toml.lock" and by.host == "node2"
        assert release_files(folder) == []

    def test_a_job_that_its_scheduler_has_ended_holds_nothing(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: dict[str, bool | None] = {"41_0": None}
        monkeypatch.setattr(jobs, "_asked", lambda job, when: said[job.id])
        monkeypatch.setenv("SLURM_JOB_ID", "42")
        monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "41")
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
        other = subprocess.Popen(
            [sys.executable, "-c", SHARED + HOLD, str(folder)], stdout=subprocess.PIPE, text=True
        )
        with other:
            assert other.stdout is not None and other.stdout.readline() == "held\n"
            other.kill()
        for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
            monkeypatch.delenv(name)
        monkeypatch.setattr(socket, "gethostname", lambda: "node2")
        found = holder(folder)
        assert found is not None and "slurm job 41_0" in str(found)
        with pytest.raises(Locked, match="slurm job 41_0"), seed_lock(folder):
            pytest.fail("nobody knows whether it runs")
        said["41_0"] = True
        assert holder(folder) is None
        with seed_lock(folder):
            pass


def test_a_job_that_runs_again_knows_that_it_had_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    assert jobs.own() == jobs.SchedulerJob("slurm", "7", 2)
    assert jobs.ended(jobs.SchedulerJob("slurm", "7", 1)) is True
    assert jobs.ended(jobs.SchedulerJob("slurm", "7", 2)) is None


MOUNTS = b"""22 1 8:1 / / rw - ext4 /dev/sda rw
30 22 0:50 / /home rw - nfs4 server:/home rw
31 30 0:51 / /home/my\\040runs rw - ext4 /dev/sdb rw
32 22 0:52 / /scratch rw - lustre a@tcp:/b rw
33 22 0:53 / /homestead rw - fuse.sshfs x rw
"""


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/srv/runs", True),
        ("/home/me/runs", False),
        ("/home/my runs/x", True),
        ("/scratch", False),
        ("/homes", True),
        ("/homestead/x", False),
    ],
)
def test_the_disk_of_a_path_is_that_of_its_mount(
    path: str, local: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mountinfo").write_bytes(MOUNTS)
    monkeypatch.setattr(filesystem, "MOUNTS", tmp_path / "mountinfo")
    assert filesystem.is_local(Path(path)) is local
