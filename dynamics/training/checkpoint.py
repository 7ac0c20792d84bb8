# SPDX-License-Identifier: Apache-2.0
"""Saving and loading of training states and network weights, bit for bit.

Each is one safetensors file: tensors as tensors, everything else as JSON in its header, and a SHA-256 of all bytes
(:mod:`dynamics.seal`). Nothing is pickled, and what cannot be stored exactly is refused when it is saved.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from dynamics import files, seal, snapshots
from dynamics.errors import UserError

STATE_FORMAT = "training-dynamics.state/1"
WEIGHTS_FORMAT = "training-dynamics.weights/1"


def copied(state: Any) -> Any:
    """Return a copy of a training state whose tensors do not change any more, where they are.

    Examples
    --------
    >>> weights = torch.zeros(1)
    >>> kept = copied({"weights": [weights], "epoch": 3})
    >>> weights += 1
    >>> kept
    {'weights': [tensor([0.])], 'epoch': 3}
    """
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {name: copied(value) for name, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(map(copied, state))
    return state


class Loaded(NamedTuple):
    """A training state, and a remark for the user."""

    state: Any
    note: str | None
    """Why the previous generation was loaded, if it was."""


class _Unreadable(Exception):  # noqa: N818 - its text continues a sentence that begins with a file's name
    """Why a file cannot be used."""


def previous(path: Path) -> Path:
    """Return the path of the previous generation of a state.

    Examples
    --------
    >>> previous(Path("state.safetensors")).name
    'state.previous.safetensors'
    """
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def exists(path: Path) -> bool:
    """Return whether there is a state to load, of either generation.

    Examples
    --------
    >>> exists(Path("nowhere/state.safetensors"))
    False
    """
    return files.exists(path) or files.exists(previous(path))


def save(state: Any, path: Path) -> None:
    """Save a training state; the one that it replaces is kept as the previous generation.

    Parameters
    ----------
    state
        Dictionaries (with keys of type str or int), lists and tuples of tensors, numpy arrays, str, int,
        float, bool and None, nested to any depth.
    path
        A file named `*.safetensors`. At every instant it or its previous generation is intact.

    Raises
    ------
    TypeError
        When something is of another type; the message names it.
    UserError
        When the disk is full; what was saved before is intact.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "state.safetensors"
    >>> save({"epoch": 1, "weights": torch.ones(2)}, path)
    >>> load(path).state
    {'epoch': 1, 'weights': tensor([1., 1.])}
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_split(state, tensors, ""))
    parts = _file(tensors, {"format": STATE_FORMAT, "tree": tree})
    aside = path.with_name(f"{path.name}{files.ASIDE}")
    files.write_synced(aside, *parts)
    if files.exists(path):
        path.replace(previous(path))
    aside.replace(path)
    files.sync(path.parent)


def load(path: Path) -> Loaded:
    """Load the newest intact state, with all tensors on the CPU.

    Raises
    ------
    UserError
        When neither generation can be read; the message says why, and what to delete to start again.

    Examples
    --------
    >>> load(Path("nowhere/state.safetensors"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    dynamics.errors.UserError: no training state can be read: nowhere/state.safetensors is missing, ...
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
        return Loaded(state, f"{path} {newest}: going on from the previous state")


def save_weights(
    weights: dict[str, Tensor], path: Path, *, made_by: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Save a network's `state_dict` as a plain safetensors file, which any program can read.

    Parameters
    ----------
    weights
        Tensors by name.
    path
        Where to.
    made_by
        What identifies the run (:func:`dynamics.snapshots.identity`), kept in the file's metadata.

    Raises
    ------
    UserError
        When the disk is full; `path` is then unchanged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.safetensors"
    >>> save_weights(torch.nn.Linear(3, 2).state_dict(), path)
    >>> sorted(load_weights(path))
    ['bias', 'weight']
    """
    files.atomic_write(
        path,
        *_file(
            {name: _stored(value) for name, value in weights.items()},
            {"format": WEIGHTS_FORMAT, "made_by": json.dumps(dict(made_by))},
        ),
    )


def load_weights(path: Path, *, made_by: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Tensor]:
    """Load what :func:`save_weights` wrote, with all tensors on the CPU.

    Parameters
    ----------
    path
        The file.
    made_by
        The run that must have made it, if it says so; version 0.1 did not.

    Raises
    ------
    UserError
        When the file is missing, damaged, of another run, or was not written by :func:`save_weights`.

    Examples
    --------
    >>> load_weights(Path("nowhere.safetensors"))
    Traceback (most recent call last):
    dynamics.errors.UserError: nowhere.safetensors is missing: restore it from a copy, or train that seed again
    """
    try:
        weights, metadata = _read(path, WEIGHTS_FORMAT)
    except _Unreadable as error:
        raise UserError(f"{path} {error}: restore it from a copy, or train that seed again") from error
    snapshots.check_identity(made_by, json.loads(metadata.get("made_by", "{}")), path)
    return weights


def _file(tensors: dict[str, Tensor], metadata: dict[str, str]) -> tuple[memoryview, ...]:
    return seal.seal(safetensors.torch.save(tensors, metadata={**metadata, "sha256": seal.BLANK}))


def _read(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a sealed file of one format: its tensors, which own their memory, and its metadata."""
    files.check_regular(path)
    try:
        blob = path.read_bytes()
    except FileNotFoundError:
        raise _Unreadable("is missing") from None
    if not seal.is_sealed(blob):
        raise _Unreadable("is damaged (its SHA-256 does not match)")
    try:
        metadata = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])["__metadata__"]
        tensors = safetensors.torch.load(blob)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _Unreadable(f"is not a safetensors file ({error})") from error
    try:
        snapshots.check_format(path, metadata.get("format"), kind)
    except snapshots.Damaged:
        raise _Unreadable(f"has the format {metadata.get('format')!r}, not {kind!r}") from None
    # Loaded tensors are views of the file's bytes, whose alignment makes some kernels round differently.
    return {name: tensor.clone() for name, tensor in tensors.items()}, metadata


def _load_state(path: Path) -> Any:
    tensors, metadata = _read(path, STATE_FORMAT)
    try:
        return _join(json.loads(metadata["tree"]), tensors.__getitem__)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _Unreadable(f"is not a training state ({type(error).__name__}: {error})") from error


def _stored(tensor: Tensor) -> Tensor:
    """Copy to contiguous memory that no other tensor shares, as safetensors requires."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def _split(node: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """Return a node as JSON: each container or tensor is an object with one entry, named by its type."""
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
