# SPDX-License-Identifier: Apache-2.0
"""Read a table, whatever its format, and call its columns as here."""

import csv
import json
import re
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd

from dynamics import files
from dynamics.errors import UserError
from dynamics.ingest.records import COUNTS, SHARE
from dynamics.recording.judgement import PER_OPTION

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
    SHARE: (SHARE,),
    "present": ("present",),
}
"""What columns are called elsewhere."""
CARTOGRAPHY = re.compile(r"(logits|probs)_epoch_(\d+)")
NAMES = ("id", "example", "label", "true_label", "predicted")
"""Columns of names or numbers."""
NUMBERED = re.compile(r"(logits|probabilities)_(\d+)")
"""One column for each class."""


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
        ".csv": lambda: _read_csv(path),
        ".jsonl": lambda: pd.DataFrame(
            json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()
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


def _read_csv(path: Path) -> pd.DataFrame:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        if twice := sorted({name for name in head if head.count(name) > 1}):
            raise ValueError(f"the column {twice[0]!r} is there twice")
        for row in rows:
            if row and len(row) != len(head):
                raise ValueError(f"line {rows.line_num} has {len(row)} entries, not {len(head)}")
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def _with_usual_names(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    names = {
        there: name
        for name, called in CALLED.items()
        for there in frame.columns
        if str(there).lower() in called
    }
    frame = _of_cartography(frame, names, path)
    frame = _of_numbered_columns(frame, names, path)
    for wanted in (("id", "example"), ("epoch",)):
        if not {*wanted} & {*names.values()}:
            ways = ", ".join(dict.fromkeys(way for name in wanted for way in CALLED[name]))
            raise UserError(f"{path} needs a column called {ways}, got {', '.join(map(str, frame.columns))}")
    kept = frame[list(names)].rename(columns=names)
    if twice := sorted({name for name in kept.columns if list(kept.columns).count(name) > 1}):
        raise UserError(f"{path} has several columns that mean `{twice[0]}`: keep one of them")
    for name in kept.columns.difference([*PER_OPTION, *NAMES]):
        kept[name] = _as_numbers(kept[name], path=path)
    return kept


def _of_cartography(frame: pd.DataFrame, names: dict[Any, str], path: Path) -> pd.DataFrame:
    """Take the epoch from the name of a column, as the files of dataset cartography have it."""
    for column in frame.columns:
        if found := CARTOGRAPHY.fullmatch(str(column)):
            names[column] = "logits" if found[1] == "logits" else "probabilities"
            told = frame["epoch"].astype(str) if "epoch" in frame else pd.Series([found[2]])
            if (told != found[2]).any():
                raise UserError(f"{path} has a column `epoch` that is not {found[2]}, the epoch of {column}")
            frame = frame.assign(epoch=int(found[2]))
            names["epoch"] = "epoch"
    return frame


def _of_numbered_columns(frame: pd.DataFrame, names: dict[Any, str], path: Path) -> pd.DataFrame:
    """Join columns of single classes, logits_0, logits_1 and so on, to one of lists."""
    for name in PER_OPTION:
        numbered = [
            column
            for column in frame.columns
            if (found := NUMBERED.fullmatch(str(column))) and found[1] == name
        ]
        if numbered:
            numbered.sort(key=lambda column: int(str(column).rpartition("_")[2]))
            if [int(str(column).rpartition("_")[2]) for column in numbered] != list(range(len(numbered))):
                raise UserError(f"{path} must have columns {name}_0, {name}_1 and so on, without a gap")
            numbers = frame[numbered].apply(_as_numbers, path=path)
            frame = frame.assign(**{name: numbers.to_numpy(float).tolist()})
            names[name] = name
    return frame


def untyped(column: pd.Series, *, fractions: bool) -> pd.Series:
    """Return the texts of a .csv file as integers if each is written as one is, and as they are otherwise.

    Parameters
    ----------
    column
        Texts.
    fractions
        Whether 1.0 is an integer too, as which pandas writes those of a column that has missing entries.

    Examples
    --------
    >>> untyped(pd.Series(["1.0", "0.0"]), fractions=True).tolist()
    [1, 0]
    >>> untyped(pd.Series(["007"]), fractions=False).tolist()
    ['007']
    """
    pattern = r"-?(0|[1-9]\d{0,14})" + (r"(\.0*)?" if fractions else "")
    texts = column.map(lambda value: isinstance(value, str))
    if not texts.all() or not column.str.fullmatch(pattern).all():
        return column
    return column.str.partition(".")[0].astype(np.int64)


def _as_numbers(column: pd.Series, *, path: Path) -> pd.Series:
    """Return texts as numbers; an empty one is missing."""
    if column.dtype != object and not pd.api.types.is_string_dtype(column):
        return column
    truths: dict[Any, float] = {
        **dict.fromkeys(("True", "true", "TRUE", True), 1),
        **dict.fromkeys(("False", "false", "FALSE", False), 0),
        **dict.fromkeys(("", "nan", "NaN", "NA", "null", "None"), np.nan),
    }
    try:
        return pd.to_numeric(column.map(lambda value: truths.get(value, value)))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: `{column.name}` must hold numbers ({shorten(str(error), 80)})") from None


def plain(value: Any) -> Any:
    """Return a scalar of NumPy's as Python's, for a message.

    Examples
    --------
    >>> plain(np.float64(1.5)), plain("a")
    (1.5, 'a')
    """
    return value.item() if isinstance(value, np.generic) else value
