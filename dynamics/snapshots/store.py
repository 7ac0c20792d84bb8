# SPDX-License-Identifier: Apache-2.0
"""One seed's arrays in a zarr group, where every epoch that is read is compared with its digest.

An epoch's arrays are written first and made durable; its row of `digest` is written last and is the commit. zarr
silently reads a missing chunk as zeros and does not check that chunks belong together; the digest does.
"""

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr
from jaxtyping import Int64, UInt8

from dynamics import files
from dynamics.snapshots.chunk import compressors, decoded, digest, encoded
from dynamics.snapshots.damage import Damaged, check_format, damage_named
from dynamics.snapshots.fence import Fence, Superseded
from dynamics.snapshots.schema import ARRAYS, CHUNK_BYTES, COORDINATES, FORMAT, Schema

WRITING = ".partial"
"""Ending of a chunk that is being written."""
CODECS = ["bytes", "blosc", "crc32c"]
"""How every array is stored (FORMAT.md)."""
DIGEST_PARTS = 4
"""A commit's file is c.<epoch from 0>.0.0."""


def create(
    path: Path, schema: Schema, *, chunk_bytes: int, attributes: dict[str, Any] | None = None
) -> "Store":
    """Make the group with all its arrays over all epochs, none of them committed.

    Parameters
    ----------
    path
        Folder of the group, which must not exist.
    schema
        What it will hold.
    chunk_bytes
        Maximum uncompressed size of a chunk of several epochs; 0 for one chunk per epoch.
    attributes
        Stored with the group.

    Examples
    --------
    >>> import tempfile
    >>> fixed = {"optional": (), "coordinates": {"example": np.arange(4)}}
    >>> schema = Schema.of(epochs=3, shape=(1, 1, 4), scalar_names=["loss"], **fixed)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = create(Path(folder, "partial.zarr"), schema, chunk_bytes=0)
    ...     store.arrays, store.committed()
    (('correct', 'scalars'), [])
    """
    group = zarr.create_group(path, zarr_format=3, attributes={"format": FORMAT, **(attributes or {})})

    def array(name: str, shape: tuple[int, ...], dtype: str, axes: Sequence[str], **kept: Any) -> zarr.Array:
        kind = np.dtype(dtype)
        entry_bytes = kind.itemsize * int(np.prod(shape[1:]))
        together = min(shape[0], max(1, chunk_bytes // entry_bytes)) if axes[0] == "epoch" else shape[0]
        if name in COORDINATES:
            together = shape[0]
        return group.create_array(
            name,
            shape=shape,
            chunks=(together, *shape[1:]),
            dtype=kind,
            fill_value=0,
            dimension_names=axes,
            compressors=compressors(kind),
            chunk_key_encoding={"name": "default", "separator": "."},
            config={"write_empty_chunks": True},  # an epoch of nothing but False is an epoch
            attributes=kept,
        )

    for name, values in schema.coordinates.items():
        hashed = digest(values).tobytes().hex()
        array(name, values.shape, *COORDINATES[name], blake2b=hashed)[:] = values
    for name in schema.arrays:
        kept: dict[str, Any] = {"names": list(schema.scalar_names)} if name == "scalars" else {}
        array(name, schema.sizes(ARRAYS[name].axes), *ARRAYS[name], **kept)
    shape = (schema.epochs, len(schema.arrays), 16)
    array("digest", shape, "uint8", ("epoch", "array", "byte"), names=list(schema.arrays))
    return Store(path)


def build(
    path: Path, schema: Schema, read: Callable[[str, range], np.ndarray], *, attributes: dict[str, Any]
) -> None:
    """Write a finished run's group: all epochs committed, in large chunks; durable on return.

    Parameters
    ----------
    path
        Folder of the group, which must not exist.
    schema
        What it will hold.
    read
        Returns a range of epochs of the array with a name.
    attributes
        Stored with the group.

    Examples
    --------
    >>> import tempfile
    >>> fixed = {"optional": (), "coordinates": {"example": np.arange(4)}}
    >>> schema = Schema.of(epochs=3, shape=(1, 1, 4), scalar_names=[], **fixed)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "snapshots.zarr")
    ...     build(path, schema, lambda name, epochs: np.ones((len(epochs), 1, 1, 4), dtype=bool), attributes={})
    ...     Store(path).committed()
    [1, 2, 3]
    """
    store = create(path, schema, chunk_bytes=CHUNK_BYTES, attributes=attributes)
    rows = np.zeros(store.array("digest").shape, dtype=np.uint8)
    for column, name in enumerate(schema.arrays):
        array = store.array(name)
        for start in range(0, schema.epochs, array.chunks[0]):
            stop = min(start + array.chunks[0], schema.epochs)
            entries = read(name, range(start + 1, stop + 1))
            store.put_chunk(name, start + 1, entries)
            rows[start:stop, column] = [digest(entry) for entry in entries]
    together = store.array("digest").chunks[0]
    for start in range(0, schema.epochs, together):
        store.put_chunk("digest", start + 1, rows[start : start + together])
    files.sync_tree(path)


class Described(NamedTuple):
    """What the metadata of an array say."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: dict[str, Any]

    @classmethod
    def of(cls, metadata: dict[str, Any]) -> "Described":
        """Read an array's zarr.json; raises what wrong metadata raise."""
        codecs = [codec["name"] for codec in metadata["codecs"]]
        if codecs != CODECS or metadata["chunk_key_encoding"]["configuration"] != {"separator": "."}:
            raise ValueError(f"an array of another program, with the codecs {', '.join(codecs)}")
        chunks = metadata["chunk_grid"]["configuration"]["chunk_shape"]
        shape, kind = tuple(map(int, metadata["shape"])), np.dtype(metadata["data_type"])
        return cls(shape, tuple(map(int, chunks)), kind, dict(metadata["attributes"]))


class Store:
    """An open group of one seed's arrays; epochs count from 1."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: dict[str, Described] = {}
        metadata = path / "zarr.json"
        with damage_named(metadata):
            self.attributes: dict[str, Any] = dict(files.read_json(metadata)["attributes"])
        check_format(metadata, self.attributes.get("format"), FORMAT)
        self.arrays = self._names("digest")
        self.epochs: int = self.array("digest").shape[0]

    def array(self, name: str) -> Described:
        """Return what an array's metadata say, which are read once."""
        if name not in self._open:
            metadata = self.path / name / "zarr.json"
            with damage_named(metadata):
                self._open[name] = Described.of(files.read_json(metadata))
        return self._open[name]

    def _names(self, name: str) -> tuple[str, ...]:
        names = self.array(name).attributes.get("names")
        if not isinstance(names, list):
            raise Damaged(self.path / name / "zarr.json", "no names")
        return tuple(map(str, names))

    def has(self, name: str) -> bool:
        """Whether the group holds an array with this name."""
        return (self.path / name).is_dir()

    def chunk(self, name: str, epoch: int) -> Path:
        """Return the file that holds an array's entry of an epoch, or all of a coordinate."""
        array = self.array(name)
        return self._part(name, 0 if name in COORDINATES else (epoch - 1) // array.chunks[0])

    def _part(self, name: str, index: int) -> Path:
        return self.path / name / ".".join(["c", str(index), *["0"] * (len(self.array(name).shape) - 1)])

    def _chunk_values(self, name: str, index: int) -> np.ndarray | None:
        """Decode a chunk, which may reach beyond the last epoch; None if there is none."""
        path, array = self._part(name, index), self.array(name)
        with damage_named(path):
            stored = files.read_regular(path)
            return None if stored is None else decoded(stored, array.dtype, array.chunks)

    def coordinate(self, name: str) -> np.ndarray:
        """Read and check an array that is the same at every epoch."""
        path, values = self.chunk(name, 1), self._chunk_values(name, 0)
        if values is None:
            raise Damaged(path, "missing")
        values = values.copy()  # the caller's own, as every array that is read
        if digest(values).tobytes().hex() != self.coordinate_digest(name):
            raise Damaged(path, _mismatch(path))
        return values

    def coordinate_digest(self, name: str) -> str | None:
        """Return the digest in a coordinate's metadata; None if the run has no such coordinate."""
        if not self.has(name):
            return None
        metadata = self.path / name / "zarr.json"
        with damage_named(metadata):
            return str(files.read_json(metadata)["attributes"]["blake2b"])

    def schema(self) -> Schema:
        """Read back the schema that the group was created with."""
        _, view, augmentation, example = self.array("correct").shape
        return Schema.of(
            epochs=self.epochs,
            shape=(view, augmentation, example),
            scalar_names=self.scalar_names(),
            optional=[name for name in self.arrays if name not in ("correct", "scalars")],
            coordinates={name: self.coordinate(name) for name in COORDINATES if self.has(name)},
        )

    def scalar_names(self) -> tuple[str, ...]:
        """Return the names of the columns of `scalars`."""
        return self._names("scalars") if "scalars" in self.arrays else ()

    def digests(self) -> UInt8[np.ndarray, "epoch array byte"]:
        """Read all rows of the digest; an epoch that is not committed has zeros."""
        return self._entries("digest", np.arange(self.epochs))

    def committed(self) -> list[int]:
        """List the committed epochs, in order."""
        return (np.flatnonzero(self.digests().any(axis=(1, 2))) + 1).tolist()

    def drop_damaged_commits(self) -> None:
        """Take back the commits of epochs that cannot be read, for instance after a power cut or on a bad disk.

        They are trained again. A writer that opens a partial run reads each of its epochs once for this.
        """
        for epoch in range(1, self.epochs + 1):
            if not files.exists(self.chunk("digest", epoch)):
                continue
            try:
                if self._entries("digest", np.array([epoch - 1])).any():
                    for name in self.arrays:
                        self.read(name, [epoch])
            except Damaged:
                self.uncommit(epoch)

    def read(self, name: str, epochs: Sequence[int]) -> np.ndarray:
        """Read some epochs of an array, each compared with its digest.

        Raises
        ------
        Damaged
            When a chunk cannot be decoded, is missing, or holds other bytes than were committed; names
            the file.
        """
        index = np.asarray(epochs, dtype=np.int64) - 1
        values = self._entries(name, index)
        expected = self._entries("digest", index)[:, self.arrays.index(name)]
        for epoch, entry, row in zip(epochs, values, expected, strict=True):
            if not np.array_equal(digest(entry), row):
                path = self.chunk(name, epoch)
                raise Damaged(path, _mismatch(path))
        return values

    def write(self, epoch: int, entries: dict[str, np.ndarray], fence: Fence) -> None:
        """Write and commit one epoch, in a store with one chunk per epoch; durable on return.

        Raises
        ------
        Superseded
            If another writer is at it, too; nothing of this epoch is then committed by this one.
        """
        row = np.stack([digest(entries[name]) for name in self.arrays])
        try:
            for name in self.arrays:
                self._put(name, epoch, entries[name])
            self._sync(self.arrays, epoch)
            fence.check()
            self._put("digest", epoch, row)
        except (FileExistsError, FileNotFoundError):  # its own chunks were removed when it made its claim
            raise Superseded(self.path.parent) from None
        self._sync(["digest"], epoch)
        self._check_alone(epoch, fence)

    def _check_alone(self, epoch: int, fence: Fence) -> None:
        """Take a commit back if another writer's claim has come between its chunks and itself."""
        try:
            fence.check()
        except Superseded:
            try:
                for name in self.arrays:
                    self.read(name, [epoch])
            except Damaged:
                for name in self.arrays:  # first: while the commit is there, the other cannot make its own
                    self.chunk(name, epoch).unlink(missing_ok=True)
                self.uncommit(epoch)
            raise

    def uncommit(self, epoch: int) -> None:
        """Take back the commit of an epoch, and remove its chunks; durable on return."""
        path = self.chunk("digest", epoch)
        if files.exists(path):
            path.unlink()
            files.sync(path.parent)
        for name in self.arrays:
            self.chunk(name, epoch).unlink(missing_ok=True)

    def committed_now(self) -> list[int]:
        """List the epochs that have a commit on the disk, without reading one: whoever made it."""
        names = (entry.name.split(".") for entry in os.scandir(self.path / "digest"))
        return [int(name[1]) + 1 for name in names if name[0] == "c" and len(name) == DIGEST_PARTS]

    def sweep(self) -> None:
        """Remove what a killed writer has left of epochs that it did not commit."""
        committed = {*self.committed_now()}
        for name in (*self.arrays, "digest"):
            for entry in os.scandir(self.path / name):
                parts = entry.name.split(".")
                left = parts[0] == "c" and (
                    entry.name.endswith(WRITING) or int(parts[1]) + 1 not in committed
                )
                if left:
                    Path(entry.path).unlink(missing_ok=True)

    def _entries(self, name: str, index: Int64[np.ndarray, " epoch"]) -> np.ndarray:
        """Decode entries along the first axis, counted from 0; of a chunk that is missing they are zeros."""
        array = self.array(name)
        values = np.zeros((len(index), *array.shape[1:]), dtype=array.dtype)
        parts = index // array.chunks[0]
        for part in np.unique(parts).tolist():
            if (chunk := self._chunk_values(name, part)) is not None:
                inside = parts == part
                values[inside] = chunk[index[inside] - part * array.chunks[0]]
        return values

    def put_chunk(self, name: str, epoch: int, entries: np.ndarray) -> None:
        """Write the chunk that begins with an epoch, in a group that nobody reads yet; zeros fill the last."""
        array = self.array(name)
        values = np.zeros(array.chunks, dtype=array.dtype)
        values[: len(entries)] = entries
        self.chunk(name, epoch).write_bytes(encoded(values))

    def _put(self, name: str, epoch: int, values: np.ndarray) -> None:
        """Write the chunk of one epoch aside, and give it its place."""
        path = self.chunk(name, epoch)
        files.check_regular(path)
        aside = path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}{WRITING}")
        aside.write_bytes(encoded(values))
        try:
            files.place_first(aside, path)
        except FileExistsError:
            aside.unlink(missing_ok=True)
            raise

    def _sync(self, names: Sequence[str], epoch: int) -> None:
        chunks = [self.chunk(name, epoch) for name in names]
        files.sync_all([*chunks, *(chunk.parent for chunk in chunks)])


def _mismatch(path: Path) -> str:
    return "not what was committed" if files.exists(path) else "missing"
