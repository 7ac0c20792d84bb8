# SPDX-License-Identifier: Apache-2.0
"""Workers that share a folder: what they take, leave and take up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dynamics import snapshots, study_file
from dynamics.errors import UserError
from dynamics.lock import seed_lock
from runners import worker
from tests.runners.test_seeds import call

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def begun(runs: Path, seeds: int, epochs: int = 3) -> Path:
    """A study whose file asks for more seeds than are complete."""
    status, _, err = call(runs, "--method", "supervised", "--n", "1", "--epochs", str(epochs))
    assert status == 0, err
    path = runs / "s" / study_file.NAME
    path.write_text(path.read_text().replace("seeds = 1", f"seeds = {seeds}"))
    return runs / "s" / "supervised"


def start(runs: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runners.worker", "--runs", str(runs), "--study", "s", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip


@pytest.mark.slow
def test_two_workers_share_the_seeds_and_each_ends_when_none_is_left(tmp_path: Path) -> None:
    folder = begun(tmp_path, seeds=5, epochs=12)
    both = [start(tmp_path, "--workers", "1", *more) for more in ((), ("--wait",))]
    said = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert all(snapshots.is_complete(folder / f"seed-{seed:04d}") for seed in range(5))
    done = [sum(" done: " in line for line in out.splitlines()) for out, _ in said]
    assert sum(done) == 4 and min(done) >= 1, said
    assert all(snapshots.verify(folder / f"seed-{seed:04d}") == [] for seed in range(5))


@pytest.mark.slow
def test_a_seed_that_another_process_holds_is_left_to_it_or_waited_for(tmp_path: Path) -> None:
    folder = begun(tmp_path, seeds=2)
    with seed_lock(folder / "seed-0001"):
        status, out, err = call(tmp_path, "--method", "supervised", "--n", "2")
        assert status == 1 and "seed-0001 is being trained by process" in out and not err
        leaving = start(tmp_path)
        leaving.communicate(timeout=600)
        assert leaving.returncode == 0  # others' seeds are none of its business
        waiting = start(tmp_path, "--wait")
        time.sleep(5)
        assert waiting.poll() is None
    out, err = waiting.communicate(timeout=600)
    assert waiting.returncode == 0 and "1 of 1 seed trained" in out, err
    assert snapshots.is_complete(folder / "seed-0001")


@pytest.mark.slow
def test_what_a_killed_worker_leaves_is_taken_up(tmp_path: Path) -> None:
    folder = begun(tmp_path, seeds=2, epochs=100)
    victim = start(tmp_path, "--workers", "1")
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and snapshots.state(folder / "seed-0001").committed < 3:
        time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    out, err = start(tmp_path, "--wait").communicate(timeout=900)
    assert "1 of 1 seed trained" in out, err
    status, _, err = call(tmp_path / "alone", "--method", "supervised", "--n", "2", "--epochs", "100")
    ours, theirs = (
        snapshots.Run(place / "s/supervised/seed-0001") for place in (tmp_path, tmp_path / "alone")
    )
    assert status == 0 and ours.digest() == theirs.digest()


def test_a_worker_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no .*s/study\.toml: begin the study on one host"):
        worker.main(["--runs", str(tmp_path), "--study", "s"])
    recipe = study_file.preset("supervised", "quick")
    study_file.record(tmp_path / "s", {"supervised": recipe}, [0], data={"digits": "other images"})
    with pytest.raises(UserError, match=r"on .*: .*different images of digits .*other images, here"):
        worker.main(["--runs", str(tmp_path), "--study", "s"])
    with pytest.raises(UserError, match="has no method of vicreg"):
        worker.main(["--runs", str(tmp_path), "--study", "s", "--methods", "vicreg"])
    study_file.record(
        tmp_path / "t", {"supervised": study_file.preset("supervised", "quick", dataset="folder")}, [0]
    )
    with pytest.raises(UserError, match=r"on .*: .*nowhere"):
        worker.main(["--runs", str(tmp_path), "--study", "t", "--data-root", "/nowhere"])
    with pytest.raises(UserError, match=r"data_root \$NOWHERE/x: NOWHERE is not set on "):
        worker.main(["--runs", str(tmp_path), "--study", "t", "--data-root", "$NOWHERE/x"])
    with pytest.raises(UserError, match="t has no seed 9: its seeds are 0"):
        worker.main(["--runs", str(tmp_path), "--study", "t", "--seeds", "0,9"])
    with pytest.raises(UserError, match=r"u\.zip is an archive, which is only read"):
        worker.main(["--runs", str(tmp_path), "--study", "u.zip"])
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / study_file.NAME).write_text("")
    with pytest.raises(UserError, match="study v names no methods"):
        worker.main(["--runs", str(tmp_path), "--study", "v"])


def test_a_folder_that_was_copied_is_the_study_of_its_own_name(tmp_path: Path) -> None:
    study_file.record(tmp_path / "s", {"supervised": study_file.preset("supervised", "quick")}, [0])
    path = tmp_path / "s" / study_file.NAME
    path.write_text(path.read_text().replace('name = "s"', 'name = "other"'))
    assert worker.read_study(tmp_path, "s").name == "s"


def test_the_command_that_is_to_be_repeated_has_no_descriptor() -> None:
    words = ["--study", "s", "--lifeline", "41", "--seeds", "1", "--lifeline=7"]
    assert worker._typed(words) == ["--study", "s", "--seeds", "1"]
    worker._stop_with(10**6)  # no such descriptor: nothing is stopped


def test_of_two_hosts_with_other_images_the_later_is_refused(tmp_path: Path) -> None:
    recipes = {"supervised": study_file.preset("supervised", "quick")}
    study_file.record(tmp_path / "s", recipes, [0], data={"digits": "one"})
    with pytest.raises(UserError, match=r"different images of digits .*one, here two"):
        study_file.record(tmp_path / "s", recipes, [1], data={"digits": "two"})
    study_file.record(tmp_path / "s", recipes, [1], data={"digits": "one"})


def test_methods_keep_seeds_of_their_own(tmp_path: Path) -> None:
    for method, seeds in (("supervised", range(4)), ("simclr", range(2)), ("supervised", [7])):
        study_file.record(tmp_path / "s", {method: study_file.preset(method, "quick")}, seeds)
    study = study_file.read(tmp_path / "s" / study_file.NAME)
    assert study.seed_list("supervised") == [0, 1, 2, 3, 7] and study.seed_list("simclr") == [0, 1]
    assert study.seeds_of == {"simclr": 2}
    some = worker.WorkerArguments(study=("s",), runs=tmp_path, seeds="1-3")
    assert [(job.method, job.seed) for job in worker.plan_of(study, some).missing] == [
        ("simclr", 1), *(("supervised", seed) for seed in (1, 2, 3)),
    ]  # fmt: skip
    where = worker.WorkerArguments(study=("s",), runs=tmp_path)
    assert [(job.method, job.seed) for job in worker.plan_of(study, where).missing] == [
        ("simclr", 0), ("simclr", 1), *(("supervised", seed) for seed in (0, 1, 2, 3, 7)),
    ]  # fmt: skip
