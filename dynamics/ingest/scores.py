# SPDX-License-Identifier: Apache-2.0
"""Scores of examples that others computed, one number an example: they are set beside a study's own."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dynamics import files, lock, snapshots
from dynamics.errors import UserError
from dynamics.ingest.frames import plain, read_raw
from dynamics.ingest.write import first_run

FILE = "scores.csv"
NAMES = ("id", "guid", "example", "example_id", "sample_id", "index", "idx")


class Taken(NamedTuple):
    """What was taken in."""

    names: list[str]
    """Names of the scores."""
    examples: int
    """Number of examples that have one."""
    matched: int
    """Number of them that are in the study."""


def take_in_scores(path: Path, *, study: Path) -> Taken:
    r"""Keep the scores of a table with a study. A score with a name that is there is replaced.

    Parameters
    ----------
    path
        .csv, .jsonl or .parquet with a row an example: a column for its id or index, and others with numbers.
    study
        The study's folder, which must exist.

    Raises
    ------
    UserError
        If there is no such study, the table cannot be read, or it names no example or an example twice.

    Examples
    --------
    >>> import tempfile
    >>> correct = np.ones((1, 1, 1, 3), dtype=bool)
    >>> folder = Path(tempfile.mkdtemp(), "theirs")
    >>> snapshots.write_finished(folder / "net/seed-0000", method="net", seed=0, correct=correct)
    >>> _ = (folder / "aum.csv").write_text("sample_id,aum\n2,0.5\n9,-1.25\n")
    >>> take_in_scores(folder / "aum.csv", study=folder)
    Taken(names=['aum'], examples=2, matched=1)
    >>> scores_of_others(folder)["aum"].to_dict()
    {'2': 0.5, '9': -1.25}
    """
    if not study.is_dir():
        raise UserError(f"no study at {study}: take in its answers first")
    frame = read_raw(path)
    keys = keys_of(frame, path)
    others = [column for column in frame.columns if str(column).lower() not in NAMES]
    kept = _numbers(frame[others], path)
    kept.index = pd.Index(keys, name="id")
    matched = len({*keys} & _examples_of(study))
    if not matched:
        raise UserError(f"{path} names no example of the study: use its ids, or indices in its training data")
    target = study / FILE
    with lock.rewriting(target):
        before = scores_of_others(study)
        both = (
            kept
            if before is None
            else before.drop(columns=kept.columns, errors="ignore").join(kept, how="outer")
        )
        files.atomic_write(target, both.to_csv().encode())
    return Taken([str(name) for name in kept.columns], len(kept), matched)


def _numbers(columns: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the columns of numbers; columns of texts are no scores."""
    found = {}
    for name, column in columns.items():
        texts = column.map(lambda value: value == "" or value is None)
        numbers = pd.to_numeric(column.mask(texts), errors="coerce")
        if numbers.isna().all() or pd.api.types.is_bool_dtype(column):
            continue
        odd = column[(numbers.isna() & ~texts & column.notna()) | np.isinf(numbers)]
        if len(odd):
            raise UserError(f"{path}: `{name}` must hold finite numbers, got {plain(odd.iloc[0])!r:.40}")
        found[name] = numbers
    if not found:
        raise UserError(f"{path} holds no numbers beside the ids")
    return pd.DataFrame(found)


def _examples_of(study: Path) -> set[str]:
    """Return the ids of all examples of a study, or their indices where they have none."""
    found: set[str] = set()
    for method in snapshots.list_methods(study.parent, study.name):
        run = first_run(study.parent, study.name, method)
        if run is not None:
            found |= {*run.ids} if run.ids is not None else {*map(str, run.examples.tolist())}
    return found


def keys_of(frame: pd.DataFrame, path: Path) -> pd.Series:
    """Return the names of a table's examples: its one column of ids or indices, as text.

    Raises
    ------
    UserError
        If it has none, or several, or names an example twice or by something else.

    Examples
    --------
    >>> keys_of(pd.DataFrame({"idx": [4, 2], "aum": [0.5, 0.25]}), Path("table.csv")).tolist()
    ['4', '2']
    """
    named = [column for column in frame.columns if str(column).lower() in NAMES]
    if "example" in named and "id" in named:  # our own tables have both; ids come first, as in a study
        named = ["id"]
    if len(named) != 1:
        there = ", ".join(map(str, named)) or "none"
        raise UserError(f"{path} must have one column of ids, called {', '.join(NAMES)}, got {there}")
    keys = frame[named[0]]
    if not keys.map(lambda key: isinstance(key, (str, int, np.integer)) and not isinstance(key, bool)).all():
        raise UserError(f"{path} must name every example by a text or an integer")
    keys = keys.astype(str)
    if keys.duplicated().any():
        raise UserError(
            f"{path} must have one row an example, but names {keys[keys.duplicated()].iloc[0]} twice"
        )
    return keys


def scores_of_others(study: Path) -> pd.DataFrame | None:
    """Return the scores that were taken in, by the id or index of the example as a text; None if there are none.

    Examples
    --------
    >>> scores_of_others(Path("runs/no-such-study")) is None
    True
    """
    path = study / FILE
    if not path.is_file():
        return None
    try:
        texts = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("id")
        return texts.mask(texts == "").astype(np.float64)
    except Exception as error:  # whatever a parser meets
        raise UserError(f"{path} cannot be read ({error}): take the scores in again") from None
