# SPDX-License-Identifier: Apache-2.0
"""The writer of a run's snapshots: epoch by epoch during training, and rewritten once at the end.

At every instant a reader finds all committed epochs, in `partial.zarr` or in `snapshots.zarr`; an epoch is there
completely or not at all. The caller holds the seed's lock (dynamics.lock).
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynamics import files
from dynamics.errors import UserError
from dynamics.snapshots import finish
from dynamics.snapshots.damage import Damaged
from dynamics.snapshots.fence import Fence
from dynamics.snapshots.layout import FINISHED, LOG, PARTIAL, current
from dynamics.snapshots.record import check_identity, identity
from dynamics.snapshots.schema import COORDINATES, Schema, typed
from dynamics.snapshots.store import Store, create

UNTRAINED = ("untrained_correct", "held_out_untrained_correct")
"""Coordinates that are known when a seed begins; a resumed one need not compute them again."""
RIGHT = ("correct", "held_out_correct")
"""Arrays whose means are logged."""


def declared_arrays(folder: Path) -> set[str] | None:
    """Return the names of the arrays that a seed's snapshots were declared with; None if it has none yet.

    Examples
    --------
    >>> declared_arrays(Path("runs/no-such-study/simclr/seed-0000")) is None
    True
    """
    path = current(folder)
    return None if path is None else {*Store(path).arrays}


class Changed(UserError):  # noqa: N818 - the name says it
    """An epoch that is committed came out differently when it was computed again."""

    def __init__(self, folder: Path, epoch: int) -> None:
        super().__init__(
            f"{folder}: epoch {epoch}, trained again after an interruption, has other bits than before, so code, "
            "libraries or processor have changed (run.json says how); nothing is replaced: go on with the old ones, "
            "use another `study`, or give `replace_epochs=True`"
        )


class Writer:
    """The snapshots of one seed, open for writing; made by :meth:`open`.

    Parameters
    ----------
    folder
        The seed's folder.
    arrays
        The open store in that folder.
    """

    def __init__(self, folder: Path, arrays: Store) -> None:
        self.folder = folder
        self._store = arrays
        self._schema = arrays.schema()
        self._places = {int(number): at for at, number in enumerate(self._schema.coordinates["epoch"], 1)}
        committed = {*arrays.committed()}
        self._committed = {number for number, at in self._places.items() if at in committed}
        self._fence = Fence(folder)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        epochs: int,
        shape: tuple[int, int, int],
        scalar_names: Sequence[str],
        coordinates: Mapping[str, np.ndarray],
        optional: Sequence[str] = (),
    ) -> "Writer":
        """Create a seed's snapshots, or continue those that are there.

        Parameters
        ----------
        folder
            The seed's folder; made if absent.
        epochs
            Number of epochs that the run will have.
        shape
            Number of views, of augmentations and of examples of the panel.
        scalar_names
            Names of the scalars that are recorded per epoch beside the panel.
        coordinates
            Arrays that are the same at every epoch, by their name in FORMAT.md: `example`, `label` and so on; without
            `epoch`, epochs are 1 ... T.
        optional
            Names of the optional arrays of FORMAT.md that are recorded beside `correct`: `probability` and so on.

        Raises
        ------
        UserError
            If the folder holds snapshots with another schema (names the field and both values) or of another seed,
            or the disk is full.
        """
        asked = Schema.of(
            epochs=epochs,
            shape=shape,
            scalar_names=scalar_names,
            optional=optional,
            coordinates=coordinates,
        )
        with files.full_disk_explained(folder):
            files.make_folder(folder)
            finish.sweep(folder)
            if current(folder) is None:
                aside = folder / (PARTIAL + files.ASIDE)
                create(aside, asked, chunk_bytes=0, attributes=identity(folder))
                files.sync_tree(aside)
                aside.rename(folder / PARTIAL)
                files.sync(folder)
        writer = cls.reopen(folder)
        _check_schema(folder, writer._schema, asked)
        return writer

    @classmethod
    def reopen(cls, folder: Path) -> "Writer":
        """Continue a seed's snapshots, which must be there, as they were declared.

        Raises
        ------
        UserError
            If they are of another seed.
        """
        path = current(folder)
        assert path is not None
        store = Store(path)
        check_identity(identity(folder), store.attributes, path)
        if path.name == PARTIAL:
            store.drop_damaged_commits()
        return cls(folder, store)

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays that :meth:`write` takes."""
        return ("correct", *self._schema.optional)

    @property
    def scalar_names(self) -> tuple[str, ...]:
        """Names of the scalars that :meth:`write` takes."""
        return self._schema.scalar_names

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of views, of augmentations and of examples."""
        return self._schema.shape

    def committed(self) -> list[int]:
        """List the committed epochs, in order; after damage there may be gaps."""
        return sorted(self._committed)

    def write(self, epoch: int, arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]) -> None:
        """Commit one epoch; on return it is on the disk, whatever happens next.

        An epoch that is already there with the same bits is left alone; with other bits it is replaced.

        Parameters
        ----------
        epoch
            One of the schema's: from 1 to the last, unless it has other numbers.
        arrays
            `correct` and the schema's optional arrays, without their axis of epochs: whether the answer on each
            example was right, booleans (view, augmentation, example), and so on.
        scalars
            One value for each of the schema's names.

        Raises
        ------
        ValueError
            If a shape, a name or the epoch does not fit the schema, or a finished run would change.
        UserError
            If an array is of another type, or the disk is full; epochs committed before are safe.
        """
        entries = self._entries(epoch, arrays, scalars)
        if epoch in self._committed and self._holds(epoch, entries):
            return
        if self._store.path.name == FINISHED:
            raise ValueError(f"{self.folder} is finished, and its epoch {epoch} has other values")
        with files.full_disk_explained(self.folder):
            self._check_alone()
            if epoch in self._committed:
                self._take_back([epoch])
            self._store.write(self._places[epoch], entries, self._fence)
        self._committed.add(epoch)

    def _check_alone(self) -> None:
        """Check that no other writer has committed an epoch since this one was opened, and claim the next.

        Raises
        ------
        Superseded
            If one has.
        """
        known = {self._places[number] for number in self._committed}
        self._fence.check_known(self._store.committed_now(), known)
        if self._fence.claim():
            self._fence.check_known(self._store.committed_now(), known)
            self._store.sweep()

    def take_back_after(self, epoch: int) -> list[int]:
        """Take back the commits of all later epochs, which another training made; return which those were."""
        later = [number for number in self.committed() if number > epoch]
        if later:
            self._check_alone()
        self._take_back(later)
        return later

    def _take_back(self, epochs: Sequence[int]) -> None:
        with files.full_disk_explained(self.folder):
            for epoch in reversed(epochs):
                self._committed.discard(epoch)
                self._store.uncommit(self._places[epoch])

    def check_unchanged(
        self, epoch: int, arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]
    ) -> None:
        """Check that an epoch that is trained again has the bits that are committed; parameters as in :meth:`write`.

        Raises
        ------
        Changed
            If it is there with other bits.
        """
        if self.holds(epoch, arrays, scalars) is False:
            raise Changed(self.folder, epoch)

    def holds(
        self, epoch: int, arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]
    ) -> bool | None:
        """Return whether an epoch is committed with the same bits (parameters: :meth:`write`); None if it is not."""
        entries = self._entries(epoch, arrays, scalars)
        return self._holds(epoch, entries) if epoch in self._committed else None

    def begin_log(self, through: int) -> list[dict[str, Any]]:
        """Rewrite the log, so that it has one line for each epoch up to `through`; return the lines.

        The process before may have died before it wrote a line, or in the middle, or after epochs that were not saved.
        """
        path = self.folder / LOG
        before = _read_log(path)
        lines = []
        for epoch in (number for number in self.committed() if number <= through):
            with contextlib.suppress(Damaged):  # it is said when the seed is finished
                there = {
                    name: self._store.read(name, [self._places[epoch]])[0]
                    for name in ("scalars", *RIGHT)
                    if name in self._schema.arrays
                }
                numbers = _numbers(
                    there, dict(zip(self.scalar_names, there["scalars"].tolist(), strict=True))
                )
                lines.append({"epoch": epoch} | before.get(epoch, {}) | numbers | {"epoch": epoch})
        if lines or files.exists(path):
            with files.full_disk_explained(self.folder):
                files.atomic_write(path, *(_line(content) for content in lines))
        return lines

    def log(
        self, times: Mapping[str, Any], arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]
    ) -> dict[str, Any]:
        """Append an epoch to the log, with its times, which differ between runs: the snapshots do not hold them.

        Returns
        -------
        dict
            The line.
        """
        content = {
            **times,
            **_numbers(arrays, scalars),
            **times,
        }  # times first, and not lost to a scalar's name
        with files.full_disk_explained(self.folder), (self.folder / LOG).open("ab") as file:
            file.write(_line(content))
        return content

    def finish(self, wall_seconds: float, *, early: bool = False) -> None:
        """Rewrite the snapshots in large chunks, mark the seed as complete and remove its training state.

        Parameters
        ----------
        wall_seconds
            Duration of the training, summed over its interruptions.
        early
            Finish with the epochs that are there: training was stopped early.

        Raises
        ------
        UserError
            If an epoch is missing or damaged (names the file), or the disk is full; nothing is lost then.
        """
        with files.full_disk_explained(self.folder):
            if self._store.path.name == PARTIAL:
                self._check_alone()
                self._rewrite(wall_seconds, early=early)
            finish.settle(self.folder)

    def _rewrite(self, wall_seconds: float, *, early: bool) -> None:
        missing = sorted({*self._places} - self._committed)
        if missing and not (early and self._committed):
            raise UserError(
                f"{self.folder} lacks {len(missing)} of {self._schema.epochs} epochs "
                f"(the first is {missing[0]}): run the same command again, which trains them"
            )
        finish.rewrite(self._store, self._schema.at(self.committed()), self.folder, wall_seconds)

    def _holds(self, epoch: int, entries: dict[str, np.ndarray]) -> bool | None:
        """Compare an epoch with what is committed; None if that cannot be read."""
        try:
            return all(
                self._store.read(name, [self._places[epoch]])[0].tobytes() == values.tobytes()
                for name, values in entries.items()
            )
        except Damaged:
            return None

    def _entries(
        self, epoch: int, arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]
    ) -> dict[str, np.ndarray]:
        schema = self._schema
        if epoch not in self._places:
            numbers = [*self._places]
            raise ValueError(f"epoch must be one of {numbers[0]} to {numbers[-1]}, got {epoch}")
        if {*arrays} != (wanted := {"correct", *schema.optional}):
            raise ValueError(f"arrays must be {sorted(wanted)}, got {sorted(arrays)}")
        if {*scalars} != {*schema.scalar_names}:
            raise ValueError(f"scalars must be {sorted(schema.scalar_names)}, got {sorted(scalars)}")
        columns = np.array([scalars[name] for name in schema.scalar_names])
        entries = {name: typed(name, {**arrays, "scalars": columns}[name]) for name in schema.arrays}
        for name, values in entries.items():
            if values.shape != schema.entry(name):
                raise ValueError(f"{name} must have shape {schema.entry(name)}, got {values.shape}")
        return entries


def _numbers(arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]) -> dict[str, float]:
    """Return an epoch's scalars, and how much of what was asked of the first view is right, as in E[r_t]."""
    right = {name: arrays[name] for name in RIGHT if name in arrays}
    return {**scalars, **{f"mean_{name}": float(values[0].mean()) for name, values in right.items()}}


