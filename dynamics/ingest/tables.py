# SPDX-License-Identifier: Apache-2.0
"""Records in tables: .csv, .jsonl or .parquet, with a row for each example after each epoch of each seed.

The files of dataset cartography (`dynamics_epoch_*.jsonl`, Swayamdipta et al. 2020) are such tables.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dynamics.errors import UserError
from dynamics.ingest.frames import NAMES, SUFFIXES, plain, read, untyped
from dynamics.ingest.records import GIVEN, SHARE, Records
from dynamics.recording.judgement import PER_ANSWER, PER_OPTION
from dynamics.snapshots.schema import as_integers


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
    frames, untold = [], True
    for seed, path in enumerate(paths):
        files = _files_of(path)
        untold &= all(file.suffix == ".csv" for file in files)
        parts = [read(file) for file in files]
        if path.is_dir() and not any("seed" in part for part in parts):
            parts = [part.assign(seed=seed) for part in parts]
        frames += parts
    frame = pd.concat(frames, ignore_index=True)
    if untold:  # of which type a text was
        for name in frame.columns.intersection(NAMES):
            if name != "id" or "example" not in frame:
                frame[name] = untyped(frame[name], fractions=name != "id")
    return _records(frame, out_of, classes)


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    if not found:
        raise UserError(f"{path} holds no {', '.join(SUFFIXES)}")
    return found


def _records(frame: pd.DataFrame, out_of: int | None, classes: Sequence[str] | None) -> Records:
    if "id" not in frame and "example" in frame:
        frame = frame.rename(columns={"example": "id"})
    for name in ("id", "epoch"):
        if frame[name].isna().any():
            raise UserError(f"every row needs an `{name}`")
    _check_ids(frame["id"])
    frame = _of_those_present(frame)
    given = [name for name in GIVEN if name in frame and name != SHARE]
    if SHARE in frame:  # `correct` beside it says whether most answers were right
        given = [SHARE]
    if not given:
        raise UserError(
            f"the tables say nothing of answers: give a column {', '.join((*PER_OPTION, *PER_ANSWER))}"
        )
    labels, true, names = _labels(frame, classes)
    if "predicted" in frame and names is not None:
        frame = frame.assign(predicted=_predicted(frame["predicted"], names))
    axes = {
        axis: _whole(axis, frame[axis]) if axis in frame else pd.Series(np.zeros(len(frame), int))
        for axis in ("seed", "epoch", "view", "augmentation")
    }
    values = {axis: sorted({*index}) for axis, index in axes.items()}
    ids = np.unique(frame["id"].to_numpy())
    integers = all(isinstance(one, (int, np.integer)) for one in ids)
    indices = as_integers("`id`", np.array(ids.tolist())) if integers else _indices(frame, ids)
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
            f"two rows are about example {plain(first['id'])!r} after epoch {first['epoch']}: say which seeds they are "
            "of, with a column `seed` or a folder for each, or leave one out"
        )
    present.flat[flat] = True
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
    )


def _of_those_present(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose answers are there: all, unless a column says so."""
    if "present" not in frame:
        return frame
    there = frame["present"]
    if not there.isin([0, 1]).all():
        raise UserError(
            f"`present` must be true or false in every row, got {plain(there[~there.isin([0, 1])].iloc[0])!r}"
        )
    if not there.any():
        raise UserError("`present` says of no answer that it is there")
    return frame[there == 1].reset_index(drop=True)


def _indices(frame: pd.DataFrame, ids: np.ndarray) -> np.ndarray | None:
    """Return the index of each example, where a table has both ids and indices."""
    if "example" not in frame:
        return None
    by_id = _whole("example", frame["example"]).groupby(frame["id"])
    indices = by_id.first()
    if (by_id.nunique() > 1).any() or indices.duplicated().any():
        raise UserError("every `id` must have one `example`, its index, and each another")
    return indices.loc[ids].to_numpy(np.int64)


