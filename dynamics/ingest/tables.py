# SPDX-License-Identifier: Apache-2.0
"""Records in tables: .csv, .jsonl or .parquet, with a row for each example after each epoch of each seed.

The files of dataset cartography (`dynamics_epoch_*.jsonl`, Swayamdipta et al. 2020) are such tables.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd

from dynamics import files
from dynamics.errors import UserError
from dynamics.ingest.records import COUNTS, Records
from dynamics.names import counted
from dynamics.recording.judgement import PER_ANSWER, PER_OPTION

SUFFIXES = (".csv", ".jsonl", ".parquet")
CALLED = {
    "id": ("id", "ids", "guid", "example_id", "sample_id"),
    "example": ("example", "index", "idx"),
    "seed": ("seed", "run"),
    "epoch": ("epoch", "checkpoint"),
    "view": ("view",),
    "augmentation": ("augmentation",),
    "label": ("label", "labels", "gold", "target"),
    "true_label": ("true_label", "true_labels", "clean_label"),
    "logits": ("logits",),
    "probabilities": ("probabilities", "probs"),
    "probability": ("probability", "confidence"),
    "predicted": ("predicted", "prediction", "pred"),
    "correct": ("correct", "is_correct"),
    "margin": ("margin",),
    "error_norm": ("error_norm", "el2n"),
    COUNTS: (COUNTS,),
}
"""What columns are called elsewhere."""
CARTOGRAPHY = re.compile(r"(logits|probs)_epoch_(\d+)")
NUMBERED = re.compile(r"(logits|probabilities)_(\d+)")
"""One column for each class."""


def from_tables(
    paths: Sequence[Path], *, out_of: int | None = None, classes: Sequence[str] | None = None
) -> Records:
    r"""Return records from tables; a folder holds the files of one seed, several folders those of seeds 0, 1, 2, ...

    Columns, under these or other usual names: `id` of the example (a text or an index), `example` (its index, beside a
    text), `epoch`, `seed` (unless folders say so), `view`, `augmentation`, `label`, `true_label`, and what is known of
    the answer, as in :func:`dynamics.ingest.from_arrays`. What no row is about is missing.

    Raises
    ------
    UserError
        If a file cannot be read, a column is missing, or two rows are about the same answer.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "log.csv")
    >>> _ = path.write_text("guid,epoch,gold,pred\na,0,cat,cat\nb,0,dog,cat\na,1,cat,cat\n")
    >>> records = from_tables([path])
    >>> records.ids, records.classes, records.epochs
    (['a', 'b'], ['cat', 'dog'], [0, 1])
    >>> records.of_seed(0).arrays["present"][:, 0, 0].tolist()
    [[True, True], [True, False]]
    """
    if not paths:
        raise UserError("give at least one table")
    frames = []
    for seed, path in enumerate(paths):
        parts = [read(file) for file in _files_of(path)]
        if path.is_dir() and not any("seed" in part for part in parts):
            parts = [part.assign(seed=seed) for part in parts]
        frames += parts
    return _records(pd.concat(frames, ignore_index=True), out_of, classes)


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    if not found:
        raise UserError(f"{path} holds no {', '.join(SUFFIXES)}")
    return found


def read(path: Path) -> pd.DataFrame:
    r"""Read a table, with its columns called as here.

    Raises
    ------
    UserError
        If it cannot be read, or two columns have one meaning.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "dynamics_epoch_3.jsonl")
    >>> _ = path.write_text('{"guid": 7, "logits_epoch_3": [0.5, 1.5], "gold": 1, "device": "cuda:0"}\n')
    >>> read(path).to_dict("records")
    [{'id': 7, 'label': 1, 'logits': [0.5, 1.5], 'epoch': 3}]
    """
    return _with_usual_names(read_raw(path), path)


def read_raw(path: Path) -> pd.DataFrame:
    """Read a table as it is; everything in a .csv file as texts, because 007 is no number, and NA no missing label.

    Raises
    ------
    UserError
        If it cannot be read, or is empty.

    Examples
    --------
    >>> read_raw(Path("no-such-file.csv"))
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: no file no-such-file.csv
    """
    files.check_regular(path)
    readers: dict[str, Any] = {
        ".csv": lambda: pd.read_csv(path, dtype=str, keep_default_na=False),
        ".jsonl": lambda: pd.DataFrame(
            json.loads(line) for line in path.read_text().splitlines() if line.strip()
        ),
        ".parquet": lambda: pd.read_parquet(path),
    }
    if path.suffix not in readers:
        raise UserError(f"{path} must be a table, {', '.join(SUFFIXES)}, or an .npz archive of arrays")
    try:
        frame = readers[path.suffix]()
    except FileNotFoundError:
        raise UserError(f"no file {path}") from None
    except Exception as error:  # whatever a parser meets; parquet needs pyarrow
        raise UserError(f"{path} cannot be read ({shorten(str(error), 160)})") from None
    if len(frame) == 0:
        raise UserError(f"{path} has no rows")
    return frame


def _with_usual_names(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    names = {
        there: name
        for name, called in CALLED.items()
        for there in frame.columns
        if str(there).lower() in called
    }
    for column in frame.columns:
        if found := CARTOGRAPHY.fullmatch(str(column)):
            names[column] = "logits" if found[1] == "logits" else "probabilities"
            frame = frame.assign(epoch=int(found[2]))
            names["epoch"] = "epoch"
    for name in PER_OPTION:
        numbered = [
            column
            for column in frame.columns
            if (found := NUMBERED.fullmatch(str(column))) and found[1] == name
        ]
        if numbered:
            numbered.sort(key=lambda column: int(str(column).rpartition("_")[2]))
            numbers = frame[numbered].apply(_as_numbers, path=path)
            frame = frame.assign(**{name: numbers.to_numpy(float).tolist()})
            names[name] = name
    kept = frame[list(names)].rename(columns=names)
    if twice := sorted({name for name in kept.columns if list(kept.columns).count(name) > 1}):
        raise UserError(f"{path} has several columns that mean `{twice[0]}`: keep one of them")
    for name in kept.columns.difference([*PER_OPTION]):
        if name in ("id", "example", "label", "true_label", "predicted"):
            kept[name] = _as_integers_if_all_are(kept[name])
        else:
            kept[name] = _as_numbers(kept[name], path=path)
    return kept


def _as_integers_if_all_are(column: pd.Series) -> pd.Series:
    """Return texts as integers if each is written as one is, and as they are otherwise."""
    texts = column.map(lambda value: isinstance(value, str))
    if not texts.all():
        return column
    return column.astype(int) if column.str.fullmatch(r"-?(0|[1-9]\d{0,17})").all() else column


def _as_numbers(column: pd.Series, *, path: Path) -> pd.Series:
    """Return texts as numbers; an empty one is missing."""
    if column.dtype != object and not pd.api.types.is_string_dtype(column):
        return column
    truths = {
        "True": 1,
        "true": 1,
        "TRUE": 1,
        "False": 0,
        "false": 0,
        "FALSE": 0,
        True: 1,
        False: 0,
        "": np.nan,
    }
    try:
        return pd.to_numeric(column.map(lambda value: truths.get(value, value)))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: `{column.name}` must hold numbers ({shorten(str(error), 80)})") from None


def _records(frame: pd.DataFrame, out_of: int | None, classes: Sequence[str] | None) -> Records:
    if "id" not in frame and "example" in frame:
        frame = frame.rename(columns={"example": "id"})
    for name in ("id", "epoch"):
        if name not in frame:
            others, there = ", ".join(CALLED[name][1:4]), ", ".join(map(str, frame))
            raise UserError(f"the tables need a column `{name}` (or {others}), got {there}")
        if frame[name].isna().any():
            raise UserError(f"every row needs an `{name}`")
    given = [name for name in (*PER_OPTION, *PER_ANSWER, COUNTS) if name in frame]
    if not given:
        raise UserError(
            f"the tables say nothing of answers: give a column {', '.join((*PER_OPTION, *PER_ANSWER))}"
        )
    said = []
    labels, true, names = _labels(frame, classes)
    if (
        "predicted" in frame
        and names is not None
        and frame["predicted"].map(lambda value: isinstance(value, str)).all()
    ):
        frame = frame.assign(predicted=_numbered(frame["predicted"], names))
    axes = {
        axis: pd.Index(frame[axis] if axis in frame else np.zeros(len(frame), int)).astype(int)
        for axis in ("seed", "epoch", "view", "augmentation")
    }
    values = {axis: sorted({*index}) for axis, index in axes.items()}
    ids = np.unique(frame["id"].to_numpy())
    integers = all(isinstance(one, (int, np.integer)) for one in ids)
    indices = ids.astype(np.int64) if integers else _indices(frame, ids)
    if indices is not None:
        order = np.argsort(indices, kind="stable")
        ids, indices = ids[order], indices[order]
    place = {one: at for at, one in enumerate(ids)}
    at = (
        *(np.searchsorted(values[axis], axes[axis]) for axis in axes),
        np.array([place[one] for one in frame["id"]]),
    )
    shape = (*map(len, values.values()), len(ids))
    present = np.zeros(shape, bool)
    flat = np.ravel_multi_index(at, shape)
    if len(np.unique(flat)) < len(flat):
        first = frame.iloc[int(np.flatnonzero(pd.Series(flat).duplicated())[0])]
        raise UserError(
            f"two rows are about example {first['id']!r} after epoch {first['epoch']}: say which seeds they are of, "
            "with a column `seed` or a folder for each, or leave one out"
        )
    present.flat[flat] = True
    if not present.all():
        said.append(
            f"{counted(int((~present).sum()), 'answer')} of {present.size} have no row: they are missing, not wrong"
        )
    return Records(
        given={name: _filled(frame, name, at, shape) for name in given},
        present=None if present.all() else present,
        seeds=[int(one) for one in values["seed"]],
        epochs=[int(one) for one in values["epoch"]],
        out_of=out_of,
        labels=None if labels is None else labels.loc[ids].to_numpy(np.int64),
        true_labels=None if true is None else true.loc[ids].to_numpy(np.int64),
        indices=indices,
        ids=None if integers else [str(one) for one in ids],
        classes=names,
        said=said,
    )


def _indices(frame: pd.DataFrame, ids: np.ndarray) -> np.ndarray | None:
    """Return the index of each example, where a table has both ids and indices."""
    if "example" not in frame or not pd.api.types.is_integer_dtype(frame["example"]):
        return None
    return frame.groupby("id")["example"].first().loc[ids].to_numpy(np.int64)


def _filled(frame: pd.DataFrame, name: str, at: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Return a column as an array over all axes; where no row is, zeros."""
    column = frame[name]
    if name in PER_OPTION:
        try:
            rows = np.array(column.tolist(), dtype=np.float64)
        except (ValueError, TypeError):
            rows = np.zeros(0)
        if rows.ndim != 2:
            raise UserError(f"`{name}` must hold a list of numbers in every row, all of one length")
        filled = np.zeros((*shape, rows.shape[1]))
    else:
        rows = column.to_numpy()
        if rows.dtype == object:
            raise UserError(f"`{name}` must hold numbers, got {next(iter(rows))!r:.40}")
        filled = np.zeros(shape, rows.dtype)
    filled[at] = rows
    return filled


