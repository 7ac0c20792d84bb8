# SPDX-License-Identifier: Apache-2.0
"""The results of analyses, on disk: results/<study>/<name>.csv, .json with their provenance, and .npz.

The table is tidy: one row per measurement. The arrays (sorted curves and the like) are what figures draw; everything
else about a figure is in the table. The same inputs give the same numbers.

The three files mean one thing: the .json holds the hashes of the others and of itself, which are compared on reading,
so that files of two runs, or edited ones, are never taken for one result.
"""

import csv
import hashlib
import importlib
import io
import json
import math
import os
import shlex
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.framework.table import Table
from dynamics import files, provenance
from dynamics.errors import UserError

if TYPE_CHECKING:  # half a second of imports
    import pandas

OF_NETWORKS = ("activations", "divergence", "embedding", "evaluation", "probes")
"""Results that look at networks; they may be of some seeds alone, for networks are not always kept."""
FORMAT = "training-dynamics.result/2"
BEFORE = "training-dynamics.result/1"
"""The format of version 0.1, which has no hashes."""

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The numbers of an analysis.

    `rows` are flat records with the same keys; `inputs` says which snapshots of each method were analysed; `arrays`
    are named NumPy arrays without objects; `settings` are the parameters of the analysis.
    """

    name: str
    rows: Sequence[Row]
    inputs: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    parquet: bool = False
    """Whether the rows are also written as .parquet, where pyarrow is installed."""

    @property
    def table(self) -> "pandas.DataFrame":
        """The rows as a data frame, as in the CSV file."""
        import pandas

        return pandas.DataFrame(list(self.rows))

    @property
    def by_method(self) -> dict[str, list[Row]]:
        """The rows of each method, in their order."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row["method"], []).append(row)
        return found

    def tables(self) -> list[Table]:
        """Return what the analysis prints: see :class:`~analysis.framework.table.Table`."""
        home = "analysis.framework.evaluations" if self.name == "evaluation" else f"analysis.{self.name}"
        first, *others = importlib.import_module(home).tables(self)
        known = [note for one in self.inputs.values() for note in one.get("notes", ())]
        return [replace(first, notes=[*first.notes, *known]), *others]

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables())


def made_by(name: str, study: str) -> str:
    """Return the command that makes a result: the analysis of the same name, unless a runner makes it.

    Examples
    --------
    >>> made_by("binomial", "demo")
    'python -m analysis.binomial --study demo'
    """
    if name == "evaluation":
        return f"python -m runners.probe --run {shlex.quote(f'runs/{study}/METHOD')}"
    return f"python -m analysis.{name} --study {shlex.quote(study)}"


