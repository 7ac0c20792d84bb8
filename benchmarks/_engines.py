# SPDX-License-Identifier: Apache-2.0
"""What does it cost to capture or compile a step on a GPU, and after how many epochs is it won back."""

import dataclasses
import os
import statistics
from collections.abc import Mapping
from typing import Any

import torch

from benchmarks._epochs import Epochs, in_turn
from benchmarks._images import dataset
from benchmarks._rows import Row, missing
from benchmarks._timing import in_fresh_process, spent
from dynamics.config import Recipe

EAGER = "eager"
ENGINES = {
    EAGER: "every kernel launched from Python",
    "graph": "a whole step in one CUDA graph",
    "compiled": "networks by torch.compile, in a CUDA graph",
}
"""The engines of :mod:`dynamics.training.capture`."""


def measure(
    key: str, name: str, recipe: Recipe, *, rounds: int, images: int, device: torch.device
) -> list[Row]:
    """Train a few epochs with each, one after the other, each in a process of its own that has nothing compiled."""
    found, failed = {}, []
    for engine in ENGINES:
        try:
            timed = in_fresh_process(train, name, recipe, rounds, images, str(device), engine)
        except RuntimeError:  # a compiler may be missing: that is no reason to lose what was measured before
            what = f"{name}, {ENGINES[engine]}: epoch"
            failed.append(missing(f"{key}.engine_{engine}.epoch", what, "s", "failed; its error is above"))
        else:
            found[engine] = timed.result
    return [*rows(key, name, found), *failed]


def train(name: str, recipe: Recipe, rounds: int, images: int, device: str, engine: str) -> Epochs:
    """Train with one of them, after two short eager epochs that load what all of them need."""
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # or the compiler finds what it made another time
    pieces = dataset(images)
    first = dataclasses.replace(recipe, train_examples=max(pieces.num_classes, recipe.panel_examples))
    options: dict[str, Any] = {"device": torch.device(device), "others": {}}
    in_turn(name, first, pieces, rounds=0, engine=EAGER, **options)
    return in_turn(name, recipe, pieces, rounds=rounds, engine=engine, **options)


def rows(key: str, name: str, found: Mapping[str, Epochs]) -> list[Row]:
    """Return what each engine takes to start and an epoch, and when the slower start is won back."""
    made = []
    for engine, epochs in found.items():
        prefix, what = f"{key}.engine_{engine}", f"{name}, {ENGINES[engine]}"
        note = f"{epochs.progress[0].start_seconds:.3g} s before the first epoch, the rest in it"
        made.append(spent(f"{prefix}.epoch", f"{what}: epoch", "s", epochs.seconds))
        made.append(
            Row(key=f"{prefix}.start", what=f"{what}: start", value=start(epochs), unit="s", note=note)
        )
        if engine != EAGER and EAGER in found:
            made += _won_back(prefix, what, found[EAGER], epochs)
    return made


def start(epochs: Epochs) -> float:
    """Return the seconds before the first epoch, and those that its steps and panel take longer than a later one's.

    The panel's networks are compiled when it is scored for the first time.
    """
    first = epochs.progress[0]
    later = statistics.median(each.train_seconds + each.panel_seconds for each in epochs.timed)
    return first.start_seconds + max(0.0, first.train_seconds + first.panel_seconds - later)


def _won_back(prefix: str, what: str, eager: Epochs, epochs: Epochs) -> list[Row]:
    extra = start(epochs) - start(eager)
    saved = statistics.median(eager.seconds) - statistics.median(epochs.seconds)
    key, title = f"{prefix}.won_back", f"{what}: epochs until the start is won back"
    made = [
        Row(key=f"{prefix}.extra_start", what=f"{what}: longer start than eager", value=extra, unit="s"),
        Row(key=f"{prefix}.saved", what=f"{what}: saved an epoch", value=saved, unit="s"),
    ]
    if saved <= 0:
        return [*made, missing(key, title, "epochs", "never: an epoch is no shorter")]
    return [*made, Row(key=key, what=title, value=max(0.0, extra / saved), unit="epochs")]