def _filled(frame: pd.DataFrame, name: str, at: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Return a column as an array over all axes; where no row is, zeros."""
    column = frame[name]
    if name in PER_OPTION:
        width = next((len(one) for one in column if isinstance(one, (list, tuple, np.ndarray))), 0)
        lists = [[np.nan] * width if one is None else one for one in column]
        try:
            rows = np.array(lists, dtype=np.float64)
        except (ValueError, TypeError):
            rows = np.zeros(0)
        if rows.ndim != 2:
            raise UserError(f"`{name}` must hold a list of numbers in every row, all of one length")
        filled = np.zeros((*shape, rows.shape[1]))
    else:
        rows = column.to_numpy()
        if name in ("margin", "probability", "error_norm"):
            rows = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
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
    are_texts = {name: frame[name].map(lambda value: isinstance(value, str)) for name in columns}
    texts = [name for name in columns if are_texts[name].all()]
    names = None if classes is None else list(classes)
    if texts and names is None:
        names = sorted({*pd.concat([frame[name] for name in texts])})
    if texts and classes is None and (_numbers_classes(frame) or len(texts) < len(columns)):
        raise UserError(
            "`classes` must name the labels in the order in which the answers number them, got texts without it"
        )
    found: dict[str, pd.Series] = {}
    for name in columns:
        if (name in texts and (frame[name] == "").any()) or frame[name].isna().any():
            raise UserError(f"every row needs a `{name}`, or none")
        if name not in texts and are_texts[name].any():
            raise UserError(f"`{name}` must be an integer in every row, or a text in every row")
        numbers = _numbered(frame[name], names or []) if name in texts else _whole(name, frame[name])
        by_id = numbers.groupby(frame["id"])
        if (by_id.nunique() > 1).any():
            raise UserError(f"example {by_id.nunique().idxmax()!r} has more than one `{name}`")
        found[name] = by_id.first()
    return found.get("label"), found.get("true_label"), names


def _numbers_classes(frame: pd.DataFrame) -> bool:
    """Whether answers are numbers of classes: by their place in a list, or as predictions."""
    predicted = frame["predicted"] if "predicted" in frame else pd.Series(dtype=object)
    known = predicted[predicted.notna() & (predicted != "")]
    return any(name in frame for name in PER_OPTION) or any(not isinstance(one, str) for one in known)


def _check_ids(ids: pd.Series) -> None:
    """Refuse ids that could be taken for one another: they are all texts, or all integers."""
    if ids.map(lambda one: isinstance(one, str)).all():
        return
    integers = ids.map(
        lambda one: isinstance(one, (int, np.integer)) and not isinstance(one, (bool, np.bool_))
    )
    if not integers.all():
        odd = plain(ids[~integers].iloc[0])
        raise UserError(f"`id` must be a text in every row, or an integer in every row, got {odd!r:.60}")


def _whole(name: str, column: pd.Series) -> pd.Series:
    """Return a column of numbers as integers, which they must be."""
    numbers = pd.to_numeric(
        column.map(lambda value: value if np.isscalar(value) else np.nan), errors="coerce"
    )
    numbers = numbers.where(numbers.abs() < 2**62)
    if numbers.isna().any() or (numbers != numbers.round()).any():
        odd = column[numbers.isna() | (numbers != numbers.round())].iloc[0]
        raise UserError(f"`{name}` must be an integer in every row, got {plain(odd)!r}")
    return numbers.astype(np.int64)


def _predicted(column: pd.Series, names: list[str]) -> pd.Series:
    """Return predictions as numbers of classes: NaN where there is none."""
    missing = column.isna() | (column == "")
    if not column[~missing].map(lambda value: isinstance(value, str)).any():
        return pd.to_numeric(column.mask(missing))
    return _numbered(column[~missing], names).reindex(column.index)


def _numbered(column: pd.Series, names: list[str]) -> pd.Series:
    numbers = column.map({name: at for at, name in enumerate(names)})
    if numbers.isna().any():
        raise UserError(f"`classes` must name all labels, got {column[numbers.isna()].iloc[0]!r}")
    return numbers.astype(int)
