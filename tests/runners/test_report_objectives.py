"""The report sets our accuracies beside the coursework's printed ones, and losses and collapse by the right method."""

from collections.abc import Mapping
from html.parser import HTMLParser

import pytest

from analysis.framework.results import Result, Row
from runners.report.coursework import concerns, objectives
from runners.report.numbers import behind
from runners.report.tables import thesis_tables
from tests.analysis.test_comparison import noise_rows

NONE = "\N{EN DASH}"


class Tables(HTMLParser):
    """Reads each table as rows of texts, by its caption."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.caption: str | None = None
        self.rows: list[list[str]] = []
        self.inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.rows, self.caption = [], ""
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("td", "th", "caption"):
            self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.found[self.caption or ""] = self.rows
        elif tag == self.inside:
            self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside == "caption":
            self.caption = (self.caption or "") + data
        elif self.inside is not None:
            self.rows[-1][-1] += data


def captioned(text: str, beginning: str) -> list[list[str]]:
    (found,) = [rows for caption, rows in Tables(text).found.items() if caption.startswith(beginning)]
    return found


def evaluated(method: str, top1: float, top5: float, **changes: object) -> Row:
    usual = {
        "features": method,
        "encoder": "resnet18",
        "dataset": "cifar10",
        "mode": "linear",
        "fraction": 1.0,
    }
    values = {"seeds": 3, "top1": top1, "top1_sd": 0.012, "top5": top5, "top5_sd": 0.004}
    return {"method": method, **usual, **values, **changes}


@pytest.fixture
def results() -> Mapping[str, Result]:
    rows = [
        evaluated("vicreg", 0.411, 0.911, features="pixels", seeds=1, top1_sd=None, top5_sd=None),
        evaluated("vicreg", 0.712, 0.971),
        evaluated("vicreg", 0.513, 0.931, encoder="n1", seeds=2),
        evaluated("vicreg", 0.614, 0.954, mode="semi", fraction=0.1),
        evaluated("tico", 0.315, 0.855),
        evaluated("byol", 0.666, 0.966),
    ]
    collapse = [
        {"method": "vicreg", "space": "embedding", "seeds": 3, "epoch": 30, "std": 0.98765, "rank": 41.26}
        | {"rank_limit": 3.2, "scale": 1.5, "verdict": "none"},
        {"method": "tico", "space": "embedding", "seeds": 3, "epoch": 30, "std": 0.01234, "rank": 1.04}
        | {"rank_limit": None, "scale": None, "verdict": "complete in 2 of 3 seeds"},
    ]
    scalars = [
        {"method": "vicreg", "epoch": epoch, "scalar": scalar, "mean": mean, "sd": sd, "seeds": 3}
        for epoch, scalar, mean, sd in (
            (1, "loss", 40.5, 1.25),
            (7, "loss", 33.0, 0.5),
            (30, "loss", 22.75, None),
            (1, "invariance", 0.5, 0.1),
            (30, "invariance", None, None),
            (1, "variance", 361.27, 102.44),
            (30, "variance", 0.0, None),
            (1, "covariance", 1.23e9, 2e7),
            (30, "covariance", 2.5e-6, 1e-6),
            (1, "embedding_std", 0.25, 0.0),
            (30, "embedding_std", 0.9, 0.0),
        )
    ]
    own = {"terms": ["loss", "invariance", "variance", "covariance"], "diagnostics": ["embedding_std"]}
    return {
        "evaluation": Result(name="evaluation", rows=rows, inputs={}),
        "objectives": Result(
            name="objectives",
            rows=scalars,
            inputs={},
            settings={"collapse": collapse, "methods": {"vicreg": own}},
        ),
    }


# Printed in, encoder, data, evaluation: top-1, ours, top-5, ours, seeds. The printed ones copied by hand.
BESIDE = {
    ("coursework: VICReg", "ResNet-18", "cifar10", "linear"): [
        "89.6",
        "71.2 ± 1.2",
        "99.7",
        "97.1 ± 0.4",
        "3",
    ],
    ("coursework: VICReg", "N1", "cifar10", "linear"): ["64.8", "51.3 ± 1.2", "96.9", "93.1 ± 0.4", "2"],
    ("coursework: VICReg", "ResNet-18", "cifar10", "semi, 10 %"): [
        "90.3",
        "61.4 ± 1.2",
        "99.7",
        "95.4 ± 0.4",
        "3",
    ],
    ("coursework: VICReg", "ResNet-18", "cifar10", "semi, 1 %"): ["85.5", NONE, "99.2", NONE, NONE],
    ("coursework: VICReg", "ResNet-18", "tiny-imagenet", "linear"): ["52.3", NONE, "74.0", NONE, NONE],
    ("coursework: supervised", "N1", "cifar10", "linear"): ["70.6", NONE, "97.6", NONE, NONE],
    ("slides: TiCo", NONE, "cifar10", "linear"): ["30.4", "31.5 ± 1.2", NONE, "85.5 ± 0.4", "3"],
    ("slides: VICReg", NONE, "cifar10", "linear"): ["42.1", "71.2 ± 1.2", NONE, "97.1 ± 0.4", "3"],
}


def test_ours_stand_beside_the_printed_ones(results: Mapping[str, Result]) -> None:
    head, *lines = captioned(objectives(["vicreg"], results), "Per cent on test images")
    assert head[4:9] == ["top-1", "ours", "top-5", "ours", "seeds"]
    assert len(lines) == 12
    for key, cells in BESIDE.items():
        assert [line[4:9] for line in lines if tuple(line[:4]) == key] == [cells], key
    remarks = {tuple(line[:4]): line[9] for line in lines}
    assert "published" in remarks["coursework: VICReg", "ResNet-18", "tiny-imagenet", "linear"]


def test_evaluations_that_no_document_prints_have_a_table_of_their_own(results: Mapping[str, Result]) -> None:
    _, *lines = captioned(objectives(["vicreg"], results), "Evaluations that no document prints")
    assert lines == [
        ["VICReg", "pixels", "ResNet-18", "cifar10", "linear", "1", "41.1", "91.1"],
        ["BYOL", "BYOL", "ResNet-18", "cifar10", "linear", "3", "66.6 ± 1.2", "96.6 ± 0.4"],
    ]


def test_collapse_is_that_of_each_method(results: Mapping[str, Result]) -> None:
    head, *lines = captioned(objectives(["vicreg"], results), "Means over seeds")
    assert head == ["method", "of", "seeds", "t", "scale", "spread", "RankMe", "collapsed below", "collapse"]
    assert lines == [
        ["VICReg", "embedding", "3", "30", "1.500", "0.988", "41.3", "3.2", "none"],
        ["TiCo", "embedding", "3", "30", NONE, "0.012", "1.0", NONE, "complete in 2 of 3 seeds"],
    ]


def test_without_evaluations_the_command_is_named() -> None:
    text = objectives(["vicreg"], {})
    assert "python -m runners.probe" in text
    assert {cell for line in captioned(text, "Per cent")[1:] for cell in (line[5], line[7], line[8])} == {
        NONE
    }


def test_the_thesis_s_settings_alone_need_no_such_section() -> None:
    assert not concerns(["simclr", "supervised"], {}) and objectives(["simclr"], {}) == ""
    assert concerns(["simclr", "byol"], {})


def test_numbers_behind_the_losses_are_those_of_first_and_last_epoch(results: Mapping[str, Result]) -> None:
    _, *lines = captioned(behind("C.1", results), "Mean ± sd")
    assert lines == [
        ["VICReg", "loss", "1", "40.50 ± 1.25", "30", "22.75"],
        ["VICReg", "invariance", "1", "0.5000 ± 0.1000", "30", NONE],
        ["VICReg", "variance", "1", "361.3 ± 102.4", "30", "0.000"],
        [
            "VICReg",
            "covariance",
            "1",
            "1.23e+09 ± 2e+07",
            "30",
            "2.5e-06 ± 1e-06".replace("-", "\N{MINUS SIGN}"),
        ],
    ]
    _, *lines = captioned(behind("C.2", results), "First and last")
    assert lines == [["VICReg", "1", "0.25", *[NONE] * 5], ["VICReg", "30", "0.9", *[NONE] * 5]]


def statistics(method: str, quantity: str, p0: float) -> list[Row]:
    """Return a row of analysis.binomial at a mean of 1/2, with all that the tables show."""
    shown = {"p0": p0, "chi2": 230.0, "betabinomial_icc": 0.3, "betabinomial_icc_low": 0.2, "tarone_z": 10.0}
    shown |= {
        "betabinomial_icc_high": 0.4,
        "mae": 0.05,
        "mae_sd": 0.003,
        "mae_floor": 0.03,
        "mae_if_equal": 0.08,
    }
    rows = noise_rows(quantity, {method: 0.1})
    return [row | shown | {"icc_low": 0.9, "icc_high": 1.0} for row in rows if row["target"] == 0.5]


def test_methods_that_the_thesis_does_not_have_are_no_rows_of_its_tables() -> None:
    rows = [
        *statistics("simclr", "r", 0.51),
        *statistics("vicreg", "r", 0.52),
        *statistics("simclr", "r_tilde", 0.53),
    ]
    probed = {"seeds": 3, "train": 0.9, "train_sd": 0.01, "test": 0.8, "test_sd": None}
    results = {
        "binomial": Result(name="binomial", rows=rows, inputs={}),
        "probes": Result(
            name="probes", rows=[{"method": "w-mse", **probed}, {"method": "pixels", **probed}], inputs={}
        ),
    }
    found = dict.fromkeys(["simclr", "vicreg", "w-mse"], Why())
    text = thesis_tables(results, found, "a-study")  # type: ignore[arg-type]
    first, second = text.split('id="table-4.2"')
    for part, p0 in ((first, "0.530"), (second.split('id="table-B.1"')[0], "0.510")):
        _, *lines = captioned(part, "Thesis, ours")
        settings = ["SimCLR", "supervised", "random labels", "random labels + aug."]
        assert [line[0] for line in lines] == [setting for setting in settings for _ in range(3)]
        assert [line[6] for line in lines if line[6] != NONE] == [p0]
    assert "Methods that the thesis does not have" not in first
    assert "Without a row, as their mean r̃ stayed below all of these: VICReg, W-MSE." in first
    _, *apart = captioned(second, "Methods that the thesis does not have: at the first")
    assert apart == [
        ["VICReg", "0.5", "5", "0.520", "0.050 ± 0.003", "0.030", "0.080", "1.000", "0.900 to 1.000"]
    ]
    assert "Without a row, as their mean r stayed below all of these: W-MSE." in second
    _, *probes = captioned(text, "Logistic regression")
    assert [line[0] for line in probes][-2:] == ["random initialisation", "pixels"]
    _, *apart = captioned(text, "Methods that the thesis does not have: the same probe")
    assert apart == [["W-MSE", "3", "0.9000 ± 0.0100", "0.8000"]]


class Why:
    """Stands for what is known of a method's runs."""

    why = "data"
