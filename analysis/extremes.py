# SPDX-License-Identifier: Apache-2.0
"""Which examples are learnt first and last, and what do they look like? The easiest and the hardest of each method.

Easy is what has a large area: the mean of r_t over all epochs. Of many examples the extreme ones are in part those with
the best and the worst luck; with few seeds look at the reliability of the area in scores.csv first. Where the images of
the study are not there, the examples are named without their pictures.

python -m analysis.extremes
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from analysis.examples import class_name, known_of
from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.names import label
from dynamics.study import Study

LARGEST = 64
"""Maximum side of a picture that is kept, in pixels; larger images are scaled down."""
SHOWN = 5
"""Number of examples of each method and end that are printed."""

COLUMNS: Mapping[str, str] = {
    **shared("method"),
    "end": "`easiest` (largest area) or `hardest` (smallest).",
    "rank": "Place from that end, from 1.",
    **shared("example", "id", "class"),
    "trained_as": "Class of the label that the method learnt; empty where it is the true one, or there is none.",
    "area": "Mean of r_t over all epochs, 0 to 1; high: easy.",
    "r": "r_t after the last epoch, 0 to 1.",
}
"""What the columns mean."""


@checked
def analyse(study: Study, *, count: int = 12, data_root: Path = Path("data")) -> results.Result:
    """Find the examples with the largest and the smallest area, and keep their pictures.

    The result has a row for each: `method`, `end` ("easiest" or "hardest"), `rank` (from 1, the most extreme),
    `example` (index in the training images), `id` where examples have names, `class`, `trained_as` (class of the label
    that the method learnt, None where it is the true one or there is none), `area` and `r` after the last epoch, 0 to
    1. The array `pictures` (row, height, width, 3; 0 to 255) is absent if the images are.

    Parameters
    ----------
    study
        The study.
    count
        How many examples of either end; fewer where the panel has fewer than twice as many.
    data_root
        Folder that holds the images that the study was trained on; digits needs none.

    Raises
    ------
    UserError
        If `count` is below 1.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = analyse(example_study(), count=2).table
    >>> found.loc[found["end"] == "hardest", ["method", "example"]].values.tolist()
    [['simclr', 19], ['simclr', 11], ['supervised', 14], ['supervised', 11]]
    """
    if count < 1:
        raise UserError(f"`count` must be >= 1, got {count}")
    study = study.complete()
    rows: list[results.Row] = []
    ties: list[str] = []
    for method in study.methods:
        counts, known = study.counts(method), _known_of(study.runs[method][0])
        # Sums of whole numbers: what is equal is so on every machine.
        area = counts.correct[0].sum(axis=0) / (counts.trials * len(counts.epochs))
        last = counts.learning_probability[-1]
        few = min(count, len(area) // 2)
        for end, order in (("easiest", -area), ("hardest", area)):
            places = np.argsort(order, kind="stable")[:few].tolist()
            shown = places[:SHOWN]
            same = area == area[shown[-1]] if shown else np.zeros(len(area), bool)
            if beyond := np.count_nonzero(same) - np.count_nonzero(same[shown]):
                ties.append(f"{label(method)}, {end}: {beyond} more have the area of rank {len(shown)}")
            rows += [
                {"method": method, "end": end, "rank": rank}
                | known[place]
                | {"area": float(area[place]), "r": float(last[place])}
                for rank, place in enumerate(places, start=1)
            ]
    arrays: dict[str, np.ndarray] = {}
    settings: dict[str, Any] = {"ties": ties}
    try:
        arrays["pictures"] = pictures(study, rows, data_root=data_root)
    except UserError as error:
        settings["without_pictures"] = str(error)
    return results.Result(name="extremes", rows=rows, inputs=study.inputs(), arrays=arrays, settings=settings)


def _known_of(run: snapshots.Run) -> list[results.Row]:
    """Return which example stands at each place of the panel, and what it was learnt as if that is another class."""
    learnt = [None] * run.shape[2] if run.labels is None else run.labels.tolist()
    rows = []
    for example, known, own in zip(run.examples.tolist(), known_of(run), learnt, strict=True):
        true = known.pop("true_label", None)
        other = own is not None and own != true
        rows.append(
            {"example": example, "id": None, "class": None}
            | known
            | {"trained_as": class_name(run, own) if other else None}
        )
    return rows


def pictures(
    study: Study, rows: Sequence[results.Row], *, data_root: Path
) -> UInt8[np.ndarray, "row height width 3"]:
    """Return the image of each row's example, one size for all.

    Raises
    ------
    UserError
        If the images are not there, or methods were trained on images of different sizes.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> row = {"method": "supervised", "example": 3}
    >>> pictures(trained_study(), [row, row], data_root=Path("data")).shape
    (2, 8, 8, 3)
    """
    from dynamics.pictures import source_of, training_images  # loads torch

    firsts = [study.runs[method][0] for method in study.methods]
    found = [
        training_images(
            source_of(run, firsts),
            [row["example"] for row in rows if row["method"] == run.method],
            data_root=data_root,
            largest=LARGEST,
        )
        for run in firsts
    ]
    if len({images.shape[1:] for images in found}) > 1:
        raise UserError("methods were trained on images of different sizes: their pictures are left out")
    return np.concatenate(found)


def tables(result: results.Result) -> list[Table]:
    """Return one table an end, with the methods beside each other.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [table.caption for table in tables(analyse(example_study(), count=2))]  # doctest: +NORMALIZE_WHITESPACE
    ['learnt first: examples with the largest area (mean of r over epochs)',
    'learnt last: examples with the smallest area (mean of r over epochs)']
    """
    named = any(row["id"] is not None for row in result.rows)
    columns = [
        Column("method", "method", "method"),
        Column("rank", "rank", "d"),
        Column("example", "example", "d"),
        *([Column("id", "id")] if named else []),
        Column("class", "class"),
        *([Column("trained_as", "learnt as")] if any(row["trained_as"] for row in result.rows) else []),
        Column("area", "area", ".3f"),
        Column("r", "r at the end", ".2f"),
    ]
    why = result.settings.get("without_pictures")
    found = []
    for end, order, size in (("easiest", "first", "largest"), ("hardest", "last", "smallest")):
        rows = [row for row in result.rows if row["end"] == end and row["rank"] <= SHOWN]
        caption = f"learnt {order}: examples with the {size} area (mean of r over epochs)"
        found.append(Table(key=end, caption=caption, columns=columns, rows=rows))
    notes = [*result.settings.get("ties", ()), *([f"without pictures: {why}"] if why is not None else [])]
    return [found[0], replace(found[1], notes=notes)]


if __name__ == "__main__":
    main("extremes")
