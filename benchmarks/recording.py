# SPDX-License-Identifier: Apache-2.0
"""The cost of a recorder in somebody else's loop: docs/how-to/own-training-loop.md with and without it."""

import itertools
import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from benchmarks.harness import Conditions, Measurement, alternate, median, ratio
from dynamics.recording import Panel, Recorder

EVERY = 14
"""One of so many examples is in the panel."""


class Loop:
    """The page's network and epoch of training."""

    def __init__(self, device: torch.device, *, examples: int) -> None:
        digits = load_digits()
        images = torch.tensor(digits.images[:examples, None] / 16, dtype=torch.float32)
        self.images, self.labels = images.to(device), torch.tensor(digits.target[:examples], device=device)
        torch.manual_seed(0)
        self.model = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()),
            *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(1024, 10)),
        ).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def epoch(self) -> None:
        """Train one epoch."""
        self.model.train()
        for batch in torch.randperm(len(self.images)).split(64):
            self.optimizer.zero_grad()
            functional.cross_entropy(self.model(self.images[batch]), self.labels[batch]).backward()
            self.optimizer.step()


def measure(conditions: Conditions) -> list[Measurement]:
    """Time epochs of the loop with a recorder and without, in turn."""
    if not conditions.time_for("an epoch of the page's loop"):
        return []
    rounds, examples = (2, 140) if conditions.quick else (30, 1797)
    plain, recorded = (Loop(conditions.device, examples=examples) for _ in range(2))
    panel = Panel(recorded.images[::EVERY], recorded.labels[::EVERY])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as runs:
            folder = Path(runs, "benchmark", "page", "seed-0000")
            with Recorder(folder, panel=panel, epochs=rounds + 1) as recorder:
                numbers = itertools.count(1)

                def with_recorder() -> None:
                    recorded.epoch()
                    recorder.epoch(recorded.model, epoch=next(numbers))

                calls = {"plain": plain.epoch, "recorded": with_recorder}
                seconds = alternate(calls, rounds=rounds, device=conditions.device)
    finally:
        torch.set_num_threads(threads)
    key = f"recording.{conditions.device.type}"
    return [
        median(f"{key}.epoch", "an epoch of the page's loop, without a recorder", "s", seconds["plain"]),
        ratio(f"{key}.ratio", "the same with a recorder / without", seconds["recorded"], seconds["plain"]),
    ]
