# SPDX-License-Identifier: Apache-2.0
"""How does a study's table of evaluations grow: each command's rows replace those of the same key, the rest stay."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.framework import results
from analysis.framework.results import Result, Row
from dynamics.errors import UserError

if TYPE_CHECKING:
    from dynamics.evaluation import Outcome

NAME = "evaluation"
KEY = ("method", "features", "dataset", "mode", "fraction")
FAR = 0.02
"""By how much few labels must beat all of them, beside two standard deviations, to be called implausible."""


def row_of(labels: Row, outcomes: "Sequence[Outcome]") -> Row:
    """Return a row: its labels (all of :data:`KEY` and more), mean and spread over seeds."""
    top1, top1_sd = _spread([one.top1 for one in outcomes])
    top5, top5_sd = _spread([one.top5 for one in outcomes])
    return {
        **labels,
        "seeds": len(outcomes),
        "top1": top1,
        "top1_sd": top1_sd,
        "top5": top5,
        "top5_sd": top5_sd,
        "train_top1": float(np.mean([one.train_top1 for one in outcomes])),
        "warning": "",
    }


def key_of(row: Row, *, separator: str = "/") -> str:
    """Return what a row is found by: method/features/dataset/mode/fraction."""
    return separator.join(f"{row[name]:g}" if name == "fraction" else str(row[name]) for name in KEY)


def stem_of(row: Row) -> str:
    """Return how the names of a row's arrays begin: <method>.<dataset>.<mode>.<fraction>.<features>."""
    names = ("method", "dataset", "mode", "fraction", "features")
    return ".".join(f"{row[name]:g}" if name == "fraction" else str(row[name]) for name in names)


def read(folder: Path) -> Result:
    """Return a study's table as it is; an empty one where there is none yet.

    Raises
    ------
    UserError
        When its table or its arrays are damaged, or the arrays are missing: new rows would lose the old ones.
    """
    if not (folder / f"{NAME}.json").exists():
        return Result(name=NAME, rows=[], inputs={}, settings={"evaluations": {}})
    try:
        with zipfile.ZipFile(folder / f"{NAME}.npz") as arrays:  # NumPy leaves a file open that is no archive
            arrays.testzip()
        found = results.read(folder, NAME)
    except (UserError, OSError, zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise UserError(f"{_again(folder)} ({error})") from None
    if missing := [key_of(row) for row in found.rows if f"{stem_of(row)}.loss" not in found.arrays]:
        raise UserError(f"{_again(folder)} (no curves of {missing[0]} in {NAME}.npz)")
    return found


def merge(before: Result, new: Result) -> Result:
    """Let new rows, with their arrays and settings, take the place of those of the same key."""
    rows = {key_of(row): dict(row) for row in [*before.rows, *new.rows]}
    replaced = tuple(f"{stem_of(row)}." for row in new.rows)
    kept = {name: values for name, values in before.arrays.items() if not name.startswith(replaced)}
    ordered = sorted(
        rows.values(), key=lambda row: (row["dataset"], row["mode"], -row["fraction"], row["method"])
    )
    for row in ordered:
        row["warning"] = "; ".join(implausible(row, ordered))
    evaluations = {**before.settings.get("evaluations", {}), **new.settings["evaluations"]}
    return Result(
        name=NAME,
        rows=ordered,
        inputs={**before.inputs, **new.inputs},
        arrays={**kept, **new.arrays},
        settings={"evaluations": evaluations},
    )


def implausible(row: Row, rows: Sequence[Row]) -> list[str]:
    """Say where few labels do better than more of them, which no published encoder does.

    Floors are left aside: fine-tuning a network that was never trained beats a linear layer on it.
    """
    if row["mode"] != "semi" or row["features"] != row["method"] or row["fraction"] == 1:
        return []
    found = []
    for other in rows:
        if any(other[name] != row[name] for name in ("method", "features", "dataset")):
            continue
        gain, more = row["top1"] - other["top1"], f"{other['fraction']:.3g}"
        if other["mode"] == "semi" and other["fraction"] > row["fraction"] and gain > 0:
            found.append(f"beats fine-tuning on a share of {more} of the labels by {100 * gain:.1f} points")
        far = max(FAR, 2 * float(np.hypot(row["top1_sd"] or 0, other["top1_sd"] or 0)))
        if other["mode"] == "linear" and other["fraction"] == 1 and gain > far:
            found.append(f"beats the linear probe on all labels by {100 * gain:.1f} points")
    return found


def _again(folder: Path) -> str:
    """Say that a table is damaged, and how to make it anew."""
    return (
        f"the table of evaluations {folder / NAME}.json, .npz is damaged: remove both files and evaluate again "
        f"with python -m runners.probe --run runs/{folder.name}/METHOD"
    )


def _spread(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    known: list[Any] = [value for value in values if value is not None]
    if not known:
        return None, None
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None
