"""kill -9 commands at random moments, start them again, and compare with what an undisturbed run wrote.

python -m tests.runners.kill_at_random --times 1000 --seed 0

Two seeds train side by side in tiny networks. After every kill all readable epochs must be those of the undisturbed
run, bit for bit, and none that was readable may be gone; when both seeds are whole, everything must be, weights too.
The finished seeds are then analysed and reported, each killed as well: a result is readable or says what to run again.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from analysis.framework import results
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.training import checkpoint

STUDY = "kills"
TRAIN = [
    *("runners.seeds", "--preset", "quick", "--method", "simclr", "--n", "2"),
    *("--train-examples", "128", "--width", "4", "--epochs", "40", "--workers", "2", "--device", "cpu"),
    *("--panel-examples", "64", "--panel-augmentations", "2", "--study", STUDY),
]
ANALYSE, REPORT = ["analysis.learning", "--study", STUDY], ["runners.report", "--study", STUDY]
PHASES = ("training", "finishing", "analysis", "report")


def folders(runs: Path) -> list[Path]:
    return [snapshots.seed_folder(runs, STUDY, "simclr", seed) for seed in (0, 1)]


def start(command: list[str], root: Path) -> subprocess.Popen[bytes]:
    places = ["--runs", str(root / "runs")]
    if command is not TRAIN:
        places += ["--results", str(root / "results")]
    return subprocess.Popen(
        [sys.executable, "-m", *command, *places],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill a command with its workers; return False if it had ended."""
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def compare(found: Path, reference: Path) -> int:
    """Return how many epochs of a seed are readable, after checking that they are the reference's."""
    if not (found / "run.json").exists():
        return 0
    run, whole = snapshots.Run(found), snapshots.Run(reference)
    if run.epochs:
        assert np.array_equal(run.correct(), whole.correct(run.epochs)), found
        assert np.array_equal(run.read("probability"), whole.read("probability", run.epochs)), found
        for name, values in run.scalars().items():
            assert np.array_equal(values, whole.scalars(run.epochs)[name]), (found, name)
    if run.complete:
        ours, theirs = (checkpoint.load_weights(f / "weights.safetensors") for f in (found, reference))
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items()), found
        assert not snapshots.verify(found)
    return len(run.epochs)


def epochs_of(root: Path, reference: Path) -> list[int]:
    return [compare(*pair) for pair in zip(folders(root / "runs"), folders(reference / "runs"), strict=True)]


def states(root: Path) -> list[snapshots.State]:
    return [snapshots.state(folder) for folder in folders(root / "runs") if folder.exists()]


def held(root: Path, epochs: int) -> bool:
    """Whether a process is writing a seed that has so many epochs; a killed one holds nothing."""
    return any(state.holder is not None and state.committed >= epochs for state in states(root))


def kill_training(root: Path, moments: random.Random, seconds: float) -> str | None:
    """Kill the training once; return in which phase, or None if it had ended.

    Half of the kills wait for a seed's last epoch, to meet it while it is being finished. Undisturbed, the training
    takes so many seconds.
    """
    process = start(TRAIN, root)
    epochs, longest = moments.choice([1, 40]), seconds * moments.choice([0.01, 0.1, 1.0])
    while process.poll() is None and not held(root, epochs):
        time.sleep(0.005)
    time.sleep(moments.uniform(0, longest))
    before = states(root)
    finishing = held(root, 40)
    if not kill(process):
        return None
    after = states(root)
    assert all(b.committed <= a.committed for b, a in zip(before, after, strict=True)), (before, after)
    return "finishing" if finishing else "training"


def kill_command(command: list[str], root: Path, moments: random.Random, seconds: float) -> bool:
    """Kill a command that reads the finished seeds; return False if it had ended."""
    process = start(command, root)
    time.sleep(moments.uniform(0, seconds))
    return kill(process)


def check_result(root: Path, reference: Path) -> None:
    """Check that a result after a kill is the undisturbed run's, or is refused with a sentence."""
    folder = root / "results" / STUDY
    with contextlib.suppress(UserError):
        found, whole = (results.read(place / "results" / STUDY, "learning") for place in (root, reference))
        assert list(found.rows) == list(whole.rows), folder
        assert found.arrays.keys() == whole.arrays.keys(), folder
        assert all(np.array_equal(values, whole.arrays[name]) for name, values in found.arrays.items())


def run_whole(command: list[str], root: Path) -> None:
    assert start(command, root).wait() == 0, command


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--times", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    moments = random.Random(chosen.seed)
    kills: Counter[str] = Counter()
    pairs = 0
    with tempfile.TemporaryDirectory() as name:
        reference, root = Path(name) / "reference", Path(name) / "killed"
        seconds = {}
        for command in (TRAIN, ANALYSE, REPORT):
            began = time.monotonic()
            run_whole(command, reference)
            seconds[command[0]] = time.monotonic() - began
        while kills.total() < chosen.times:
            if phase := kill_training(root, moments, seconds[TRAIN[0]]):
                kills[phase] += 1
            epochs = epochs_of(root, reference)
            print(f"kill {kills.total()}: {phase}, readable epochs {epochs}; {dict(kills)}", flush=True)
            if not all(snapshots.is_complete(folder) for folder in folders(root / "runs")):
                continue
            run_whole(TRAIN, root)
            pairs += 1
            for phase, command in (("analysis", ANALYSE), ("report", REPORT)):
                for _ in range(4):
                    if kills.total() < chosen.times and kill_command(
                        command, root, moments, seconds[command[0]]
                    ):
                        kills[phase] += 1
                        check_result(root, reference)
                run_whole(command, root)
                check_result(root, reference)
                assert epochs_of(root, reference) == [40, 40]
            shutil.rmtree(root)
        run_whole(TRAIN, root)
        assert epochs_of(root, reference) == [40, 40]
    for phase in PHASES:
        print(f"{kills[phase]:5d} kills in {phase}")
    missed = [phase for phase in ("training", "finishing") if chosen.times >= 50 and not kills[phase]]
    assert not missed, f"no kill met a seed in {missed}: that shows nothing"
    print(f"{kills.total()} kills, 0 epochs lost; {pairs + 1} pairs of seeds, all bit-equal")


if __name__ == "__main__":
    main()
