# SPDX-License-Identifier: Apache-2.0
"""The schema of one seed's arrays: their names, axes, types and sizes, declared before the first epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer

FORMAT = "training-dynamics.snapshots/1"
CHUNK_BYTES = 8_000_000  # size of a finished run's chunks before compression
PANEL_AXES = ("epoch", "view", "augmentation", "example")
DTYPES = {"correct": "bool", "probability": "float16", "scalars": "float64"}
COORDINATES = ("epoch", "example", "label", "true_label")


@dataclass(frozen=True, kw_only=True, eq=False)
class Schema:
    """Sizes, names and coordinates of a run's arrays."""

    epochs: int
    shape: tuple[int, int, int]
    """Number of views, of augmentations and of examples."""
    scalar_names: tuple[str, ...]
    probability: bool
    """Whether the probability of the label is recorded beside `correct`."""
    example: Int64[np.ndarray, " example"]
    """Index of each example in the training set."""
    label: Int64[np.ndarray, " example"] | None
    """Label that each example was trained on, if known."""
    true_label: Int64[np.ndarray, " example"] | None
    """Label of each example in the data set, if known."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or min(self.shape) < 1:
            raise ValueError(
                f"the length of every axis must be >= 1, got {self.epochs} epochs of shape {self.shape}"
            )
        for name in ("example", "label", "true_label"):
            values = getattr(self, name)
            if values is not None and values.shape != self.shape[2:]:
                raise ValueError(f"{name} has shape {values.shape}, not {self.shape[2:]}")

    @classmethod
    def of(
        cls,
        *,
        epochs: int,
        shape: tuple[int, int, int],
        scalar_names: Sequence[str],
        probability: bool,
        examples: Integer[np.ndarray, " example"],
        labels: Integer[np.ndarray, " example"] | None,
        true_labels: Integer[np.ndarray, " example"] | None,
    ) -> "Schema":
        """Make a schema from integers of any type and any sequence of names."""
        return cls(
            epochs=epochs,
            shape=shape,
            scalar_names=tuple(scalar_names),
            probability=probability,
            example=examples.astype(np.int64),
            label=None if labels is None else labels.astype(np.int64),
            true_label=None if true_labels is None else true_labels.astype(np.int64),
        )

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays that get an entry each epoch, in the order of their digests."""
        kept = {"correct": True, "probability": self.probability, "scalars": bool(self.scalar_names)}
        return tuple(name for name in DTYPES if kept[name])

    def coordinates(self) -> dict[str, np.ndarray]:
        """Return the arrays that are the same at every epoch, by name."""
        all_coordinates = {"example": self.example, "label": self.label, "true_label": self.true_label}
        known = {name: values for name, values in all_coordinates.items() if values is not None}
        return {"epoch": np.arange(1, self.epochs + 1, dtype=np.int64), **known}

    def entry(self, name: str) -> tuple[int, ...]:
        """Return the shape of one epoch of an array."""
        return (len(self.scalar_names),) if name == "scalars" else self.shape
