# SPDX-License-Identifier: Apache-2.0
"""Three training states saved one after the other; what must hold wherever that is cut off."""

from collections.abc import Callable
from pathlib import Path

import torch

from dynamics.training import checkpoint

STATES = 3


def state_after(epoch: int) -> dict[str, object]:
    """Make a state that is another one after each epoch."""
    return {"epoch": epoch, "weights": torch.full((50,), float(epoch)), "loss": 0.1 * epoch}


def write(folder: Path, acknowledge: Callable[[int], None]) -> None:
    """Save a state after each epoch."""
    for epoch in range(1, STATES + 1):
        checkpoint.save(state_after(epoch), folder / "state.safetensors")
        acknowledge(epoch)


def inspect(folder: Path, acknowledged: list[int]) -> None:
    """Check that the newest state acknowledged, or the one that was being saved, can be loaded."""
    path = folder / "state.safetensors"
    newest = max(acknowledged, default=0)
    if not checkpoint.exists(path):
        assert newest == 0
    else:
        state, note = checkpoint.load(path)
        assert state["epoch"] in (newest, newest + 1)
        assert torch.equal(state["weights"], state_after(state["epoch"])["weights"])
        assert (note is None) == path.exists()
    write(folder, lambda epoch: None)
    assert checkpoint.load(path).state["epoch"] == STATES


SCENARIO = (write, inspect)
