"""The coursework's and the slides' printed accuracies are the documents', and ours stand beside the right ones."""

import re
from pathlib import Path

import pytest

from analysis.framework.results import Row
from analysis.papers.vicreg_coursework import printed as coursework
from analysis.papers.vicreg_coursework.tables import accuracies, literature, quoted

# Copied by hand from the documents: source, method, encoder, data, mode, share of the labels, top-1, top-5.
BY_HAND = [
    ("coursework", "supervised", "n1", "cifar10", "linear", 1.0, "70.6", "97.6"),
    ("coursework", "supervised", "resnet18", "cifar10", "linear", 1.0, "68.1", "96.5"),
    ("coursework", "vicreg", "n1", "cifar10", "linear", 1.0, "64.8", "96.9"),
    ("coursework", "vicreg", "resnet18", "cifar10", "semi", 0.01, "85.5", "99.2"),
    ("coursework", "vicreg", "resnet18", "tiny-imagenet", "linear", 1.0, "52.3", "74.0"),
    ("coursework", "vicreg", "resnet18", "tiny-imagenet", "semi", 0.1, "86.4", "95.9"),
    ("slides", "tico", None, "cifar10", "linear", 1.0, "30.4", None),
    ("slides", "vicreg-tico", None, "cifar10", "linear", 1.0, "37.7", None),
]


@pytest.mark.parametrize("expected", BY_HAND, ids=lambda row: "-".join(map(str, row[:6])))
def test_printed_values(expected: tuple[object, ...]) -> None:
    found = [tuple(one)[6:8] for one in coursework.PRINTED if tuple(one)[:6] == expected[:6]]
    assert found == [expected[6:]]


def test_no_pair_of_the_coursework_is_missing_or_invented(shared: Path) -> None:
    """Its two tables print nine different pairs of top-1 and top-5, one of them in both."""
    text = (shared / "THESIS.md").read_text(encoding="utf-8")
    own = text[text.index("## 2. The VICReg coursework") : text.index("## 3. ")]
    in_tables = [line for line in own.splitlines() if line.startswith("|")]
    printed = {pair for line in in_tables for pair in re.findall(r"(\d\d\.\d) / (\d\d\.\d)", line)}
    ours = {(one.top1, one.top5) for one in coursework.PRINTED if one.source == "coursework"}
    assert ours == printed and len(printed) == 9


def test_accuracies_of_the_slides_and_of_the_literature(shared: Path) -> None:
    text = " ".join((shared / "THESIS.md").read_text(encoding="utf-8").split())
    tico, hybrid, vicreg = re.search(  # type: ignore[union-attr]
        r"linear accuracy: TiCo 0\.(\d{3}), hybrid 0\.(\d{3}), VICReg 0\.(\d{3});", text
    ).groups()
    slides = {one.method: one.top1.replace(".", "") for one in coursework.PRINTED if one.source == "slides"}
    assert slides == {"tico": tico, "vicreg-tico": hybrid, "vicreg": vicreg}
    quoted = re.search(r"that it quotes \(ResNet-50, linear top-1\): ([^:]+?)\. ## 3", text)
    assert quoted is not None
    assert ", ".join(f"{name} {value}" for name, value in coursework.IMAGENET.items()) == quoted[1]


def row(top1: float, **changes: object) -> Row:
    usual = {
        "method": "vicreg",
        "features": "vicreg",
        "encoder": "resnet18",
        "dataset": "cifar10",
        "mode": "linear",
        "fraction": 1.0,
    }
    return {**usual, "top1": top1, **changes}


def printed(top1: str) -> coursework.Printed:
    (found,) = [one for one in coursework.PRINTED if one.top1 == top1]
    return found


ROWS = [
    row(0.01, features="pixels"),
    row(0.02, features="random-initialisation"),
    row(0.03, dataset="digits"),
    row(0.04, encoder="n1"),
    row(0.05, mode="semi", fraction=0.01),
    row(0.06, mode="semi", fraction=0.1),
    row(0.07, mode="linear", fraction=0.1),
    row(0.08, method="supervised", features="supervised"),
    row(0.09, method="tico", features="tico", encoder="n1"),
    row(0.10),
    row(0.11, dataset="tiny-imagenet", mode="semi", fraction=0.1),
]
"""Rows that differ from the printed ones in one thing each, in an order in which the first that is alike is wrong."""


@pytest.mark.parametrize(
    ("top1", "measured"),
    [
        ("89.6", 0.10),  # VICReg, ResNet-18, CIFAR-10, linear
        ("64.8", 0.04),  # the same on N1
        ("85.5", 0.05),  # 1 % of the labels
        ("90.3", 0.06),  # 10 %
        ("86.4", 0.11),  # 10 % of Tiny ImageNet
        ("68.1", 0.08),  # supervised, ResNet-18
        ("30.4", 0.09),  # TiCo of the slides, which name no encoder
        ("70.6", None),  # supervised, N1: not measured
        ("52.3", None),  # Tiny ImageNet, linear: not measured
        ("37.7", None),  # the hybrid: not measured
    ],
)
def test_ours_is_the_same_evaluation(top1: str, measured: float | None) -> None:
    found = coursework.ours(printed(top1), ROWS)
    assert (found and found["top1"]) == measured


def test_ours_stand_beside_the_printed_values_of_methods_that_were_run() -> None:
    measured = [one | dict.fromkeys(("top1_sd", "top5", "top5_sd"), None) | {"seeds": 3} for one in ROWS]
    rows = accuracies(["vicreg"], measured).rows
    assert {row["where"] for row in rows} == {"coursework: VICReg", "slides: VICReg"}
    assert {row["printed_top1"]: row["top1"] for row in rows}["89.6"] == pytest.approx(10.0)
    assert [row["where"] for row in accuracies(["tico", "byol"], []).rows] == ["slides: TiCo"]
    assert accuracies(["simclr", "a-method-of-mine"], measured).rows == []


def test_the_literature_is_that_on_methods_that_were_run() -> None:
    assert [row["name"] for row in quoted(["moco", "w-mse", "mine"]).rows] == ["MoCo v2", "W-MSE"]
    assert [row["method"] for row in literature(["byol", "tico"]).rows] == ["byol"]
