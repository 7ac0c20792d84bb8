# SPDX-License-Identifier: Apache-2.0
"""Finishing a seed: its arrays are rewritten in large chunks, renamed into place and listed in complete.json.

The rename is the turning point: before it `partial.zarr` is complete, after it `snapshots.zarr` is, and everything that
follows can be repeated (:func:`settle`).
"""

import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from jaxtyping import Float

from dynamics import files
from dynamics.errors import UserError
from dynamics.snapshots import complete
from dynamics.snapshots.fence import CLAIM
from dynamics.snapshots.layout import FINISHED, PARTIAL, STATES
from dynamics.snapshots.readback import damaged_files
from dynamics.snapshots.record import check_place, identity, write_run_json
from dynamics.snapshots.schema import ARRAYS, RIVALS, Schema, as_indicators, as_integers, typed
from dynamics.snapshots.store import Store, build


def rewrite(partial: Store, schema: Schema, folder: Path, wall_seconds: float) -> None:
    """Write the arrays of `partial` as a seed's finished group.

    Parameters
    ----------
    partial
        The store to rewrite.
    schema
        What the finished group will hold: all epochs of the store, or some, all of them committed.
    folder
        The seed's folder.
    wall_seconds
        Duration of the training.

    Raises
    ------
    Damaged
        If an epoch cannot be read back as it was committed; the finished group is then not there.

    Examples
    --------
    >>> import tempfile
    >>> from dynamics.snapshots.fence import Fence
    >>> from dynamics.snapshots.store import create
    >>> fixed = {"optional": (), "coordinates": {"example": np.arange(2)}}
    >>> schema = Schema.of(epochs=1, shape=(1, 1, 2), scalar_names=[], **fixed)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     partial = create(Path(folder, PARTIAL), schema, chunk_bytes=0)
    ...     partial.write(1, {"correct": np.array([[[True, False]]])}, Fence(Path(folder)))
    ...     rewrite(partial, schema, Path(folder), wall_seconds=2.5)
    ...     Store(Path(folder, FINISHED)).read("correct", [1]).tolist()
    [[[[True, False]]]]
    """
    aside = folder / (FINISHED + files.ASIDE)
    places = np.flatnonzero(np.isin(partial.coordinate("epoch"), schema.coordinates["epoch"])) + 1

    def read(name: str, epochs: range) -> np.ndarray:
        return partial.read(name, places[epochs.start - 1 : epochs.stop - 1].tolist())

    try:
        build(aside, schema, read, attributes={**identity(folder), "wall_seconds": wall_seconds})
        for damage in damaged_files(aside):
            raise damage
    except Exception:
        files.remove(aside)
        raise
    aside.rename(folder / FINISHED)
    files.sync(folder)


def settle(folder: Path) -> bool:
    """Complete a seed that was interrupted while it was being finished; the caller holds the seed's lock.

    Returns
    -------
    bool
        Whether the seed is complete; if not, there is training to do.

    Raises
    ------
    Damaged
        If a file of a finished seed is missing or damaged; nothing is removed then.

    Examples
    --------
    >>> settle(Path("runs/no-such-study/simclr/seed-0000"))
    False
    """
    if complete.is_complete(folder):
        return True
    if not files.exists(folder / FINISHED):
        return False
    for damage in damaged_files(folder / FINISHED):  # no list of sums says so
        raise damage
    for path in (*(folder / name for name in (PARTIAL, *STATES)), *folder.glob(f"{CLAIM}*")):
        files.remove(path)
    sweep(folder)
    complete.write(folder)
    return True


