"""kill -9 the seed runner at random moments, start it again, and compare with a run that was left alone.

python -m tests.runners.kill_at_random --times 50

Two seeds train side by side in tiny networks. After every kill all readable epochs must be those of the
undisturbed run, bit for bit; when both seeds are whole, everything must be, weights too, and a new pair begins.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from dynamics import snapshots
from dynamics.training import checkpoint

COMMAND = [
    *(sys.executable, "-m", "runners.seeds", "--preset", "quick", "--method", "simclr", "--n", "2"),
    *("--train-examples", "128", "--width", "4", "--epochs", "40", "--workers", "2", "--device", "cpu"),
    *("--panel-examples", "64", "--panel-augmentations", "2", "--study", "kills"),
]


def folders(runs: Path) -> list[Path]:
    return [snapshots.seed_folder(runs, "kills", "simclr", seed) for seed in (0, 1)]


def start(runs: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, "--runs", str(runs)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def compare(found: Path, reference: Path) -> int:
    """Return how many epochs of a seed are readable, after checking that they are the reference's."""
    if not (found / "run.json").exists():
        return 0
    run, whole = snapshots.Run(found), snapshots.Run(reference)
    if run.epochs:
        assert np.array_equal(run.correct(), whole.correct(run.epochs)), found
        assert np.array_equal(run.probability(), whole.probability(run.epochs)), found
        for name, values in run.scalars().items():
            assert np.array_equal(values, whole.scalars(run.epochs)[name]), (found, name)
    if run.complete:
        ours, theirs = (checkpoint.load_weights(f / "weights.safetensors") for f in (found, reference))
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items()), found
        assert not snapshots.verify(found)
    return len(run.epochs)


def under_way(runs: Path) -> bool:
    """Whether a process holds a seed's lock and has an epoch to lose; a killed one's holder.json proves nothing."""
    states = [snapshots.state(folder) for folder in folders(runs) if folder.exists()]
    return any(state.holder is not None and state.committed for state in states)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--times", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=0)
    chosen = arguments.parse_args()
    moments = random.Random(chosen.seed)
    kills, pairs, in_training = 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        reference, runs = Path(name) / "reference", Path(name) / "killed-0"
        assert start(reference).wait() == 0
        while kills < chosen.times:
            process = start(runs)
            while process.poll() is None and not under_way(runs):
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 1))
            in_training += process.poll() is None and under_way(runs)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
            process.wait()
            epochs = [compare(*pair) for pair in zip(folders(runs), folders(reference), strict=True)]
            print(f"kill {kills}: readable epochs {epochs}", flush=True)
            if all(snapshots.is_complete(folder) for folder in folders(runs)):
                pairs += 1
                runs = Path(name) / f"killed-{pairs}"
        assert start(runs).wait() == 0
        for pair in zip(folders(runs), folders(reference), strict=True):
            assert compare(*pair) == 40
    assert in_training > kills / 2, (
        f"only {in_training} of {kills} kills met a seed in training: that shows nothing"
    )
    print(f"{kills} kills, {in_training} with a seed in training; {pairs + 1} pairs of seeds, all bit-equal")


if __name__ == "__main__":
    main()
