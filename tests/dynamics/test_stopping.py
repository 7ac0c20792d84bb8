# SPDX-License-Identifier: Apache-2.0
"""A worker that is asked to stop saves its state at the next step, and a later one ends with the same bits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dynamics import snapshots
from dynamics.training import checkpoint, pool, stopping
from tests.runners.test_seeds import TINY

WORDS = [
    *(sys.executable, "-m", "runners.seeds", *TINY, "--method", "supervised", "--study", "s", "--n", "1"),
    *("--epochs", "300", "--train-examples", "384"),
]
FOLDER = Path("runs/s/supervised/seed-0000")


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        WORDS, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def until(folder: Path, epochs: int) -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and not (
        folder.exists() and snapshots.state(folder).committed >= epochs
    ):
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("whole_group", [True, False], ids=["all processes", "the command alone"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1])
def test_no_finished_epoch_is_trained_again(
    signum: signal.Signals, whole_group: bool, tmp_path: Path
) -> None:
    process = start(tmp_path)
    folder = tmp_path / FOLDER
    until(folder, 20)
    asked = time.monotonic()
    os.killpg(process.pid, signum) if whole_group else process.send_signal(signum)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130 and "To go on" in out and not err, (out, err)
    assert time.monotonic() - asked < pool.STOP_SECONDS  # after which it would have been killed
    state = checkpoint.load(snapshots.state_file(folder)).state
    assert state["epoch"] == snapshots.state(folder).committed >= 20


def test_a_copy_of_a_state_does_not_change() -> None:
    import torch

    weights = torch.ones(2)
    kept = checkpoint.copied({"a": {1: (weights, None)}, "b": [3, "x"]})
    weights += 1
    assert kept["a"][1][0].tolist() == [1.0, 1.0] and kept["b"] == [3, "x"]


def test_nobody_is_asked_to_stop_by_default() -> None:
    stopping.check()
    with stopping.training():
        stopping.check()
