# SPDX-License-Identifier: Apache-2.0
"""The schema of one seed's arrays: their names, axes, types and sizes, declared before the first epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from dynamics.errors import UserError

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
        examples: np.ndarray,
        labels: np.ndarray | None,
        true_labels: np.ndarray | None,
    ) -> "Schema":
        """Make a schema from integers of any type and any sequence of names.

        Raises
        ------
        UserError
            If a scalar has the name of an axis.
        """
        if taken := sorted({"seed", "epoch"}.intersection(scalar_names)):
            raise UserError(f"`scalars` cannot have the name {taken[0]}, which is that of an axis: rename it")
        return cls(
            epochs=epochs,
            shape=shape,
            scalar_names=tuple(scalar_names),
            probability=probability,
            example=as_integers("`examples`", examples),
            label=None if labels is None else as_integers("`labels`", labels),
            true_label=None if true_labels is None else as_integers("`true_labels`", true_labels),
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


def as_indicators(name: str, values: np.ndarray) -> Bool[np.ndarray, "..."]:
    """Return an array of booleans as it is.

    Nothing is cast, because a probability, a count or NaN would become True.

    Raises
    ------
    UserError
        If the array has another type.

    Examples
    --------
    >>> as_indicators("correct", np.array([True, False]))
    array([ True, False])
    """
    if values.dtype != np.bool_:
        raise UserError(
            f"{name} must hold booleans, got {values.dtype}: say what counts as right, such as array == 1"
        )
    return values


def as_integers(name: str, values: np.ndarray) -> Int64[np.ndarray, "..."]:
    """Return integers of any type as int64, after checking that none of them changes.

    Raises
    ------
    UserError
        If the array does not hold integers, or one is too large.

    Examples
    --------
    >>> as_integers("labels", np.array([0, 9], dtype=np.uint8))
    array([0, 9])
    """
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"{name} must hold integers, got {array.dtype}")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise UserError(f"{name} must be < 2**63, got {array.max()}")
    return array.astype(np.int64)
