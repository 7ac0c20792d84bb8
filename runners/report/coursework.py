# SPDX-License-Identifier: Apache-2.0
"""The tables of the VICReg coursework and of the loss-modification slides, ours beside them, and collapse."""

from collections.abc import Iterable, Mapping

from analysis.comparison import coursework
from analysis.framework.results import Result, Row
from analysis.objectives import RULE
from dynamics.names import encoder_label, label
from runners.report.markup import Html, element, folded, paragraph, section, table
from runners.report.values import features_label, fixed

ANCHOR, TITLE = "objectives", "Objectives and evaluation"


def concerns(methods: Iterable[str], results: Mapping[str, Result]) -> bool:
    """Whether a study has methods or results that this section is about."""
    return "evaluation" in results or any(method in coursework.METHODS for method in methods)


def objectives(methods: Iterable[str], results: Mapping[str, Result]) -> Html:
    """Return the section; nothing for a study that it does not concern."""
    if not concerns(methods, results):
        return Html("")
    parts = [_printed(list(results["evaluation"].rows) if "evaluation" in results else [])]
    if "evaluation" in results:
        parts.append(_ours(coursework.others(list(results["evaluation"].rows))))
    if "objectives" in results and results["objectives"].settings["collapse"]:
        parts.append(_collapse(results["objectives"].settings["collapse"]))
    return section(ANCHOR, TITLE, *parts, _literature())


def _printed(rows: list[Row]) -> Html:
    lines = []
    for one in coursework.PRINTED:
        found = coursework.ours(one, rows)
        where = f"{one.source}: {label(one.method)}"
        lines.append(
            [where, encoder_label(one.encoder) or None, one.dataset, _mode(one.mode, one.fraction)]
            + [one.top1, _percent(found, "top1"), one.top5, _percent(found, "top5")]
            + [found and found["seeds"], element("span", one.remark, class_="remark")]
        )
    columns = [
        "printed in",
        "encoder",
        "data",
        "evaluation",
        "top-1",
        "ours",
        "top-5",
        "ours",
        "seeds",
        "remark",
    ]
    note = "" if rows else " None of ours here: make them with python -m runners.probe."
    return element(
        "div",
        element("h3", "The coursework's tables and the slides' accuracies", id="table-coursework"),
        table(
            columns, lines, caption=f"Per cent on test images; ours: mean ± sd over seeds.{note}", wide=True
        ),
        paragraph(
            "The remarks name printed values that are implausible; they are no targets. In every published row, "
            "fine-tuning on 1 % of the labels does worse than on 10 %, and that worse than a linear layer on all."
        ),
    )


def _ours(rows: list[Row]) -> Html:
    if not rows:
        return Html("")
    lines = [
        [
            features_label(row["method"]),
            features_label(row["features"]),
            encoder_label(row["encoder"]) or None,
            row["dataset"],
        ]
        + [_mode(row["mode"], row["fraction"]), row["seeds"], _percent(row, "top1"), _percent(row, "top5")]
        for row in rows
    ]
    columns = ["method", "features of", "encoder", "data", "evaluation", "seeds", "top-1", "top-5"]
    caption = "Evaluations that no document prints; pixels and random initialisation are the floors"
    return table(columns, lines, caption=caption, wide=True)


def _collapse(rows: list[Row]) -> Html:
    lines = [
        [
            label(row["method"]),
            row["space"],
            row["seeds"],
            row["epoch"],
            fixed(row, "scale"),
            fixed(row, "std"),
        ]
        + [fixed(row, "rank", 1), fixed(row, "rank_limit", 1), row["verdict"]]
        for row in rows
    ]
    columns = ["method", "of", "seeds", "t", "scale", "spread", "RankMe", "collapsed below", "collapse"]
    return element(
        "div",
        element("h3", "Collapse after the last epoch", id="table-collapse"),
        table(
            columns,
            lines,
            caption="Means over seeds; a spread of 1 is even over the sphere, of 0 a single direction",
        ),
        paragraph(f"Rule, for every seed: {RULE}."),
    )


def _literature() -> Html:
    imagenet = table(
        ["method", "top-1"],
        [[name, value] for name, value in coursework.IMAGENET.items()],
        caption="Quoted by the coursework: ImageNet, ResNet-50, linear",
    )
    cifar = table(
        ["method", "solo-learn", "W-MSE and ACT"],
        [[label(name), *values] for name, values in coursework.CIFAR10.items()],
        caption="CIFAR-10, ResNet-18, linear top-1 after 1000 epochs",
    )
    return folded("Numbers from the literature, for orientation (not measured here)", imagenet, cifar)


def _mode(mode: str, fraction: float) -> str:
    return "linear" if mode == "linear" and fraction == 1 else f"{mode}, {100 * fraction:g} %"


def _percent(row: Row | None, name: str) -> str | None:
    if row is None or row[name] is None:
        return None
    sd = row[f"{name}_sd"]
    return f"{100 * row[name]:.1f}" + ("" if sd is None else f" ± {100 * sd:.1f}")
