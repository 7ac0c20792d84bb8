# SPDX-License-Identifier: Apache-2.0
"""Trajectories that a refactoring must not change: three epochs of loss and r_t of every method, two seeds.

python -m tests.golden           # compare with the files, bit for bit
python -m tests.golden --write   # replace them: only with a change of numbers that is meant, and say which and why
"""

import json
import platform
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from dynamics import data, snapshots
from dynamics.study_file import preset
from dynamics.training.job import Job
from dynamics.training.loop import train

FOLDER = Path(__file__).parent
SEEDS = (0, 1)
SMALL = {
    "train_examples": 100, "width": 4, "batch_size": 32, "epochs": 3,
    "panel_examples": 32, "panel_batch": 16, "panel_augmentations": 2, "precision": "fp32",
    "lr": 1e-4,  # small: at a preset's rate, rounding alone would lead to another trajectory within a few steps
}  # fmt: skip


class Trajectory(NamedTuple):
    """What the seeds of one method did."""

    loss: np.ndarray
    """(seed, epoch), float64."""
    correct: np.ndarray
    """Right answers out of seeds * augmentations (view, epoch, example)."""


def machine() -> str:
    """Name what decides the last bits: processor and PyTorch."""
    info = Path("/proc/cpuinfo")
    flags = (
        next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")
        if info.exists()
        else ""
    )
    units = [unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if unit in flags.split()]
    vendor = (
        "AMD"
        if "AuthenticAMD" in (info.read_text() if info.exists() else "")
        else platform.processor() or "other"
    )
    return f"{platform.machine()} {vendor} {' '.join(units)}, torch {torch.__version__.partition('+')[0]}"


def run(method: str, folder: Path) -> Trajectory:
    """Train the seeds of a method, a thread each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    recipe = preset(method, "quick")
    small = dict(SMALL)
    recipe = type(recipe).from_json({**recipe.to_json(), **small})
    losses, answers = [], []
    for seed in SEEDS:
        job = Job(method=method, recipe=recipe, seed=seed, folder=folder / method / f"seed-{seed:04d}")
        train(job, data.load("digits"), device=torch.device("cpu"))
        done = snapshots.Run(job.folder)
        losses.append(done.scalars()["loss"])
        answers.append(done.correct().sum(axis=2, dtype=np.int64))
    torch.set_num_threads(threads)
    return Trajectory(np.array(losses), np.sum(answers, axis=0).swapaxes(0, 1))


def write(method: str, found: Trajectory) -> None:
    """Store a trajectory as text; floats as the shortest decimal that is the same float."""
    lines = [f"# {machine()}"]
    for seed, losses in zip(SEEDS, found.loss, strict=True):
        lines += [
            f"seed {seed} epoch {epoch} loss {float(loss)!r}" for epoch, loss in enumerate(losses, start=1)
        ]
    for view, epochs in enumerate(found.correct):
        lines += [f"view {view} epoch {epoch} correct {json.dumps(row.tolist(), separators=(',', ':'))}"
                  for epoch, row in enumerate(epochs, start=1)]  # fmt: skip
    (FOLDER / f"{method}.txt").write_text("\n".join(lines) + "\n")


def read(method: str) -> tuple[str, Trajectory]:
    """Return the machine that made a trajectory, and the trajectory."""
    header, *lines = (FOLDER / f"{method}.txt").read_text().splitlines()
    losses: dict[int, list[float]] = {}
    answers: dict[int, list[list[int]]] = {}
    for line in lines:
        kind, place, _, _, _, value = line.split(" ", 5)
        if kind == "seed":
            losses.setdefault(int(place), []).append(float(value))
        else:
            answers.setdefault(int(place), []).append(json.loads(value))
    return header.removeprefix("# "), Trajectory(
        np.array(list(losses.values())), np.array(list(answers.values()))
    )
