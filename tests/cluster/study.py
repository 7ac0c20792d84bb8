# SPDX-License-Identifier: Apache-2.0
"""A study of twelve quick seeds: by a cluster whose parts are killed, bit for bit as by this machine alone."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dynamics import snapshots

SEEDS, EPOCHS = 12, int(os.environ.get("CLUSTER_EPOCHS", "12"))
KILLS = int(os.environ.get("CLUSTER_KILLS", "6"))
"""Kills of a run; CLUSTER_KILLS=30 for a long one."""
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
FOLDERS = [snapshots.seed_folder(Path("runs"), "c", "supervised", seed) for seed in range(SEEDS)]


def train(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command that trains the study, or submits its workers."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "runners.seeds", "--preset", "quick", "--method", "supervised", "--study", "c"),
            *("--n", str(SEEDS), "--epochs", str(EPOCHS), *words),
        ],
        cwd=folder, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip


def complete(folder: Path) -> int:
    """Return how many seeds are complete."""
    return sum(snapshots.is_finished(folder / seed) for seed in FOLDERS)


def holders(folder: Path) -> list[int]:
    """Return the processes that train seeds now."""
    states = [snapshots.state(folder / seed) for seed in FOLDERS]
    return [state.holder.pid for state in states if state.holder is not None and state.holder.pid is not None]


def kill(pids: Sequence[int], chance: random.Random) -> bool:
    """Kill one of some processes; return False if there is none, or it has ended by itself."""
    if not pids:
        return False
    try:
        os.kill(chance.choice(pids), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def survive(
    folder: Path,
    kills: Mapping[str, Callable[[], bool]],
    *,
    submit: Callable[[], None],
    idle: Callable[[], bool],
) -> dict[str, int]:
    """Kill parts of a cluster at random until enough are dead; submit again when no worker is left.

    Parameters
    ----------
    folder
        Where the study is trained.
    kills
        Ways to kill, by name; each returns whether it has killed something.
    submit, idle
        Submits workers; whether none runs or waits.

    Returns
    -------
    dict
        Number of kills, by name, and of submissions.
    """
    chance, counts = random.Random(0), dict.fromkeys([*kills, "submissions"], 0)
    deadline = time.monotonic() + 60 * 30
    while complete(folder) < SEEDS and time.monotonic() < deadline:
        if idle():
            submit()
            counts["submissions"] += 1
        time.sleep(chance.uniform(0.5, 3.0))
        dead = sum(counts[way] for way in kills)
        if dead < KILLS and holders(folder):
            way = chance.choice([*kills])
            counts[way] += kills[way]()
    return counts


def check_equal(folder: Path, alone: Path) -> None:
    """Check that all seeds are complete, intact, and have the bits of those that one machine has trained."""
    assert complete(folder) == SEEDS
    for seed in FOLDERS:
        assert snapshots.verify(folder / seed) == []
        ours, theirs = snapshots.Run(folder / seed), snapshots.Run(alone / seed)
        assert ours.digest() == theirs.digest(), f"{seed} has other bits"
        assert (folder / seed / "weights.safetensors").exists()


def check_never_two(logs: Sequence[Path]) -> None:
    """Check that no writer ever met another: each would have said so."""
    met = "is being written by another process as well|other bits than before|was deleted, moved or taken"
    for log in logs:
        assert not re.search(met, log.read_text(errors="replace")), log
