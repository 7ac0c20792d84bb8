# SPDX-License-Identifier: Apache-2.0
"""Studies of digits that are trained in this process: no worker has to import anything."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from dynamics import data, snapshots
from dynamics.opening import open_study
from dynamics.study import Study
from dynamics.study_file import preset
from dynamics.training.job import Job
from dynamics.training.loop import train
from dynamics.training.workbench import Workbenches
from tests.typechecks import types_unchecked


def trained_here(runs: Path, method: str, seeds: Iterable[int], **fields: Any) -> Study:
    """Train seeds of a method with the quick preset, but for some fields, on one thread."""
    threads, workbenches = torch.get_num_threads(), Workbenches()
    torch.set_num_threads(1)
    recipe = preset(method, "quick", **fields)
    for seed in seeds:
        job = Job(
            method=method, recipe=recipe, seed=seed, folder=snapshots.seed_folder(runs, "s", method, seed)
        )
        with types_unchecked() if seed else contextlib.nullcontext():  # they are the same in all seeds
            train(job, data.load("digits"), device=torch.device("cpu"), workbenches=workbenches)
    torch.set_num_threads(threads)
    return open_study(runs / "s")
