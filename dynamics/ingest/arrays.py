# SPDX-License-Identifier: Apache-2.0
"""Records in arrays: .npy files, each with one array, or an .npz file with several by name."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from dynamics import files
from dynamics.errors import UserError
from dynamics.ingest.records import COUNTS, GIVEN, Records, as_names
from dynamics.recording.judgement import PER_OPTION
from dynamics.snapshots.schema import as_integers

AXES = {
    2: ("epoch", "example"),
    3: ("seed", "epoch", "example"),
    4: ("seed", "epoch", "augmentation", "example"),
    5: ("seed", "epoch", "view", "augmentation", "example"),
}
"""The axes of an array, by their number; logits and probabilities have one more, that of the classes."""
FULL = AXES[5]
KNOWN = ("labels", "true_labels", "indices", "ids", "classes", "present", "seeds", "epochs", "out_of")


def from_arrays(
    given: Mapping[str, np.ndarray],
    *,
    out_of: int | None = None,
    seeds: Any = None,
    epochs: Any = None,
    **known: Any,
) -> Records:
    """Return records from arrays with the axes of :data:`AXES`.

    Parameters
    ----------
    given
        `correct`, `predicted`, `margin`, `probability`, `error_norm`, `logits`, `probabilities` or `counts`. NaN is a
        missing answer.
    out_of
        What `counts` are out of: the number of answers on each example after each epoch, of one seed.
    seeds, epochs
        Their numbers, one each; 0, 1, 2, ... and 1, 2, 3, ... by default.
    known
        `present` (booleans like the arrays), and for each example `labels`, `true_labels`, `indices`, `ids`; `classes`.

    Raises
    ------
    UserError
        If axes, lengths or types do not fit.

    Examples
    --------
    >>> records = from_arrays({"correct": np.array([[True, False], [True, True]])}, labels=[0, 1])  # epoch, example
    >>> records.seeds, records.epochs, records.of_seed(0).arrays["correct"].shape
    ([0], [1, 2], (2, 1, 1, 2))
    """
    if not given:
        raise UserError(f"give some of {', '.join(f'`{name}`' for name in GIVEN)}")
    if unknown := {*given} - {*GIVEN}:
        raise UserError(f"no array is called `{min(unknown)}`: use {', '.join((*GIVEN, *KNOWN))}")
    for name, values in {**given, **known}.items():
        if isinstance(values, np.ma.MaskedArray):
            raise UserError(f"`{name}` is a masked array: give its data, and ~mask as `present`")
    said = [
        f"{name} is taken as ({', '.join(AXES[values.ndim - (name in PER_OPTION)])}"
        f"{', class' * (name in PER_OPTION)})"
        for name, values in given.items()
        if values.ndim - (name in PER_OPTION) in (2, 3)
    ]
    arrays = {name: _on_all_axes(name, values, options=name in PER_OPTION) for name, values in given.items()}
    shapes = {name: values.shape[:5] for name, values in arrays.items()}
    present = known.get("present")
    if present is not None:
        if present.dtype != np.bool_:
            raise UserError(f"`present` must be booleans, got {present.dtype}")
        present = _on_all_axes("present", present, options=False)
        shapes["present"] = present.shape
    if len({*shapes.values()}) > 1:
        sizes = ", ".join(f"`{name}` {shape}" for name, shape in shapes.items())
        raise UserError(f"all arrays must have the same sizes, got {sizes}")
    lengths = dict(zip(FULL, next(iter(shapes.values())), strict=True))
    return Records(
        given=arrays,
        present=present,
        seeds=_numbers("seeds", seeds, lengths["seed"], first=0),
        epochs=_numbers("epochs", epochs, lengths["epoch"], first=1),
        out_of=out_of if COUNTS in arrays else None,
        labels=_of_examples("labels", known.get("labels"), lengths["example"]),
        true_labels=_of_examples("true_labels", known.get("true_labels"), lengths["example"]),
        indices=_indices(known.get("indices"), lengths["example"]),
        ids=_ids(known.get("ids"), lengths["example"]),
        classes=None if known.get("classes") is None else _classes(known["classes"]),
        said=said,
    )


def _on_all_axes(name: str, values: np.ndarray, *, options: bool) -> np.ndarray:
    axes = AXES.get(values.ndim - options)
    if axes is None or 0 in values.shape:
        last = ", class" if options else ""
        ways = ", ".join(f"({', '.join(one)}{last})" for one in AXES.values())
        raise UserError(f"`{name}` must have the axes {ways}, each with an entry, got shape {values.shape}")
    sizes = dict(zip(axes, values.shape, strict=False))
    rest = values.shape[len(axes) :]
    return values.reshape(*(sizes.get(axis, 1) for axis in FULL), *rest)


def _numbers(name: str, numbers: Any, length: int, *, first: int) -> list[int]:
    if numbers is None:
        return list(range(first, first + length))
    array = np.asarray(numbers)
    if array.ndim != 1:
        raise UserError(f"`{name}` must be a list of integers, got shape {array.shape}")
    known = as_integers(f"`{name}`", array).tolist()
    if len(known) != length:
        raise UserError(f"`{name}` must have one number for each of {length}, got {len(known)}")
    if min(known) < 0 or len({*known}) < length or (name == "epochs" and known != sorted(known)):
        raise UserError(f"`{name}` must be >= 0, each once and in order, got {', '.join(map(str, known))}")
    return known


def _of_examples(name: str, values: Any, examples: int) -> np.ndarray | None:
    if values is None:
        return None
    values = np.asarray(values)
    if values.shape != (examples,):
        raise UserError(
            f"`{name}` must have shape {(examples,)}, one entry for each example, got {values.shape}"
        )
    if values.dtype.kind == "U":  # of a file with one a line
        if not np.char.isdecimal(np.char.lstrip(values, "-")).all():
            raise UserError(f"`{name}` must hold integers, got {values[0]!r}")
        values = values.astype(np.int64)
    return as_integers(f"`{name}`", values)


def _indices(values: Any, examples: int) -> np.ndarray | None:
    indices = _of_examples("indices", values, examples)
    if indices is not None and (indices.min() < 0 or len({*indices.tolist()}) < examples):
        raise UserError("`indices` must be >= 0, each another")
    return indices


def _classes(values: Any) -> list[str]:
    names = as_names("classes", values)
    if len({*names}) < len(names):
        raise UserError(f"`classes` must be unique, got {', '.join(names)}")
    return names


def _ids(values: Any, examples: int) -> list[str] | None:
    if values is None:
        return None
    ids = as_names("ids", values)
    if len(ids) != examples or len({*ids}) < examples:
        raise UserError(
            f"`ids` must have one entry, each another, for each of {examples} examples, got {len(ids)}"
        )
    return ids


def load_array(path: Path) -> np.ndarray:
    r"""Open a .npy file as a memory map, without unpickling anything; a .txt file as one text a line.

    Raises
    ------
    UserError
        If there is no such file, or it does not hold a plain array.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "labels.txt")
    >>> _ = path.write_text("3\n1\n")
    >>> load_array(path)
    array(['3', '1'], dtype='<U1')
    """
    files.check_regular(path)
    try:
        if path.suffix == ".txt":
            lines = path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
            return np.array(lines)
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"no file {path}: save the array with numpy.save") from None
    except Exception as error:  # whatever NumPy's parser of headers meets
        reason = shorten(str(error), 120)
        raise UserError(
            f"{path} cannot be read as a .npy array ({reason}): save it with numpy.save"
        ) from None
    if not isinstance(loaded, np.ndarray):
        raise UserError(f"{path} is an archive, not one array: give it as `records`")
    return loaded


def load_archive(path: Path) -> dict[str, np.ndarray]:
    """Read an .npz file, whose arrays have the names of parameters of :func:`from_arrays`.

    Raises
    ------
    UserError
        If there is no such file, or an array in it cannot be read or has another name.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "study.npz")
    >>> np.savez(path, correct=np.ones((2, 3), bool), labels=np.array([0, 1, 0]))
    >>> sorted(load_archive(path))
    ['correct', 'labels']
    """
    files.check_regular(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UserError(f"no file {path}") from None
    except Exception as error:  # whatever NumPy or zip meets
        raise UserError(f"{path} cannot be read as an .npz archive ({shorten(str(error), 120)})") from None
    if unknown := {*arrays} - {*GIVEN, *KNOWN}:
        raise UserError(
            f"{path} holds an array called {min(unknown)!r}: rename it to one of {', '.join((*GIVEN, *KNOWN))}"
        )
    return arrays
