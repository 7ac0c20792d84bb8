# SPDX-License-Identifier: Apache-2.0
"""How much memory does training take on a CPU: that of a process of its own which trains one epoch."""

import dataclasses
from collections.abc import Callable

import torch

from benchmarks._epochs import in_turn
from benchmarks._rows import Row
from benchmarks._targets import MB
from benchmarks._timing import in_fresh_process, peak_memory
from benchmarks.peers import baseline
from dynamics import data
from dynamics.config import Recipe

CPU = torch.device("cpu")


def measure(key: str, name: str, recipe: Recipe) -> list[Row]:
    """Return the peak of ours and, where the thesis has the method, of the baseline, one after the other."""
    ours = _peak(train, name, recipe, f"{key}.peak_memory", f"{name}: peak memory, ours")
    if name not in baseline.METHODS:
        return [ours]
    what = f"{name}: peak memory, baseline (the thesis's recipe)"
    theirs = _peak(train_baseline, name, recipe, f"{key}.peak_memory_baseline", what)
    theirs = dataclasses.replace(theirs, note=f"{theirs.note}; makes its views itself, workers come on top")
    return [ours, theirs]


def _peak(call: Callable[[str, Recipe], int], name: str, recipe: Recipe, key: str, what: str) -> Row:
    timed = in_fresh_process(call, name, recipe)
    note = f"a process that only trains; {timed.result / MB:.0f} MB are Python, libraries and images"
    return Row(key=key, what=what, value=timed.peak_bytes / MB, unit="MB", note=note)


def train(name: str, recipe: Recipe) -> int:
    """Train ours; return the bytes that were there before."""
    dataset = data.load(recipe.dataset)
    before = peak_memory()
    in_turn(name, recipe, dataset, device=CPU, rounds=0, others={})
    return before


def train_baseline(name: str, recipe: Recipe) -> int:
    """Train the baseline, without worker processes; return the bytes that were there before."""
    dataset = data.load(recipe.dataset)
    before = peak_memory()
    baseline.Baseline(name, recipe, dataset, device=CPU, workers=0).run_epoch()
    return before