def _labels(
    frame: pd.DataFrame, classes: Sequence[str] | None
) -> tuple[pd.Series | None, pd.Series | None, list[str] | None]:
    """Return the label and the true label of each example, by id, and the names of the classes."""
    columns = [name for name in ("label", "true_label") if name in frame]
    texts = [name for name in columns if frame[name].map(lambda value: isinstance(value, str)).all()]
    names = None if classes is None else list(classes)
    if texts and names is None:
        names = sorted({*pd.concat([frame[name] for name in texts])})
    found: dict[str, pd.Series] = {}
    for name in columns:
        numbers = _numbered(frame[name], names or []) if name in texts else frame[name]
        if numbers.isna().any() or (numbers != numbers.round()).any():
            raise UserError(f"`{name}` must be an integer or a text in every row")
        by_id = numbers.groupby(frame["id"])
        if (by_id.nunique() > 1).any():
            raise UserError(f"example {by_id.nunique().idxmax()!r} has more than one `{name}`")
        found[name] = by_id.first()
    return found.get("label"), found.get("true_label"), names


def _numbered(column: pd.Series, names: list[str]) -> pd.Series:
    numbers = column.map({name: at for at, name in enumerate(names)})
    if numbers.isna().any():
        raise UserError(f"`classes` must name all labels, got {column[numbers.isna()].iloc[0]!r}")
    return numbers.astype(int)
