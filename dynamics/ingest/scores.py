# SPDX-License-Identifier: Apache-2.0
"""Scores of examples that others computed, one number an example: they are set beside a study's own."""

from pathlib import Path

import numpy as np
import pandas as pd

from dynamics import files, lock
from dynamics.errors import UserError
from dynamics.ingest.frames import read_raw

FILE = "scores.csv"
NAMES = ("id", "guid", "example", "example_id", "sample_id", "index", "idx")


def take_in_scores(path: Path, *, study: Path) -> list[str]:
    r"""Keep the scores of a table with a study; return their names. A score with a name that is there is replaced.

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
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "aum.csv").write_text("sample_id,aum\n7,0.5\n9,-1.25\n")
    >>> take_in_scores(folder / "aum.csv", study=folder), scores_of_others(folder)["aum"].to_dict()
    (['aum'], {'7': 0.5, '9': -1.25})
    """
    if not study.is_dir():
        raise UserError(f"no study at {study}: take in its answers first")
    frame = read_raw(path)
    named = [column for column in frame.columns if str(column).lower() in NAMES]
    if len(named) != 1:
        raise UserError(
            f"{path} must have one column of ids, called {', '.join(NAMES)}, got {', '.join(named) or 'none'}"
        )
    keys = frame[named[0]].astype(str)
    if keys.duplicated().any():
        raise UserError(
            f"{path} must have one row an example, but names {keys[keys.duplicated()].iloc[0]} twice"
        )
    values = frame.drop(columns=named).apply(pd.to_numeric, errors="coerce")
    kept = values.dropna(axis="columns", how="all")
    if kept.shape[1] == 0:
        raise UserError(f"{path} holds no numbers beside the ids")
    kept.index = pd.Index(keys, name="id")
    target = study / FILE
    with lock.rewriting(target):
        before = scores_of_others(study)
        both = (
            kept
            if before is None
            else before.drop(columns=kept.columns, errors="ignore").join(kept, how="outer")
        )
        files.atomic_write(target, both.to_csv().encode())
    return [str(name) for name in kept.columns]


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
        return pd.read_csv(path, dtype={"id": str}, keep_default_na=True).set_index("id").astype(np.float64)
    except Exception as error:  # whatever a parser meets
        raise UserError(f"{path} cannot be read ({error}): take the scores in again") from None