def write(result: Result, folder: Path) -> list[Path]:
    """Write a result to `folder` (results/<study>) as .csv, .json and, if it has arrays, .npz (.parquet if it says so).

    All files are written aside first and then take their places, so that a full disk leaves an earlier result whole.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    UserError
        If the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = write(Result(name="mine", rows=[{"epoch": 1, "r": 0.5}], inputs={}), Path(folder))
    ...     [path.name for path in paths], paths[0].read_text().split()
    (['mine.csv', 'mine.json'], ['epoch,r', '1,0.5'])
    """
    table, packed = to_csv(result.rows).encode(), _packed(result.arrays)
    parts = {"csv": table} | ({"npz": packed} if packed else {})
    content = {
        "format": FORMAT,
        "name": result.name,
        "command": provenance.command(),
        "created": provenance.now(),
        "code": provenance.code_version(),
        "versions": provenance.versions(),
        "files": {ending: hashlib.sha256(part).hexdigest() for ending, part in parts.items()},
        "inputs": plain(result.inputs),
        "settings": plain(result.settings),
        "rows": plain(result.rows),
    }
    content["sha256"] = _own_hash(content)
    if result.parquet and find_spec("pyarrow"):
        parts["parquet"] = result.table.to_parquet(index=False)
    parts["json"] = (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    _replace({folder / f"{result.name}.{ending}": part for ending, part in parts.items()})
    for ending in {"npz", "parquet"} - {*parts}:
        files.remove(folder / f"{result.name}.{ending}")  # of an earlier run
    return [
        folder / f"{result.name}.{ending}" for ending in ("csv", "json", "npz", "parquet") if ending in parts
    ]


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    packed = io.BytesIO()
    if arrays:
        np.savez_compressed(packed, allow_pickle=False, **arrays)
    return packed.getvalue()


def _own_hash(content: Mapping[str, Any]) -> str:
    """Return the hash of all that a result's .json holds but its hash."""
    held = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


def _replace(contents: Mapping[Path, bytes]) -> None:
    """Write files, the last of which vouches for the others: all aside, then each to its place."""
    for path in contents:
        files.check_regular(path)
    asides = {path: path.with_name(f"{path.name}.{os.getpid()}{files.ASIDE}") for path in contents}
    try:
        for path, content in contents.items():
            files.write_synced(asides[path], content)
        for path, aside in asides.items():
            aside.replace(path)
            files.sync(path.parent)
    finally:
        for aside in asides.values():
            aside.unlink(missing_ok=True)


def read(folder: str | Path, name: str) -> Result:
    """Read a result that :func:`write` wrote.

    Parameters
    ----------
    folder
        results/<study>.
    name
        Name of the analysis.

    Raises
    ------
    UserError
        If there is no such result, it is damaged, or its files are of different runs; says which command makes it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write(Result(name="mine", rows=[{"epoch": 1, "r": 0.5}], inputs={}), Path(folder))
    ...     read(Path(folder), "mine").rows
    [{'epoch': 1, 'r': 0.5}]
    """
    folder = Path(folder)
    path, packed, table = (folder / f"{name}.{ending}" for ending in ("json", "npz", "csv"))
    command = made_by(name, folder.name)
    if not path.exists():
        raise UserError(f"no result {path}: make it with {command}")
    # Both files, because a table that grows (evaluation) is not rewritten while one of them is damaged.
    again = f"remove {path.name} and {packed.name} and run {command}"
    content = _content(path, again)
    listed = content["files"]
    if "csv" in listed:
        _part(table, listed["csv"], again)
    arrays = {}
    if "npz" in listed or (content["format"] == BEFORE and packed.exists()):
        arrays = _arrays(packed, _part(packed, listed.get("npz"), again), again)
    return Result(
        name=name,
        rows=content["rows"],
        inputs=content["inputs"],
        arrays=arrays,
        settings=content["settings"],
    )


@contextmanager
def usable(results: Iterable[Result], study: str) -> Iterator[None]:
    """Turn what fails within because results have missing or odd fields into a :class:`UserError`.

    Results that were read are whole, but another version may have written them.

    Examples
    --------
    >>> with usable([Result(name="mine", rows=[{}], inputs={})], "demo"):
    ...     Result(name="mine", rows=[{}], inputs={}).rows[0]["epoch"]
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: the result mine does not have what is read here (KeyError: 'epoch'): make it anew with \
python -m analysis.mine --study demo
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        names = sorted(result.name for result in results)
        what = f"result {names[0]} does" if len(names) == 1 else f"results {', '.join(names)} do"
        reason = shorten(f"{type(error).__name__}: {error}", 120)
        command = made_by(names[0] if len(names) == 1 else "NAME", study)
        raise UserError(
            f"the {what} not have what is read here ({reason}): make {'it' if len(names) == 1 else 'them'} anew "
            f"with {command}"
        ) from error


def _content(path: Path, again: str) -> dict[str, Any]:
    """Return the content of a result's .json, after checking that it has everything that :func:`read` needs."""
    files.check_regular(path)
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({shorten(str(error), 120)}): {again}") from None
    rows = content.get("rows") if isinstance(content, dict) else None
    complete = (
        isinstance(rows, list)
        and all(isinstance(row, dict) for row in rows)
        and all(isinstance(content.get(part), dict) for part in ("inputs", "settings"))
    )
    if complete and content.get("format") == BEFORE:
        return content | {"files": {}}
    if not complete or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a result of this program: {again}")
    if content.get("sha256") != _own_hash(content):
        raise UserError(f"{path} is not what was written: {again}")
    return content


def _part(path: Path, expected: str | None, again: str) -> bytes:
    """Return the bytes of a result's .csv or .npz, after comparing them with the hash in the .json if there is one."""
    if not path.exists():
        raise UserError(f"{path} is missing: {again}")
    whole = path.read_bytes() if path.is_file() else None
    if whole is None or (expected is not None and hashlib.sha256(whole).hexdigest() != expected):
        raise UserError(f"{path} is damaged, or of another run than the .json beside it: {again}")
    return whole


def _arrays(path: Path, packed: bytes, again: str) -> dict[str, np.ndarray]:
    """Return the arrays of a result's .npz.

    A member's bytes are compared with its checksum before NumPy parses them: a damaged header may ask for any size.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return {
                name.removesuffix(".npy"): np.lib.format.read_array(
                    io.BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
            }
    except Exception as error:  # zipfile, zlib, struct and NumPy each raise their own
        raise UserError(f"{path} is damaged ({error}): {again}") from None


def to_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV, with numbers in full precision; an undefined value is an empty cell.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.

    Examples
    --------
    >>> print(to_csv([{"class": "=1+1", "p": math.nan, "mean": -0.5, "valid": True}]), end="")
    class,p,mean,valid
    '=1+1,,-0.5,true
    """
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = list(rows[0])
    writer.writerow(map(_cell, columns))
    writer.writerows([_cell(row.get(name)) for name in columns] for row in plain(rows))
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return json.dumps(value) if isinstance(value, (list, dict, bool)) else value


def plain(value: Any) -> Any:
    """Return NumPy scalars, arrays, paths and tuples as JSON values; NaN and infinity become None.

    Examples
    --------
    >>> plain({"epochs": np.array([1, 2]), "p": math.inf})
    {'epochs': [1, 2], 'p': None}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