def _line(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content) + "\n").encode()


def _read_log(path: Path) -> dict[int, dict[str, Any]]:
    """Return the last line of each epoch; one that was torn is left out."""
    lines = {}
    with contextlib.suppress(FileNotFoundError):
        for text in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                content = json.loads(text)
                lines[content["epoch"]] = content
    return lines


def _check_schema(folder: Path, stored: Schema, asked: Schema) -> None:
    for name in ("epochs", "shape", "scalar_names", "arrays"):
        if getattr(stored, name) != getattr(asked, name):
            _refuse(folder, name, getattr(stored, name), getattr(asked, name))
    for name in COORDINATES:
        there, now = stored.coordinates.get(name), asked.coordinates.get(name)
        if (there is None and now is None) or (name in UNTRAINED and now is None):
            continue
        if there is None or now is None:
            _refuse(folder, name, *("absent" if values is None else "present" for values in (there, now)))
        elif len(there) != len(now):
            _refuse(folder, f"number of {name}", len(there), len(now))
        elif not np.array_equal(there, now):
            at = int(np.flatnonzero(there != now)[0])
            _refuse(folder, f"{name} {at}", there[at], now[at])


def _refuse(folder: Path, name: str, there: object, now: object) -> None:
    raise UserError(
        f"{folder} holds snapshots with another {name} ({there} there, {now} now): use another `study`"
    )
