# SPDX-License-Identifier: Apache-2.0
"""Finished runs with real (small, untrained or scrambled) networks, and images made up for them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynamics import networks, snapshots
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.methods import Method
from dynamics.streams import generator
from dynamics.study_file import preset
from dynamics.training import checkpoint

TRAIN, TEST, CLASSES = 120, 50, 3


def dataset(*, seed: int = 0, size: int = 8, train: int = TRAIN) -> Dataset:
    """Images whose brightness tells the class, in noise."""
    stream = generator(seed, "control")
    parts = []
    for count in (train, TEST):
        labels = torch.arange(count) % CLASSES
        noise = torch.randint(0, 120, (count, 3, size, size), generator=stream)
        parts.append(((noise + 40 * labels[:, None, None, None]).to(torch.uint8), labels))
    return Dataset.build("made-up", train=parts[0], test=parts[1], classes=("dark", "grey", "bright"))


def recipe(method: str, **changes: Any) -> Recipe:
    chosen = preset(method, "quick")
    small = {
        "width": 2,
        "train_examples": None,
        "epochs": 1,
        "panel_examples": 8,
        "panel_batch": 4,
        "panel_augmentations": 2,
    }
    if method == "w-mse":  # a panel batch of 8 views must exceed the dimensions that are whitened
        small["projector"] = (4,)
    return type(chosen).from_json({**chosen.to_json(), **small, **changes})


def scrambled(name: str, config: Recipe, images: Dataset, *, seed: int) -> Method:
    """A network whose features vary, with batch-norm statistics unlike those of a new one."""
    network = networks.untrained(name, config, images, seed=seed)
    stream = generator(seed, "control", 1)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data *= 6**0.5  # to the variance that ReLUs keep
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.uniform_(-0.2, 0.2, generator=stream)
            module.running_var.uniform_(0.5, 2, generator=stream)
    network.encoder.stages[-1][-1].bn2.bias.data.fill_(4.0)  # no unit of the features is dead
    return network


def write(runs: Path, method: str, seed: int, images: Dataset, *, study: str = "small") -> snapshots.Run:
    """Write a finished seed with weights."""
    folder = snapshots.seed_folder(runs, study, method, seed)
    config = recipe(method)
    snapshots.write_finished(
        folder,
        method=method,
        seed=seed,
        correct=np.zeros((1, 1, 1, 8), dtype=bool),
        config=config.to_json(),
        provenance={"dataset": images.name, "data_fingerprint": images.fingerprint},
    )
    network = scrambled(method, config, images, seed=seed)
    checkpoint.save_weights(network.state_dict(), folder / "weights.safetensors")
    return snapshots.Run(folder)
