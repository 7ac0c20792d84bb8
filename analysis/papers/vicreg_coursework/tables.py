# SPDX-License-Identifier: Apache-2.0
"""The coursework's tables and the slides' accuracies with ours beside them: rows of the methods that a study has."""

from collections.abc import Collection, Sequence

from analysis.framework import evaluations
from analysis.framework.results import Row
from analysis.framework.table import Column, Table
from analysis.papers import Results
from analysis.papers.vicreg_coursework import printed
from dynamics.names import encoder_label, label
from dynamics.study import Study


def concerns(study: Study, results: Results) -> bool:
    """Say whether a study has methods of the documents, or has evaluated an encoder whose accuracy they print.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> from analysis.framework.results import Result
    >>> evaluated = Result(name="evaluation", rows=[{"features": "vicreg"}], inputs={})
    >>> concerns(example_study(), {}), concerns(example_study(), {"evaluation": evaluated})
    (False, True)
    """
    rows = results["evaluation"].rows if "evaluation" in results else ()
    evaluated = {row["features"] for row in rows}
    accuracies = {one.method for one in printed.PRINTED}
    return any(method in printed.METHODS for method in study.methods) or not evaluated.isdisjoint(accuracies)


def tables(study: Study, results: Results) -> list[Table]:
    """Return the printed accuracies, and those of the literature that the documents or others report.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [table.caption.partition(":")[0] for table in tables(example_study(), {})]
    ['Per cent of test images; ours', 'Not measured here', 'Not measured here']
    """
    found = [
        accuracies(study.methods, _evaluations(results)),
        quoted(study.methods),
        literature(study.methods),
    ]
    return [table for table in found if table.rows]


def _evaluations(results: Results) -> Sequence[Row]:
    """Return what was evaluated; a folder of images with CIFAR-10's classes is called cifar10."""
    if "evaluation" not in results:
        return []
    found = results["evaluation"]
    settings = found.settings.get("evaluations", {})
    same = {
        place
        for place, row in enumerate(found.rows)
        if row["dataset"] == "folder"
        and tuple(settings.get(evaluations.key_of(row), {}).get("classes", ())) == printed.CIFAR10_CLASSES
    }
    return [row | {"dataset": "cifar10"} if place in same else row for place, row in enumerate(found.rows)]


def accuracies(methods: Collection[str], rows: Sequence[Row]) -> Table:
    """Return the printed accuracies of these methods, with ours beside them.

    Examples
    --------
    >>> where = {"method": "tico", "features": "tico", "encoder": "n1", "dataset": "cifar10", "mode": "linear"}
    >>> found = {"fraction": 1.0, "top1": 0.6, "top1_sd": None, "top5": None, "top5_sd": None, "seeds": 1}
    >>> (row,) = accuracies(["tico"], [where | found]).rows
    >>> row["where"], row["printed_top1"], row["top1"]
    ('slides: TiCo', '30.4', 60.0)
    """
    lines = [_line(one, printed.ours(one, rows)) for one in printed.PRINTED if one.method in methods]
    columns = [
        Column("where", "printed in"),
        Column("encoder", "encoder"),
        Column("dataset", "data"),
        Column("evaluation", "evaluation"),
        Column("printed_top1", "top-1", "printed"),
        Column("top1", "ours", ".1f", "top1_sd"),
        Column("printed_top5", "top-5", "printed"),
        Column("top5", "ours", ".1f", "top5_sd"),
        Column("seeds", "seeds", "d"),
        Column("labels", "labels", "d"),
        Column("width", "width", "d"),
        Column("remark", "remark"),
    ]
    notes = [
        "The remarks name printed values that are implausible; they are not targets. In every published row, "
        "fine-tuning on 1 % of the labels does worse than on 10 %, and that worse than a linear layer on all."
    ]
    if not rows:
        notes.append("None of ours here: make them with python -m runners.probe.")
    caption = (
        "Per cent of test images; ours: mean ± standard deviation over seeds, number of training labels, and channels "
        "of the ResNet-18's first stage (the documents' has 64, and 50 000 or 100 000 labels); a folder with the names "
        "of CIFAR-10's classes counts as cifar10"
    )
    return Table(caption=caption, columns=columns, rows=lines, notes=notes)


def _line(one: printed.Printed, ours: Row | None) -> Row:
    measured = {
        name: None if ours is None or ours[name] is None else 100 * ours[name]
        for name in ("top1", "top1_sd", "top5", "top5_sd")
    }
    return {
        "where": f"{one.source}: {label(one.method)}",
        "encoder": encoder_label(one.encoder),
        "dataset": one.dataset,
        "evaluation": "linear" if one.mode == "linear" else f"{one.mode}, {100 * one.fraction:g} %",
        "printed_top1": one.top1,
        "printed_top5": one.top5,
        **measured,
        **{name: None if ours is None else ours.get(name) for name in ("seeds", "labels")},
        "width": ours.get("width") if ours is not None and ours["encoder"] == "resnet18" else None,
        "remark": one.remark,
    }


def quoted(methods: Collection[str]) -> Table:
    """Return the accuracies that the coursework quotes.

    Examples
    --------
    >>> quoted(["simclr", "vicreg", "tico"]).rows
    [{'name': 'SimCLR', 'top1': '69.3'}, {'name': 'VICReg', 'top1': '73.2'}]
    """
    own = {label(method) for method in methods}
    rows = [{"name": name, "top1": top1} for name, top1 in printed.IMAGENET.items() if name in own]
    caption = "Not measured here: ImageNet, ResNet-50, linear top-1, as the coursework quotes it"
    return Table(
        caption=caption, columns=[Column("name", "method"), Column("top1", "top-1", "printed")], rows=rows
    )


def literature(methods: Collection[str]) -> Table:
    """Return the accuracies of published implementations on the documents' data.

    Examples
    --------
    >>> literature(["simclr", "tico"]).rows
    [{'method': 'simclr', 'solo': '90.74', 'act': '91.80'}]
    """
    rows = [
        {"method": method, "solo": values[0], "act": values[1]}
        for method, values in printed.CIFAR10.items()
        if method in methods
    ]
    columns = [
        Column("method", "method", "method"),
        Column("solo", "solo-learn", "printed"),
        Column("act", "W-MSE and ACT", "printed"),
    ]
    caption = "Not measured here: CIFAR-10, ResNet-18, linear top-1 after 1000 epochs, in the literature"
    return Table(caption=caption, columns=columns, rows=rows)
