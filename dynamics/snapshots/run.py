# SPDX-License-Identifier: Apache-2.0
"""A reader for one seed's folder, finished or in training; everything that is read is checked."""

import copy
import hashlib
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float64, Int64

from dynamics import files
from dynamics.errors import UserError
from dynamics.snapshots import complete
from dynamics.snapshots.damage import Damaged
from dynamics.snapshots.layout import COMPLETE, FEATURES, FINISHED, WEIGHTS, current
from dynamics.snapshots.record import check_identity, identity_of, read_run_json
from dynamics.snapshots.schema import ARRAYS, COORDINATES
from dynamics.snapshots.store import Store

Value = TypeVar("Value")
OF_A_SEED = ("epoch", "in_training", "untrained_correct", "held_out_untrained_correct")
PANEL_COORDINATES = tuple(name for name in COORDINATES if name not in OF_A_SEED)
"""Coordinates that are the same for all seeds with a panel."""


class Run:
    """One seed of one method, open for reading, also while it is being trained.

    Parameters
    ----------
    folder
        The seed's folder.
    lazily
        Of a finished run, read nothing but run.json and complete.json before the first of its arrays is read: what is
        wrong with the others is then said there.

    Attributes
    ----------
    method, seed, config, fingerprint, provenance, panel
        From run.json.
    complete
        Whether the seed is finished.
    wall_seconds
        Duration of the training; None until the seed is finished.

    Raises
    ------
    UserError
        If there is no run in the folder, or its metadata is damaged.
    """

    _completion: complete.Completion | None = None
    """What complete.json lists, of a finished run."""

    def __init__(self, folder: Path, *, lazily: bool = False) -> None:
        self.folder = folder
        record = read_run_json(folder)
        self._identity = identity_of(record)
        self.method: str = record["method"]
        self.seed: int = record["seed"]
        self.config: dict[str, Any] = record["config"]
        self.fingerprint: str = record["fingerprint"]
        self.provenance: dict[str, Any] = record["provenance"]
        self.panel: dict[str, Any] = record["panel"]
        self.complete = files.exists(folder / COMPLETE)
        self.wall_seconds: float | None = None
        if self.complete:
            self._completion = complete.read(folder)
            check_identity(self.identity, self._completion.made_by, folder / COMPLETE)
            self.wall_seconds = self._completion.wall_seconds
        self._store: Store | None = None
        self._chosen: np.ndarray | None = None
        if not (self.complete and lazily):
            _ = self._places  # those that are there now

    @cached_property
    def _places(self) -> dict[int, int]:
        """Places on the disk, from 1, by epoch."""
        if not self.complete and current(self.folder) is None:
            return {}
        check_identity(self.identity, self._patiently(lambda store: store.attributes), self.folder / FINISHED)
        numbers = self._patiently(lambda store: store.coordinate("epoch"))
        return {int(numbers[at - 1]): at for at in self._patiently(lambda store: store.committed())}

    def same_parts(self, *names: str) -> tuple[str, ...] | None:
        """Return what tells whether parts of the snapshots equal another run's, without reading them.

        Parameters
        ----------
        names
            Paths in the finished group, such as epoch/zarr.json.

        Returns
        -------
        tuple of str
            Their hashes in complete.json, "" for a part that is not there; None if there is no such list.
        """
        listed = None if self._completion is None else self._completion.files
        if not listed or any(entry.size is None for entry in listed.values()):  # version 0.1's
            return None
        sums = {name: entry.sha256 for name, entry in listed.items()}
        return tuple(sums.get(f"{FINISHED}/{name}", "") for name in names)

    def records(self, name: str) -> bool:
        """Whether an array that has an entry per epoch was recorded, by its name in FORMAT.md."""
        found = self.same_parts(f"{name}/zarr.json")
        if found is None or self._chosen is not None:
            return name in self.recorded
        return found != ("",)

    @property
    def epochs(self) -> tuple[int, ...]:
        """Epochs that were committed when the run was opened, in order: from 1, unless it has other numbers."""
        return tuple(self._places)

    @property
    def identity(self) -> dict[str, Any]:
        """Method, seed, recipe and data, which the parts of its folder repeat."""
        return self._identity

    def of_examples(self, places: Int64[np.ndarray, " chosen"]) -> "Run":
        """Return the same run as if it had recorded only some examples of the panel, all of whose answers are there.

        Parameters
        ----------
        places
            Their places in the panel, from 0.
        """
        some = copy.copy(self)
        some._chosen = places if self._chosen is None else self._chosen[places]
        return some

    def _of_chosen(self, values: np.ndarray, axes: Sequence[str]) -> np.ndarray:
        if self._chosen is None or "example" not in axes:
            return values
        return values.take(self._chosen, axis=axes.index("example"))

    @property
    def weights(self) -> Path:
        """File that holds the trained network, if it was kept."""
        return self.folder / WEIGHTS

    @property
    def features_folder(self) -> Path:
        """Folder where analyses cache the network's outputs; safe to delete."""
        return self.folder / FEATURES

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of views, of augmentations and of examples."""
        _, view, augmentation, example = self._patiently(lambda store: store.array("correct").shape)
        return view, augmentation, example if self._chosen is None else len(self._chosen)

    @property
    def panel_size(self) -> int:
        """Number of examples of the panel, some of which may have been left out since (:meth:`of_examples`)."""
        return int(self._patiently(lambda store: store.array("correct").shape)[3])

    @property
    def recorded(self) -> tuple[str, ...]:
        """Names of the arrays that have an entry per epoch."""
        names = self._patiently(lambda store: store.arrays)
        return names if self._chosen is None else tuple(name for name in names if name != "present")

    @property
    def examples(self) -> Int64[np.ndarray, " example"]:
        """Index of each example in the training set."""
        examples = self.coordinate("example")
        assert examples is not None
        return examples

    @property
    def labels(self) -> Int64[np.ndarray, " example"] | None:
        """Label that each example was trained on, if recorded."""
        return self.coordinate("label")

    @property
    def true_labels(self) -> Int64[np.ndarray, " example"] | None:
        """Label of each example in the data set, if recorded."""
        return self.coordinate("true_label")

    @property
    def ids(self) -> list[str] | None:
        """Names of the examples, if they have some: what a recorder was given, or the files of the images."""
        ids = self.panel.get("ids", self.provenance.get("files"))
        return ids if ids is None or self._chosen is None else [ids[at] for at in self._chosen]

    @property
    def data(self) -> str | None:
        """Name of the data that the run was trained on, if recorded."""
        return self.config.get("dataset") or self.provenance.get("dataset")

    def coordinate(self, name: str) -> np.ndarray | None:
        """Read an array that is the same at every epoch, by its name in FORMAT.md; None if it was not recorded."""
        values = self._patiently(lambda store: store.coordinate(name) if store.has(name) else None)
        return None if values is None else self._of_chosen(values, COORDINATES[name].axes)

    @property
    def panel_digests(self) -> dict[str, str | None]:
        """Digests of the examples and their labels, held out or not: equal for two runs with the same panel."""
        return self._patiently(
            lambda store: {name: store.coordinate_digest(name) for name in PANEL_COORDINATES}
        )

    @property
    def chunk_epochs(self) -> int:
        """Number of epochs in one chunk of `correct`, which are decoded together."""
        return self._patiently(lambda store: store.array("correct").chunks[0])

    def digest(self) -> str:
        """Hash the digests of all committed epochs: equal for two runs with the same recorded bits."""
        rows = self._patiently(lambda store: store.digests()[[at - 1 for at in self._places.values()]])
        return hashlib.sha256(rows.tobytes()).hexdigest()[:16]

    def correct(
        self, epochs: Sequence[int] | None = None
    ) -> Bool[np.ndarray, "epoch view augmentation example"]:
        """Read whether the answer on each example was right, at some epochs or at all that were committed.

        Raises
        ------
        UserError
            If an epoch is not there, or a file is damaged (names it).
        """
        return self._read("correct", epochs)

    def entry(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return shape and type of one epoch of an array; nothing is read."""
        shape, kind = self._patiently(lambda store: (store.array(name).shape[1:], store.array(name).dtype))
        if self._chosen is not None and ARRAYS[name].axes[-1] == "example":
            shape = (*shape[:-1], len(self._chosen))
        return shape, kind

    def read(self, name: str, epochs: Sequence[int] | None = None) -> np.ndarray:
        """Read an optional array of FORMAT.md, by its name; otherwise as :meth:`correct`."""
        if name not in self.recorded:
            raise UserError(f"{self.folder} holds no `{name}`: use a run that recorded it")
        return self._read(name, epochs)

    def scalars(self, epochs: Sequence[int] | None = None) -> dict[str, Float64[np.ndarray, " epoch"]]:
        """Read the scalars that were recorded per epoch, by name; otherwise as :meth:`correct`."""
        names = self._patiently(lambda store: store.scalar_names())
        values = self._read("scalars", epochs) if names else np.zeros((0, 0))
        return {name: values[:, column] for column, name in enumerate(names)}

    def _read(self, name: str, epochs: Sequence[int] | None) -> np.ndarray:
        wanted = list(self.epochs if epochs is None else epochs)
        absent = [epoch for epoch in wanted if epoch not in self._places]
        if absent:
            there = f"{self.epochs[0]} to {self.epochs[-1]}" if self.epochs else "none yet"
            raise UserError(
                f"{self.folder} has no epoch {absent[0]} (there: {there}): choose one that it has"
            )
        places = [self._places[epoch] for epoch in wanted]
        return self._of_chosen(self._patiently(lambda store: store.read(name, places)), ARRAYS[name].axes)

    def _check_metadata(self, completion: complete.Completion) -> None:
        """Check the files of a finished run that no epoch's digest covers, before the first of its arrays is read."""
        for damage in complete.differences(self.folder, completion, which=complete.covers_no_epoch):
            raise damage

    def _patiently(self, read: Callable[[Store], Value]) -> Value:
        """Read, and try again if a writer has just finished the run or is in the middle of a file."""
        for patience in (0.05, 0.2, None):
            try:
                if self._store is None:
                    path = current(self.folder)
                    if path is None:
                        raise UserError(f"{self.folder} has no snapshots yet: wait for its first epoch")
                    if self._completion is not None:
                        self._check_metadata(self._completion)
                    self._store = Store(path)
                return read(self._store)
            except Damaged as error:
                if patience is None or error.path.is_relative_to(self.folder / FINISHED):
                    raise
                self._store = None
                time.sleep(patience)
        raise AssertionError
