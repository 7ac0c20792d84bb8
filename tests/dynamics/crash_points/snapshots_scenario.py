# SPDX-License-Identifier: Apache-2.0
"""A seed of three epochs from its first file to the last; what must hold wherever that is cut off."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dynamics import snapshots

EPOCHS, SHAPE = 3, (2, 2, 9)


def epoch_arrays(epoch: int) -> tuple[np.ndarray, dict[str, float]]:
    """Make what is recorded in an epoch; in the second nothing is right."""
    return np.random.default_rng(epoch).random(SHAPE) < (0 if epoch == 2 else 0.5), {"loss": float(epoch)}


def open_writer(folder: Path) -> snapshots.Writer:
    """Open the seed, as a training loop does on every start."""
    if not (folder / "run.json").exists():
        snapshots.write_run_json(
            folder, method=folder.parent.name, seed=int(folder.name[-1]), config={"lr": 0.1}, provenance={}
        )
    return snapshots.Writer.open(
        folder,
        epochs=EPOCHS,
        shape=SHAPE,
        scalar_names=["loss"],
        coordinates={"example": np.arange(SHAPE[2])},
    )


def write(folder: Path, acknowledge: Callable[[int], None]) -> None:
    """Train from the first epoch, whatever is there, and finish; step 0 is the finish."""
    (folder / "state.safetensors").write_bytes(b"a training state")
    if snapshots.settle(folder):
        return
    writer = open_writer(folder)
    for epoch in range(1, EPOCHS + 1):
        correct, scalars = epoch_arrays(epoch)
        writer.write(epoch, {"correct": correct}, scalars)
        acknowledge(epoch)
    writer.finish(12.0)
    acknowledge(0)


def inspect(folder: Path, acknowledged: list[int]) -> None:
    """Check that what was acknowledged is there, that nothing else is readable, and that one can go on."""
    if acknowledged or (folder / "run.json").exists():
        check_readable(folder, at_least={step for step in acknowledged if step != 0})
    assert snapshots.state(folder).kind != "damaged"
    assert snapshots.is_complete(folder) or 0 not in acknowledged
    if not snapshots.settle(folder):
        again = set(open_writer(folder).committed())
        assert again >= set(acknowledged), f"{again} are there"
        write(folder, lambda step: None)
    check_readable(folder, at_least=set(range(1, EPOCHS + 1)))
    assert snapshots.verify(folder) == []
    assert snapshots.is_complete(folder)
    assert snapshots.Run(folder).wall_seconds == 12.0
    left = {path.name for path in folder.iterdir()}
    assert left == {"run.json", "snapshots.zarr", "complete.json"}, left


def check_readable(folder: Path, at_least: set[int]) -> None:
    """Check that the epochs that can be read are those that were written."""
    run = snapshots.Run(folder)
    assert set(run.epochs) >= at_least, f"of {at_least} only {run.epochs} can be read"
    if not run.epochs:
        return
    correct, scalars = run.correct(), run.scalars()
    for place, epoch in enumerate(run.epochs):
        expected, expected_scalars = epoch_arrays(epoch)
        assert np.array_equal(correct[place], expected), f"epoch {epoch} is another"
        assert scalars["loss"][place] == expected_scalars["loss"], f"epoch {epoch} is another"


SCENARIO = (write, inspect)