def write_finished(  # noqa: PLR0913 - a complete run, each part by name
    folder: Path,
    *,
    method: str,
    seed: SupportsIndex,
    correct: np.ndarray,
    probability: Float[np.ndarray, "epoch view augmentation example"] | None = None,
    scalars: dict[str, Float[np.ndarray, " epoch"]] | None = None,
    examples: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    true_labels: np.ndarray | None = None,
    config: dict[str, Any] | None = None,
    provenance: dict[str, Any] | None = None,
    panel: dict[str, Any] | None = None,
    further: Mapping[str, np.ndarray] | None = None,
    wall_seconds: float = 0.0,
) -> None:
    """Write a complete seed at once, from arrays made elsewhere; it becomes visible when all of it is written.

    Parameters
    ----------
    folder
        The seed's folder, see :func:`seed_folder`; must not exist.
    method, seed, config, provenance, panel
        For run.json, see :func:`write_run_json`.
    correct, probability
        As in :meth:`Writer.write`, for all epochs: booleans (epoch, view, augmentation, example); memory-mapped
        arrays are read block by block.
    scalars
        Values per epoch, by name.
    examples
        Index of each example in the training set; 0, 1, 2, ... by default.
    labels, true_labels
        Label that was trained on, and label of the data set, if known.
    further
        Other arrays and coordinates of FORMAT.md, by name: `held_out_correct`, `in_training` and so on.
    wall_seconds
        Duration of the training.

    Raises
    ------
    UserError
        If the folder exists or is named after another run, an array is of another type (nothing is cast), or the
        disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     correct = np.array([[[[False, True]]], [[[True, True]]]])  # epoch, view, augmentation, example
    ...     write_finished(Path(runs, "mine", "my-method", "seed-0000"), method="my-method", seed=0, correct=correct)
    ...     sorted(path.name for path in Path(runs, "mine", "my-method", "seed-0000").iterdir())
    ['complete.json', 'run.json', 'snapshots.zarr']
    """
    if files.exists(folder):
        raise UserError(f"{folder} exists: use another `study`, or another seed")
    check_place(folder, {"method": method, "seed": operator.index(seed)})
    as_indicators("`correct`", correct)
    _check_further(further or {}, len(correct[0, 0, 0]))
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in (scalars or {}).items()}
    table = np.stack(list(columns.values()), axis=1) if columns else np.zeros((len(correct), 0))
    arrays: dict[str, Any] = {
        "correct": correct,
        "scalars": table,
        **({} if probability is None else {"probability": probability}),
        **{name: values for name, values in (further or {}).items() if name in ARRAYS},
    }
    named = {
        "example": ("`examples`", np.arange(correct.shape[3]) if examples is None else examples),
        "label": ("`labels`", labels),
        "true_label": ("`true_labels`", true_labels),
    }
    known = {
        name: as_integers(parameter, values)
        for name, (parameter, values) in named.items()
        if values is not None
    }
    schema = Schema.of(
        epochs=len(correct),
        shape=(correct.shape[1], correct.shape[2], correct.shape[3]),
        scalar_names=list(columns),
        optional=[name for name in arrays if name not in ("correct", "scalars")],
        coordinates={
            **known,
            **{name: values for name, values in (further or {}).items() if name not in ARRAYS},
        },
    )
    for name in schema.arrays:
        if np.shape(arrays[name]) != (wanted := schema.sizes(ARRAYS[name].axes)):
            raise ValueError(f"{name} must have shape {wanted}, got {np.shape(arrays[name])}")

    def read(name: str, epochs: range) -> np.ndarray:
        return typed(name, arrays[name][epochs.start - 1 : epochs.stop - 1])

    aside = folder.with_name(folder.name + files.ASIDE)
    with files.full_disk_explained(folder):
        files.remove(aside)
        aside.mkdir(parents=True)
        try:
            write_run_json(
                aside,
                method=method,
                seed=seed,
                config=config or {},
                provenance=provenance or {},
                panel=panel,
            )
            attributes = {**identity(aside), "wall_seconds": wall_seconds}
            build(aside / FINISHED, schema, read, attributes=attributes)
            complete.write(aside)
            aside.rename(folder)
        except BaseException:
            files.remove(aside)
            raise
        files.sync(folder.parent)


def _check_further(further: Mapping[str, np.ndarray], examples: int) -> None:
    """Refuse what would be taken for something else: another `correct`, more rivals than there are examples."""
    if given := {*further} & {"correct", "probability", "scalars", "example", "label", "true_label"}:
        raise UserError(f"`further` cannot hold {min(given)}, which is a parameter of its own")
    missing = further.get("present")
    if missing is not None and not np.asarray(missing).any(axis=(1, 2, 3)).all():
        raise UserError(
            "`present` must say of every epoch that an answer is there: leave out epochs without one"
        )
    for prefix in ("", "held_out_"):
        rivals, own = (further.get(f"{prefix}{name}") for name in RIVALS)
        others = (examples if not prefix else len(further.get("held_out_example", ()))) - 1
        if rivals is not None and not (np.min(rivals) >= 0 and np.max(rivals) <= others):
            raise UserError(f"{prefix}rivals must be from 0 to {others}, the number of other examples")
        if rivals is not None and own is not None and (np.asarray(own) > rivals).any():
            raise UserError(f"{prefix}same_class_rivals must be <= {prefix}rivals")


def sweep(folder: Path) -> None:
    """Remove what a killed writer left behind: files and groups that were never renamed into place.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "run.json.123.tmp").touch()
    ...     sweep(Path(folder))
    ...     list(Path(folder).iterdir())
    []
    """
    for path in folder.glob(f"*{files.ASIDE}"):
        files.remove(path)
