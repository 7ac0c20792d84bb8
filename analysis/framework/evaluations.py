# SPDX-License-Identifier: Apache-2.0
"""A study's table of evaluations (`results/<study>/evaluation.*`): each command's rows replace those of the same key.

It is made by `python -m runners.probe`, one method and way of evaluating at a time, so it grows.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import finish
from analysis.framework.over_seeds import mean_sd
from analysis.framework.results import Result, Row
from analysis.framework.table import Column, Table
from dynamics import files, lock, snapshots
from dynamics.errors import UserError
from dynamics.names import PIXELS, UNTRAINED
from dynamics.study import Study

if TYPE_CHECKING:
    from dynamics.evaluation.encoder import AfterEpoch, Evaluation, ProbeResult

NAME = "evaluation"
KEY = ("method", "features", "dataset", "mode", "fraction")
FAR = 0.02
"""By how much few labels must beat more of them, in addition to two standard deviations, to be implausible."""

COLUMNS: Mapping[str, str] = {
    **shared("method", "encoder"),
    "width": "Channels of the encoder's first stage.",
    "features": "What was evaluated: the method's networks, `random-initialisation` (untrained ones) or `pixels`.",
    "dataset": "Data set that was evaluated on.",
    "trained_on": "Data set that the networks were trained on.",
    "mode": "`linear` (a layer on frozen features), `semi` (all of it fine-tuned) or `knn` (nearest neighbours).",
    "fraction": "Fraction of the training labels that were used, above 0 to 1.",
    "labels": "Number of those labels; empty in tables of earlier versions.",
    **shared("seeds"),
    "top1": "Accuracy on test images after the last epoch, 0 to 1: mean over seeds.",
    **shared("top1_sd"),
    "top5": "Fraction of test images whose class is among the five likeliest; empty below six classes.",
    **shared("top5_sd"),
    "train_top1": "Accuracy on the training images that were used, 0 to 1; empty for nearest neighbours.",
    "warning": "What is implausible: few labels beat more of them; empty where nothing is.",
}
"""What the columns mean."""


def evaluate(
    evaluation: "Evaluation", runs: Sequence[snapshots.Run], report: "Callable[[str, int], AfterEpoch]"
) -> Result:
    """Evaluate every seed's encoder and both floors: the encoder before training, and the pixels.

    Parameters
    ----------
    evaluation
        The images to evaluate on, and how.
    runs
        Finished seeds of one method.
    report
        Returns, for a row's features and a seed, the function to call after each epoch.

    Returns
    -------
    Result
        A row for each of the three, and their arrays `<stem>.top1` (seed) and, where an evaluation has epochs,
        `<stem>.loss` (seed, epoch); see :func:`stem_of`.

    Examples
    --------
    >>> from dynamics.evaluation import choose, encoder, recipes
    >>> from dynamics.example import trained_study
    >>> runs = trained_study().runs["supervised"]
    >>> images, statistics = choose.choose_images(runs[0])
    >>> knn = recipes.EvaluationRecipe(mode="knn")
    >>> how = encoder.Evaluation(dataset=images, statistics=statistics, recipe=knn)
    >>> result = evaluate(how, runs, lambda features, seed: how.after_epoch)
    >>> [row["features"] for row in result.rows]
    ['supervised', 'random-initialisation', 'pixels']
    """
    from dynamics.networks import recipe_of

    method, recipe, trained = runs[0].method, evaluation.recipe, recipe_of(runs[0])
    for run in runs:
        evaluation.chosen(run.seed)  # a fraction that is too small is refused before anything is computed
    rows: list[Row] = []
    arrays: dict[str, np.ndarray] = {}
    settings: dict[str, Any] = {}
    for features in (method, UNTRAINED, PIXELS):
        outcomes = []
        for run in runs:
            reporting = dataclasses.replace(evaluation, after_epoch=report(features, run.seed))
            outcomes.append(reporting.of(run, features))
        labels: Row = {
            "method": method,
            "encoder": trained.encoder,
            "width": trained.width,
            "features": features,
            "dataset": evaluation.dataset.name,
            "trained_on": trained.dataset,
            "mode": recipe.mode,
            "fraction": recipe.label_fraction,
            "labels": outcomes[0].examples,
        }
        rows.append(row_of(labels, outcomes))
        stem = stem_of(rows[-1])
        if outcomes[0].loss:
            arrays[f"{stem}.loss"] = np.array([one.loss for one in outcomes])
        arrays[f"{stem}.top1"] = np.array([one.top1 for one in outcomes])
        settings[key_of(rows[-1])] = {
            **asdict(recipe),
            "seeds": [run.seed for run in runs],
            "data_fingerprint": evaluation.dataset.fingerprint,
            "classes": list(evaluation.dataset.classes),
            "frozen": all(one.encoder_before == one.encoder_after for one in outcomes),
            "outcomes": [asdict(one) for one in outcomes],
        }
    inputs = Study(name="", runs={method: list(runs)}).inputs()
    return Result(name=NAME, rows=rows, inputs=inputs, arrays=arrays, settings={"evaluations": settings})


def row_of(labels: Row, outcomes: "Sequence[ProbeResult]") -> Row:
    """Return a row: its labels (all of :data:`KEY` and more), mean and spread over seeds.

    Examples
    --------
    >>> from dynamics.evaluation.encoder import ProbeResult
    >>> one = ProbeResult(seed=0, top1=0.5, top5=None, train_top1=1.0, examples=9)
    >>> row_of({"method": "simclr"}, [one, dataclasses.replace(one, top1=0.7)])["top1"]
    0.6
    """
    top1, top1_sd = mean_sd(one.top1 for one in outcomes)
    top5, top5_sd = mean_sd(one.top5 for one in outcomes)
    return {
        **labels,
        "seeds": len(outcomes),
        "top1": top1,
        "top1_sd": top1_sd,
        "top5": top5,
        "top5_sd": top5_sd,
        "train_top1": mean_sd(one.train_top1 for one in outcomes)[0],
        "warning": "",
    }


def key_of(row: Row) -> str:
    """Return the key of a row: method/features/dataset/mode/fraction.

    Examples
    --------
    >>> key_of({"method": "simclr", "features": "pixels", "dataset": "digits", "mode": "semi", "fraction": 0.1})
    'simclr/pixels/digits/semi/0.1'
    """
    return _joined(row, KEY, "/")


def stem_of(row: Row) -> str:
    """Return the prefix of the names of a row's arrays.

    Examples
    --------
    >>> stem_of({"method": "simclr", "features": "pixels", "dataset": "digits", "mode": "semi", "fraction": 0.1})
    'simclr.digits.semi.0.1.pixels'
    """
    return _joined(row, ("method", "dataset", "mode", "fraction", "features"), ".")


def _joined(row: Row, names: Sequence[str], separator: str) -> str:
    return separator.join(f"{row[name]:g}" if name == "fraction" else str(row[name]) for name in names)


def grow(folder: Path, new: Result) -> None:
    """Add rows to the table in a study's folder, then show the complete table.

    The table is locked meanwhile, so two commands that run at once keep each other's rows.

    Examples
    --------
    >>> import tempfile
    >>> grow(Path(tempfile.mkdtemp()), read(Path("nowhere")))  # doctest: +ELLIPSIS
    evaluations: accuracy after the last epoch...
    """
    files.make_folder(folder)
    with lock.rewriting(folder / f"{NAME}.json"):
        finish(merge(read(folder), new), folder)


def read(folder: Path) -> Result:
    """Return a study's table; an empty one where there is none yet.

    Raises
    ------
    UserError
        When its table or its arrays are damaged, or the arrays are missing: new rows would lose the old ones.

    Examples
    --------
    >>> read(Path("nowhere")).rows
    []
    """
    if not (folder / f"{NAME}.json").exists():
        return Result(name=NAME, rows=[], inputs={}, settings={"evaluations": {}})
    table = results.read(folder, NAME)
    stems = {name.rpartition(".")[0] for name in table.arrays}
    if missing := [key_of(row) for row in table.rows if stem_of(row) not in stems]:
        raise UserError(
            f"{folder / NAME}.npz has no arrays of {missing[0]}: remove {NAME}.json and {NAME}.npz and run "
            f"{results.made_by(NAME, folder.name)}"
        )
    return table


def merge(before: Result, new: Result) -> Result:
    """Replace rows by new ones of the same key, with their arrays and settings.

    Examples
    --------
    >>> empty = read(Path("nowhere"))
    >>> merge(empty, empty).rows
    []
    """
    rows = {key_of(row): dict(row) for row in [*before.rows, *new.rows]}
    replaced = tuple(f"{stem_of(row)}." for row in new.rows)
    kept = {name: values for name, values in before.arrays.items() if not name.startswith(replaced)}
    in_order = sorted(
        rows.values(), key=lambda row: (row["dataset"], row["mode"], -row["fraction"], row["method"])
    )
    for row in in_order:
        row.setdefault("labels", None)
        row["warning"] = "; ".join(implausible(row, in_order))
    evaluations = {**before.settings.get("evaluations", {}), **new.settings["evaluations"]}
    return Result(
        name=NAME,
        rows=in_order,
        inputs={**before.inputs, **new.inputs},
        arrays={**kept, **new.arrays},
        settings={"evaluations": evaluations},
    )


def implausible(row: Row, rows: Sequence[Row]) -> list[str]:
    """Say where few labels give a higher accuracy than more of them, which no published encoder shows.

    Floors are left out: fine-tuning a network that was never trained beats a linear layer on it.

    Examples
    --------
    >>> few = {"method": "tico", "features": "tico", "dataset": "digits", "mode": "semi", "fraction": 0.01,
    ...        "top1": 0.8, "top1_sd": None}
    >>> implausible(few, [few | {"fraction": 0.1, "top1": 0.7}])
    ['beats fine-tuning on a fraction 0.1 of the labels by 10.0 points']
    """
    if row["mode"] != "semi" or row["features"] != row["method"] or row["fraction"] == 1:
        return []
    reasons = []
    for other in rows:
        if any(other[name] != row[name] for name in ("method", "features", "dataset")):
            continue
        gain, more = row["top1"] - other["top1"], f"{other['fraction']:.3g}"
        if other["mode"] == "semi" and other["fraction"] > row["fraction"] and gain > 0:
            reasons.append(f"beats fine-tuning on a fraction {more} of the labels by {100 * gain:.1f} points")
        far = max(FAR, 2 * float(np.hypot(row["top1_sd"] or 0, other["top1_sd"] or 0)))
        if other["mode"] == "linear" and other["fraction"] == 1 and gain > far:
            reasons.append(f"beats the linear probe on all labels by {100 * gain:.1f} points")
    return reasons


def tables(result: Result) -> list[Table]:
    """Return all rows of a study, with notes on implausible ones.

    Examples
    --------
    >>> [column.title for column in tables(read(Path("nowhere")))[0].columns][-3:]
    ['top-1', 'top-5', 'train top-1']
    """
    notes = [
        f"{key_of(row)} {row['warning']}: no published encoder does; check this evaluation"
        for row in result.rows
        if row["warning"]
    ]
    if any(row["top5"] is None for row in result.rows):
        notes.insert(0, "top-5 is not defined with fewer than six classes")
    columns = [
        *(
            Column(name, name)
            for name in ("dataset", "mode", "fraction", "labels", "method", "features", "seeds")
        ),
        Column("top1", "top-1", ".4f", "top1_sd"),
        Column("top5", "top-5", ".4f", "top5_sd"),
        Column("train_top1", "train top-1", ".4f"),
    ]
    caption = "evaluations: accuracy after the last epoch, mean ± sd over seeds"
    return [Table(caption=caption, columns=columns, rows=result.rows, notes=notes)]
