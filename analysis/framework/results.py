# SPDX-License-Identifier: Apache-2.0
"""The results of analyses, on disk: results/<study>/<name>.csv, .json with their provenance, and .npz.

The table is tidy: one row per measurement. The arrays (sorted curves and the like) are what figures draw; everything
else about a figure is in the table. The same inputs give the same numbers.
"""

import csv
import importlib
import io
import json
import math
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.framework.table import Table
from dynamics import files, provenance
from dynamics.errors import UserError

if TYPE_CHECKING:  # half a second of imports
    import pandas

FORMAT = "training-dynamics.result/1"

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

    @property
    def table(self) -> "pandas.DataFrame":
        """The rows as a data frame, as in the CSV file."""
        import pandas

        return pandas.DataFrame(list(self.rows))

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
        return f"python -m runners.probe --run runs/{study}/METHOD"
    return f"python -m analysis.{name} --study {study}"


def write(result: Result, folder: Path) -> list[Path]:
    """Write a result to `folder` (results/<study>) as .csv, .json and, if it has arrays, .npz.

    Each file is complete or not there at all.

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
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{result.name}.csv", folder / f"{result.name}.json"]
    files.atomic_write(paths[0], to_csv(result.rows).encode())
    if result.arrays:
        packed = io.BytesIO()
        np.savez_compressed(packed, **result.arrays)  # type: ignore[arg-type]
        paths.append(folder / f"{result.name}.npz")
        files.atomic_write(paths[-1], packed.getvalue())
    files.write_json(
        paths[1],
        {
            "format": FORMAT,
            "name": result.name,
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "created": provenance.now(),
            "code": provenance.code_version(),
            "versions": provenance.versions(),
            "inputs": plain(result.inputs),
            "settings": plain(result.settings),
            "rows": plain(result.rows),
        },
    )
    return paths


def read(folder: Path, name: str) -> Result:
    """Read a result that :func:`write` wrote.

    Raises
    ------
    UserError
        If there is no such result, or it is damaged; says which command makes it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write(Result(name="mine", rows=[{"epoch": 1, "r": 0.5}], inputs={}), Path(folder))
    ...     read(Path(folder), "mine").rows
    [{'epoch': 1, 'r': 0.5}]
    """
    path, packed = (folder / f"{name}.{ending}" for ending in ("json", "npz"))
    command = made_by(name, folder.name)
    if not path.exists():
        raise UserError(f"no result {path}: make it with {command}")
    # Both files, because a table that grows (evaluation) is not rewritten while one of them is damaged.
    again = f"remove {path.name} and {packed.name} and run {command}"
    content = _content(path, again)
    return Result(
        name=name,
        rows=content["rows"],
        inputs=content["inputs"],
        arrays=_arrays(packed, again) if packed.exists() else {},
        settings=content["settings"],
    )


def _content(path: Path, again: str) -> dict[str, Any]:
    """Return the content of a result's .json, after checking that it has everything that :func:`read` needs."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): {again}") from None
    rows = content.get("rows") if isinstance(content, dict) else None
    complete = (
        isinstance(rows, list)
        and all(isinstance(row, dict) for row in rows)
        and all(isinstance(content.get(part), dict) for part in ("inputs", "settings"))
    )
    if not complete or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a result of this program: {again}")
    return content


def _arrays(path: Path, again: str) -> dict[str, np.ndarray]:
    """Return the arrays of a result's .npz.

    A member's bytes are compared with its checksum before NumPy parses them: a damaged header may ask for any size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
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

    Examples
    --------
    >>> print(to_csv([{"method": "simclr", "p": math.nan, "valid": True}]), end="")
    method,p,valid
    simclr,,true
    """
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in plain(rows))
    return text.getvalue()


def _cell(value: Any) -> Any:
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
