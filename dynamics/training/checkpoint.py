# SPDX-License-Identifier: Apache-2.0
"""How a training state, or a network's weights, reach the disk and come back bit-equal.

One safetensors file: tensors as tensors, everything else as JSON in its header, a SHA-256 over every byte
(dynamics.seal). Nothing is pickled, and what cannot be stored exactly is refused when it is saved.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from dynamics import files, seal
from dynamics.errors import UserError

STATE_FORMAT = "training-dynamics.state/1"
WEIGHTS_FORMAT = "training-dynamics.weights/1"


class Loaded(NamedTuple):
    """A training state, and what the user should know about it."""

    state: Any
    note: str | None
    """Why it is the previous generation, if it is."""


class _Unreadable(Exception):  # noqa: N818 - its text goes on after the name of a file
    """Why a file cannot be used."""


def previous(path: Path) -> Path:
    """Return where the generation before the newest is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def exists(path: Path) -> bool:
    """Whether there is a state to load, of either generation."""
    return path.exists() or previous(path).exists()


def save(state: Any, path: Path) -> None:
    """Save a training state; the one that was there is kept as the previous generation.

    Parameters
    ----------
    state
        Dictionaries (with keys of type str or int), lists and tuples of tensors, numpy arrays, str, int,
        float, bool and None, nested at will.
    path
        A file named `*.safetensors`. At every instant it or its previous generation is whole.

    Raises
    ------
    TypeError
        When something is of another type; names it.
    UserError
        When the disk is full; what was saved before is safe.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_split(state, tensors, ""))
    parts = _file(tensors, {"format": STATE_FORMAT, "tree": tree})
    aside = path.with_name(f"{path.name}{files.ASIDE}")
    files.write_synced(aside, *parts)
    if path.exists():
        path.replace(previous(path))
    aside.replace(path)
    files.sync(path.parent)


def load(path: Path) -> Loaded:
    """Load the newest state that is whole, with all tensors on the CPU.

    Raises
    ------
    UserError
        When neither generation can be read: says why, and what to delete to start again.
    """
    try:
        return Loaded(_load_state(path), None)
    except _Unreadable as newest:
        try:
            state = _load_state(previous(path))
        except _Unreadable as oldest:
            raise UserError(
                f"no training state can be read: {path} {newest}, {previous(path).name} {oldest}; "
                f"delete both to train this seed again from its start"
            ) from newest
        return Loaded(state, f"{path} {newest}: going on from the state before it")


def save_weights(weights: dict[str, Tensor], path: Path) -> None:
    """Save a network's `state_dict` as a plain safetensors file, which any program can read.

    Raises
    ------
    UserError
        When the disk is full; `path` then holds what it held.
    """
    files.atomic_write(
        path, *_file({name: _stored(value) for name, value in weights.items()}, {"format": WEIGHTS_FORMAT})
    )


def load_weights(path: Path) -> dict[str, Tensor]:
    """Load what :func:`save_weights` wrote, with all tensors on the CPU.

    Raises
    ------
    UserError
        When the file is missing, damaged or was not written by :func:`save_weights`.
    """
    try:
        return _read(path, WEIGHTS_FORMAT)[0]
    except _Unreadable as error:
        raise UserError(f"{path} {error}: restore it from a copy, or train that seed again") from error


def _file(tensors: dict[str, Tensor], metadata: dict[str, str]) -> tuple[memoryview, ...]:
    return seal.seal(safetensors.torch.save(tensors, metadata={**metadata, "sha256": seal.BLANK}))


def _read(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a sealed file of one kind: its tensors, which own their memory, and its metadata."""
    try:
        blob = path.read_bytes()
    except FileNotFoundError:
        raise _Unreadable("is missing") from None
    if not seal.is_sealed(blob):
        raise _Unreadable("is damaged (its bytes are not those of its SHA-256)")
    try:
        metadata = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])["__metadata__"]
        tensors = safetensors.torch.load(blob)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _Unreadable(f"is no safetensors file ({error})") from error
    if metadata.get("format") != kind:
        raise _Unreadable(f"has the format {metadata.get('format')!r}, not {kind!r}")
    # Loaded tensors look into the file's bytes, at addresses that some kernels round differently for.
    return {name: tensor.clone() for name, tensor in tensors.items()}, metadata


def _load_state(path: Path) -> Any:
    tensors, metadata = _read(path, STATE_FORMAT)
    return _join(json.loads(metadata["tree"]), tensors.__getitem__)


def _stored(tensor: Tensor) -> Tensor:
    """Copy to memory that is contiguous and nobody else's, as safetensors asks."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def _split(node: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """Return a node as JSON: each container or tensor is an object of one entry, named by its kind."""
    if isinstance(node, Tensor):
        tensors[path] = _stored(node)
        return {"tensor": path}
    if type(node) is np.ndarray:
        tensors[path] = _stored(_from_numpy(node, path))
        return {"array": path}
    if type(node) in (dict, OrderedDict):
        odd = [key for key in node if type(key) not in (str, int)]
        if odd:
            raise TypeError(f"{path or 'state'}: a key of type {type(odd[0]).__name__} cannot be stored")
        return {"dict": [[key, _split(value, tensors, f"{path}/{key}")] for key, value in node.items()]}
    if type(node) in (list, tuple):
        kind = type(node).__name__
        return {kind: [_split(value, tensors, f"{path}/{place}") for place, value in enumerate(node)]}
    if type(node) is float:
        return {"float": node.hex()}  # exact, with infinities and NaN
    if node is None or type(node) in (bool, int, str):
        return node
    raise TypeError(f"{path or 'state'}: a {type(node).__name__} cannot be stored")


def _from_numpy(array: np.ndarray, path: str) -> Tensor:
    try:
        return torch.from_numpy(array.copy())
    except TypeError as error:
        raise TypeError(f"{path or 'state'}: an array of {array.dtype} cannot be stored") from error


def _join(node: Any, tensor: Callable[[str], Tensor]) -> Any:
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    builders: dict[str, Callable[[Any], Any]] = {
        "tensor": tensor,
        "array": lambda name: tensor(name).numpy(),
        "dict": lambda pairs: {key: _join(value, tensor) for key, value in pairs},
        "list": lambda values: [_join(value, tensor) for value in values],
        "tuple": lambda values: tuple(_join(value, tensor) for value in values),
        "float": float.fromhex,
    }
    return builders[kind](content)
