"""The command lines as a user meets them: real processes, tiny networks."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from analysis.framework.console import in_flags
from dynamics import snapshots, study_file
from dynamics.errors import UserError
from dynamics.seed_lists import parse_seeds
from runners import seeds
from runners.arguments import seeds_of_flags

TINY = [
    *("--preset", "quick", "--train-examples", "64", "--width", "2", "--batch-size", "32", "--epochs", "3"),
    *("--panel-examples", "16", "--panel-batch", "8", "--panel-augmentations", "2"),
]


def heed_interrupts() -> None:
    """What runs in the background of a script is born deaf to Ctrl-C; a user's terminal is not like that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(runs: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runners.seeds", *TINY, "--runs", str(runs), "--study", "s", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )


def call(runs: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(runs, *arguments)
    out, err = process.communicate(timeout=1000)
    return process.returncode, out, err


@pytest.mark.slow
def test_training_resuming_and_doing_nothing(tmp_path: Path) -> None:
    status, out, err = call(tmp_path, "--method", "supervised", "--n", "2")
    assert status == 0, err
    assert "preset quick" in out.splitlines()[0] and "2 of 2 seeds trained" in out
    assert all(snapshots.state(tmp_path / "s/supervised" / f"seed-000{i}").kind == "complete" for i in (0, 1))
    made = study_file.read(tmp_path / "s" / "study.toml")  # makes the study again
    assert made.methods == ("supervised",) and made.seeds == 2
    assert made.recipe_of("supervised").to_json() == snapshots.Run(tmp_path / "s/supervised/seed-0000").config

    status, out, _ = call(tmp_path, "--method", "supervised", "--seeds", "0,2", "--dry-run")
    assert status == 0 and "would train supervised/seed-0002" in out and "seed-0000" not in out
    assert not (tmp_path / "s/supervised/seed-0002").exists()

    status, _, err = call(tmp_path, "--method", "supervised", "--n", "1", "--lr", "0.5")
    assert status == 2 and "lr = 0.001 there, 0.5 now" in err and err.count("\n") == 1

    status, _, err = call(tmp_path, "--method", "simclr", "--panel-seed", "3")
    assert status == 2 and "--panel-seed 0, not 3" in err and err.count("\n") == 1


@pytest.mark.slow
def test_a_failing_seed_does_not_stop_the_others(tmp_path: Path) -> None:
    broken = tmp_path / "s/random-labels/seed-0000"
    broken.parent.mkdir(parents=True)
    broken.write_text("a file where a folder should be")
    status, out, err = call(tmp_path, "--method", "random-labels", "--n", "3", "--workers", "2")
    assert status == 1
    assert "2 of 3 seeds trained" in out and "failed: random-labels/seed-0000" in err
    found = [snapshots.state(tmp_path / f"s/random-labels/seed-000{i}").kind for i in (1, 2)]
    assert found == ["complete", "complete"]


@pytest.mark.slow
def test_ctrl_c_leaves_a_resumable_run_and_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "s/supervised/seed-0000"
    arguments = ("--method", "supervised", "--n", "1", "--epochs", "400")
    process = start(tmp_path, *arguments)
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        if folder.exists() and snapshots.state(folder).committed >= 2:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "To go on: python -m runners.seeds" in out and "Traceback" not in err
    state = snapshots.state(folder)
    assert state.kind == "partial" and state.holder is None and state.committed >= 2


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    process = start(tmp_path, "--method", "supervised", "--n", "2", "--workers", "1", "--epochs", "40")
    folder = tmp_path / "s/supervised/seed-0000"
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        if folder.exists() and (state := snapshots.state(folder)).committed and state.holder is not None:
            assert state.holder.pid is not None
            os.kill(state.holder.pid, signal.SIGKILL)
            break
        time.sleep(0.02)
    out, err = process.communicate(timeout=1000)
    assert process.returncode == 1, err
    assert "1 of 2 seeds trained" in out and "supervised/seed-0000: its process died" in err
    status, out, err = call(tmp_path, "--method", "supervised", "--n", "2", "--epochs", "40")
    assert status == 0 and "1 of 1 seed trained" in out, err


@pytest.mark.slow
def test_workers_do_not_change_the_bits(tmp_path: Path) -> None:
    for workers in ("1", "2"):
        status, _, err = call(tmp_path / workers, "--method", "simclr", "--n", "2", "--workers", workers)
        assert status == 0, err
    for seed in (0, 1):
        one, two = (snapshots.Run(tmp_path / w / f"s/simclr/seed-000{seed}") for w in "12")
        np.testing.assert_array_equal(one.read("probability"), two.read("probability"))


@pytest.mark.parametrize(
    ("text", "wanted"), [("0", [0]), ("0-3", [0, 1, 2, 3]), ("0-1,20", [0, 1, 20]), ("3,1,3", [3, 1])]
)
def test_seeds_are_read(text: str, wanted: list[int]) -> None:
    assert parse_seeds(text) == wanted


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-", "-1", "1,,2", "0-70000", "1.5"])
def test_wrong_seeds_are_said(text: str) -> None:
    with pytest.raises(UserError, match=r"^seeds must be"):
        seeds_of_flags(None, text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "--method must be given.*simclr"),
        ("--method simclear", "use one of.*supervised"),
        ("--method simclr --preset slow", "no study file 'slow'.*quick"),
        ("--method simclr --n 0", "--n must be in .1, 65536., got 0"),
        ("--method simclr --n 2 --seeds 1", "exclude each other"),
        ("--method simclr --workers 0", "--workers must be >= 1, or auto, got 0"),
        ("--method simclr --device cuda:77", "--device cuda:77"),
        ("--method simclr --epochs 5000", "--epochs must be <= 4095, got 5000"),
        ("--method simclr --study ../up", "--study must be letters"),
        ("--method simclr --dataset mnist", "no data set 'mnist'.*digits"),
        ("--method supervised --dataset cifar10", "--dataset digits"),
        ("--method simclr --width 0", "--width must be >= 1, got 0"),
        ("--method simclr --encoder vgg", "no encoder 'vgg'"),
        ("--method vicreg --dataset cifar10 --dry-run", "no CIFAR-10 in"),
        ("--method vicreg --batch-size 5000 --dry-run", "--batch-size must be <= 384"),
        ("--method vicreg --width 100000 --dry-run", "training a network of .* GiB.*: lower --width 100000"),
        (
            "--method vicreg --width 2147483647 --dry-run",
            "--width 2147483647 makes an encoder that no memory",
        ),
        ("--method vicreg --projector 2147483647 2147483647 --dry-run", "lower --width"),
        ("--method vicreg --projector 99999999999999999999", "--projector must be <= 2147483647"),
        (f"--method simclr --study {'s' * 256}", "--study must have at most 255 characters, got 256"),
        ("--method supervised --batch-size 5000", "--batch-size must be <= 384"),
        ("--method supervised --panel-examples 5000", "--panel-examples must be <= 384"),
        (
            "--method simclr --panel-batch 100",
            "--panel-examples must be a multiple of --panel-batch .100., got 128",
        ),
    ],
)
def test_wrong_input_is_one_line(
    arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        seeds.main([*arguments.split(), *([] if "--preset" in arguments else ["--preset", "quick"])])
    assert re.search(message, in_flags(refused.value))
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    """kill -9 of the command alone, in the middle of an epoch: nobody is left who writes the seed."""
    process = start(tmp_path, "--method", "supervised", "--n", "1", "--epochs", "4000")
    folder = tmp_path / "s/supervised/seed-0000"
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline and not (folder / "partial.zarr").exists():
        time.sleep(0.05)
    holder = snapshots.state(folder).holder
    assert holder is not None and holder.pid is not None
    process.kill()
    process.communicate()
    while time.monotonic() < deadline and Path(f"/proc/{holder.pid}").exists():
        time.sleep(0.05)
    assert snapshots.state(folder).holder is None


def test_a_home_folder_is_found_where_the_shell_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder named ~ was made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert seeds.main(["--method", "simclr", "--preset", "quick", "--dry-run", "--runs=~/runs"]) == 0
    assert f"in {tmp_path}/runs/quick/simclr/seed-0000" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
