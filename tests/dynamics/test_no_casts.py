"""Nothing that is recorded is cast in silence: what is no boolean or no integer is refused, numpy's own are taken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.streams import generator

SHAPE = (2, 1, 3, 4)
NOT_BOOLEAN = {
    "probabilities": np.full(SHAPE, 0.3),
    "NaN": np.full(SHAPE, np.nan),
    "counts": np.ones(SHAPE, dtype=np.int64),
    "zeros and ones": np.ones(SHAPE, dtype=np.uint8),
    "objects": np.full(SHAPE, "no", dtype=object),
}


@pytest.mark.parametrize("kind", NOT_BOOLEAN)
def test_what_is_no_boolean_is_refused(kind: str, tmp_path: Path) -> None:
    correct = NOT_BOOLEAN[kind]
    with pytest.raises(UserError, match=f"correct must hold booleans, got {correct.dtype}"):
        snapshots.write_finished(tmp_path / "s/m/seed-0000", method="m", seed=0, correct=correct)
    assert not list(tmp_path.rglob("run.json"))
    writer = snapshots.Writer.open(
        tmp_path / "m" / "seed-0001",
        epochs=2,
        shape=SHAPE[1:],
        scalar_names=(),
        coordinates={"example": np.arange(4)},
    )
    with pytest.raises(UserError, match="correct must hold booleans"):
        writer.write(1, {"correct": correct[0]}, {})
    assert writer.committed() == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([0.0, 1.7, 2.0, 3.0]), "must hold integers, got float64"),
        (np.array([0, 1, 2, 2**63], dtype=np.uint64), r"must be < 2\*\*63, got 9223372036854775808"),
        (np.array([True, False, True, False]), "must hold integers, got bool"),
    ],
)
@pytest.mark.parametrize("name", ["labels", "true_labels", "examples"])
def test_what_is_no_integer_is_refused(name: str, values: np.ndarray, message: str, tmp_path: Path) -> None:
    more: dict[str, Any] = {name: values}
    with pytest.raises(UserError, match=f"{name} {message}"):
        snapshots.write_finished(
            tmp_path / "m" / "seed-0000", method="m", seed=0, correct=np.ones(SHAPE, bool), **more
        )


def test_numpys_scalars_are_taken(tmp_path: Path) -> None:
    seed = np.int64(3)
    folder = snapshots.seed_folder(tmp_path, "s", "m", seed)
    config = {"lr": np.float32(0.5), "epochs": np.int64(2), "widths": np.arange(3), "on": np.True_}
    snapshots.write_finished(
        folder,
        method="m",
        seed=seed,
        correct=np.ones(SHAPE, bool),
        config=config,
        labels=np.arange(4, dtype=np.uint8),
    )
    run = snapshots.Run(folder)
    assert (folder.name, run.seed) == ("seed-0003", 3)
    assert run.config == {"lr": 0.5, "epochs": 2, "widths": [0, 1, 2], "on": True}
    same = [generator(number, "order", number) for number in (3, seed, np.uint8(3))]
    assert len({torch.randint(2**31, (1,), generator=stream).item() for stream in same}) == 1
