# SPDX-License-Identifier: Apache-2.0
"""The schema of one seed's arrays: their names, axes, types and sizes, declared before the first epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from dynamics.errors import UserError

FORMAT = "training-dynamics.snapshots/1"
CHUNK_BYTES = 8_000_000  # size of a finished run's chunks before compression


class Kind(NamedTuple):
    """Type and axes of an array."""

    dtype: str
    axes: tuple[str, ...]


PANEL = ("epoch", "view", "augmentation", "example")
HELD_OUT_PANEL = ("epoch", "view", "augmentation", "held_out_example")
RIVALS = ("rivals", "same_class_rivals")

ARRAYS = {
    "correct": Kind("bool", PANEL),
    "probability": Kind("float16", PANEL),
    "margin": Kind("float16", PANEL),
    "error_norm": Kind("float16", PANEL),
    "predicted": Kind("int32", PANEL),
    **{name: Kind("int32", PANEL) for name in RIVALS},
    "held_out_correct": Kind("bool", HELD_OUT_PANEL),
    **{f"held_out_{name}": Kind("int32", HELD_OUT_PANEL) for name in RIVALS},
    "share": Kind("float32", PANEL),
    "present": Kind("bool", PANEL),
    "scalars": Kind("float64", ("epoch", "scalar")),
}
"""Arrays that get an entry each epoch, in the order of their digests; all but `correct` are optional."""

COORDINATES = {
    "epoch": Kind("int64", ("epoch",)),
    **{name: Kind("int64", ("example",)) for name in ("example", "label", "true_label")},
    "in_training": Kind("bool", ("example",)),
    "untrained_correct": Kind("bool", PANEL[1:]),
    "held_out_untrained_correct": Kind("bool", HELD_OUT_PANEL[1:]),
    **{
        f"held_out_{name}": Kind("int64", ("held_out_example",))
        for name in ("example", "label", "true_label")
    },
}
"""Arrays that are the same at every epoch; all but `epoch` and `example` are optional."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Schema:
    """Sizes, names and coordinates of a run's arrays; made by :meth:`of`."""

    epochs: int
    shape: tuple[int, int, int]
    """Number of views, of augmentations and of examples."""
    scalar_names: tuple[str, ...]
    optional: tuple[str, ...]
    """Names of the arrays that are recorded beside `correct` and `scalars`."""
    coordinates: dict[str, np.ndarray]
    """Arrays that are the same at every epoch, by name."""

    @classmethod
    def of(
        cls,
        *,
        epochs: int,
        shape: tuple[int, int, int],
        scalar_names: Sequence[str],
        optional: Sequence[str],
        coordinates: Mapping[str, Any],
    ) -> "Schema":
        """Make a schema from integers of any type and any sequence of names; without `epoch`, epochs are 1 ... T.

        Raises
        ------
        UserError
            If a coordinate is of another type, epochs do not increase, or a scalar has the name of an axis.
        ValueError
            If there is no such array, or a length does not fit.
        """
        if taken := sorted({"seed", "epoch"}.intersection(scalar_names)):
            raise UserError(f"`scalars` cannot have the name {taken[0]}, which is that of an axis: rename it")
        if unknown := {*optional} - {*ARRAYS} | {*coordinates} - {*COORDINATES}:
            raise ValueError(f"no array has the name {min(unknown)}: use those of FORMAT.md")
        if "present" in optional and not {*RIVALS}.isdisjoint(optional):
            raise UserError("`rivals` are counted among all examples: record them where no answer is missing")
        if epochs < 1 or min(shape) < 1:
            raise ValueError(f"the length of every axis must be >= 1, got {epochs} epochs of shape {shape}")
        known = {"epoch": np.arange(1, epochs + 1), **coordinates}
        typed = {
            name: (as_indicators if kind.dtype == "bool" else as_integers)(f"`{name}`", known[name])
            for name, kind in COORDINATES.items()
            if name in known
        }
        schema = cls(
            epochs=epochs,
            shape=shape,
            scalar_names=tuple(scalar_names),
            optional=tuple(name for name in ARRAYS if name in optional),
            coordinates=typed,
        )
        for name, values in typed.items():
            if values.shape != (wanted := schema.sizes(COORDINATES[name].axes)):
                raise ValueError(f"{name} has shape {values.shape}, not {wanted}")
        numbers = typed["epoch"]
        if numbers[0] < 0 or (np.diff(numbers) <= 0).any():
            raise UserError(f"`epochs` must be >= 0 and increase, got {', '.join(map(str, numbers))}")
        return schema

    def at(self, epochs: Sequence[int]) -> "Schema":
        """Return the schema of some of the epochs."""
        numbers = np.array(epochs, dtype=np.int64)
        return replace(self, epochs=len(epochs), coordinates={**self.coordinates, "epoch": numbers})

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays that get an entry each epoch, in the order of their digests."""
        kept = {"correct", *self.optional, *(["scalars"] if self.scalar_names else [])}
        return tuple(name for name in ARRAYS if name in kept)

    def sizes(self, axes: Sequence[str]) -> tuple[int, ...]:
        """Return the lengths of some axes."""
        views, augmentations, examples = self.shape
        lengths = {
            "epoch": self.epochs,
            "view": views,
            "augmentation": augmentations,
            "example": examples,
            "held_out_example": len(self.coordinates.get("held_out_example", ())),
            "scalar": len(self.scalar_names),
        }
        return tuple(lengths[axis] for axis in axes)

    def entry(self, name: str) -> tuple[int, ...]:
        """Return the shape of one epoch of an array."""
        return self.sizes(ARRAYS[name].axes[1:])


def typed(name: str, values: np.ndarray) -> np.ndarray:
    """Return entries of an array in its type; floats are rounded, indicators and counts must be what they are.

    Raises
    ------
    UserError
        If they are not booleans, or not integers, where the array holds those.

    Examples
    --------
    >>> typed("probability", np.array([0.5])).dtype, typed("rivals", np.array([3])).dtype
    (dtype('float16'), dtype('int32'))
    """
    kind = np.dtype(ARRAYS[name].dtype)
    if kind.kind == "b":
        return as_indicators(f"`{name}`", np.asarray(values))
    if kind.kind == "i":
        values = as_integers(f"`{name}`", values)
        if values.size and not 0 <= values.min() <= values.max() <= np.iinfo(kind).max:
            raise UserError(f"`{name}` must be counts, got {values.min()} to {values.max()}")
    return np.asarray(values).astype(kind, copy=False)


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
