# SPDX-License-Identifier: Apache-2.0
"""Verdicts agree with the printed digits, spreads and findings of the thesis; findings follow their rules."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import alignment, augmentations, binomial, classes, learning
from analysis.framework.results import Result, Row, plain
from analysis.papers import verdicts
from analysis.papers.findings import Conclusion, Finding
from analysis.papers.memorization import figures, findings, tables
from analysis.papers.memorization import printed as thesis
from analysis.papers.verdicts import Verdict
from dynamics.study import Study
from tests.analysis.studies import in_memory, rising
from tests.analysis.test_thesis_tables import build


@pytest.mark.parametrize(
    ("printed", "half"),
    [("0.279", 0.0005), ("1.3e17", 5e15), ("8.0e10", 5e8), ("66", 0.5), (".95", 0.005), ("1.0000", 0.00005)],
)
def test_half_a_digit(printed: str, half: float) -> None:
    assert verdicts.half_digit(printed) == pytest.approx(half)


@given(st.floats(1e-3, 1e20))
def test_a_number_agrees_with_its_own_digits(value: float) -> None:
    printed = f"{value:.1e}"
    assert verdicts.to_printed_digits(value, printed).verdict is Verdict.INSIDE
    assert (
        verdicts.to_printed_digits(float(printed) + 1.2 * 2 * verdicts.half_digit(printed), printed).verdict
        is Verdict.OUTSIDE
    )


def test_rules_of_verdicts() -> None:
    assert verdicts.within_printed_spread(0.0444, "0.042", "0.001").verdict is Verdict.INSIDE
    assert verdicts.within_printed_spread(0.0446, "0.042", "0.001").verdict is Verdict.OUTSIDE
    assert verdicts.within_spread_of_seeds(0.80, 0.01, "0.8186").verdict is Verdict.INSIDE
    assert verdicts.within_spread_of_seeds(0.79, 0.01, "0.8186").verdict is Verdict.OUTSIDE
    assert verdicts.within_spread_of_seeds(0.80, None, "0.8186").verdict is Verdict.UNJUDGED
    assert (
        verdicts.within_error(0.10, 0.01, ".128").verdict is Verdict.INSIDE
    )  # two means differ by sqrt(2) errors
    assert verdicts.within_error(0.10, 0.01, ".129").verdict is Verdict.OUTSIDE
    assert verdicts.same_epoch(5, 5).verdict is Verdict.INSIDE
    assert verdicts.same_epoch(6, 5).verdict is Verdict.OUTSIDE
    assert verdicts.without_spread(0.634, ".634").verdict is Verdict.INSIDE
    assert verdicts.without_spread(0.636, ".634").verdict is Verdict.UNJUDGED
    for missing in (
        verdicts.to_printed_digits(None, "1"),
        verdicts.within_error(None, None, "1"),
        verdicts.within_spread_of_seeds(None, None, "1"),
        verdicts.same_epoch(None, 1),
        verdicts.without_spread(None, "1"),
    ):
        assert missing == (Verdict.MISSING, None)


def test_the_allowed_gap_grows_with_what_is_not_known() -> None:
    assert verdicts.within_printed_spread(0.0444, "0.042", "0.001").allowed == pytest.approx(0.0025)
    assert verdicts.within_spread_of_seeds(0.80, 0.01, "0.8186").allowed == pytest.approx(0.02005)
    assert verdicts.within_error(0.10, 0.01, ".128").allowed == pytest.approx(0.02 * math.sqrt(2) + 0.0005)
    assert verdicts.within_spread_of_seeds(0.5, None, "0.8186") == (Verdict.UNJUDGED, None)


def test_the_thesis_s_numbers_are_consistent() -> None:
    """Table 4.2's p0 are means of r_t at these epochs: figure 4.1 has the same; spreads follow from the classes."""
    for method, rows in thesis.TABLE_4_2.items():
        for row in rows:
            printed = thesis.FIGURE_4_1[method].get(row.epoch)
            assert printed is None or float(printed) == float(row.p0), (method, row)
        assert [float(row.p0) >= target for row, target in zip(rows, thesis.TARGETS, strict=True)] == [
            True
        ] * 3
    for epoch, of_class in thesis.FIGURE_5_3.items():
        means = [float(mean) for mean in of_class.values()]
        assert means == sorted(means) and len(means) == 10
        assert max(means) - min(means) == pytest.approx(float(thesis.FIGURE_5_3_SPREAD["supervised"][epoch]))
    last = list(thesis.FIGURE_5_3[50])
    assert set(last[:3]) == set(thesis.HARD) and set(last[-3:]) == set(thesis.EASY)


@pytest.fixture(scope="module")
def of_the_thesis() -> dict[str, Result]:
    shared = Path(__file__).resolve().parents[3] / "shared" / "thesis"
    if not shared.is_dir():
        pytest.skip("no ../shared/thesis beside the checkout")
    correct = {method: build(shared, method)[:, :, None] for method in ("simclr", "random-labels")}
    return analysed(in_memory(correct))


def analysed(study: Study) -> dict[str, Result]:
    found = (
        learning.analyse(study),
        alignment.analyse(study),
        binomial.analyse(study, permutations=9),
        augmentations.analyse(study),
    )
    return {one.name: as_read(one) for one in found}


def all_findings(results: dict[str, Result]) -> list[Finding]:
    return findings.tested(thesis.METHODS, results)


WHY = dict.fromkeys(thesis.METHODS, "recipe")
"""A study that has all of the thesis's methods."""


def as_read(result: Result) -> Result:
    """Return a result as it comes back from its file: None where a number is not defined."""
    return Result(
        name=result.name, rows=plain(result.rows), inputs=result.inputs, arrays=result.arrays,
        settings=plain(result.settings),
    )  # fmt: skip


@pytest.mark.slow
def test_the_thesis_s_own_counts_are_inside(of_the_thesis: dict[str, Result]) -> None:
    judged = [
        row
        for table in (tables.table_4_1, tables.table_4_2)
        for row in table(of_the_thesis["binomial"], WHY).rows
    ]
    own = [row for row in judged if row["method"] in ("simclr", "random-labels")]
    assert len(own) == 12
    assert {row[verdict] for row in own for verdict in ("epoch_verdict", "verdict")} == {Verdict.INSIDE}
    assert {row["why"] for row in own} == {""}
    others = [row for row in judged if row not in own]
    assert {row[verdict] for row in others for verdict in ("epoch_verdict", "verdict")} == {Verdict.MISSING}
    for number in ("4.1", "4.2", "4.3", "4.4"):
        figure = figures.FIGURES[number]
        compared = [
            row
            for row in figure.compare(of_the_thesis[figure.need])
            if row["method"] in ("simclr", "random-labels")
        ]
        assert compared and {row["verdict"] for row in compared} == {Verdict.INSIDE}, number
    first, widest, *_ = all_findings(of_the_thesis)
    assert first.conclusion is Conclusion.CONFIRMED
    assert widest.conclusion is Conclusion.NOT_TESTABLE


SINGLE, AVERAGED = "r_tilde", "r"


def spread_rows(
    method: str, r: float, r_tilde: float, *, error: float = 0.0, q: float = 1e-9, more: float = 1.0
) -> list[Row]:
    """Return rows of analysis.augmentations of a method whose spreads without noise are these at all means.

    `error` is the standard error of both variances, `more` the factor of r's spread without bound of augmentations.
    """
    row: Row = {
        "method": method,
        "seeds": 10,
        "tested": "example",
        "example_f": 2.0,
        "example_q": q,
        "selection_p": None,
    }
    for name, sd in (("r", r), ("r_tilde", r_tilde), ("example", r * more)):
        row[f"var_{name}"] = sd**2
        for end, sign in (("low", -1), ("high", 1)):
            row[f"var_{name}_examples_like_these_{end}"] = sd**2 + sign * 2 * error
    means = enumerate((0.1, *thesis.TARGETS), start=1)
    return [row | {"epoch": epoch, "mean_r": mean, "targets": [mean][epoch == 1 :]} for epoch, mean in means]


def outcomes(*rows: list[Row]) -> list[Conclusion]:
    found = Result(name="augmentations", rows=[row for part in rows for row in part], inputs={})
    return [one.conclusion for one in all_findings({"augmentations": found})]


def test_spreads_of_the_thesis_confirm_its_findings() -> None:
    for at, _ in enumerate(thesis.TARGETS):
        rows = []
        for method, sds in thesis.FIGURE_4_4_SD.items():
            single = thesis.FIGURE_4_3_SD.get(method, sds)  # where it prints none: one augmentation, r~ is r
            rows.append(spread_rows(method, float(sds[at]), float(single[at])))
        assert outcomes(*rows)[:4] == [Conclusion.CONFIRMED] * 4


@pytest.mark.parametrize(
    ("simclr", "supervised", "random", "expected"),
    [
        (0.12, 0.30, 0.12, [Conclusion.CONFIRMED, Conclusion.CONFIRMED]),
        (0.30, 0.12, 0.12, [Conclusion.REFUTED, Conclusion.UNDECIDED]),
        (0.30, 0.31, 0.12, [Conclusion.UNDECIDED, Conclusion.REFUTED]),
    ],
)
def test_spreads(simclr: float, supervised: float, random: float, expected: list[Conclusion]) -> None:
    sds = {"simclr": simclr, "supervised": supervised, "random-labels": random}
    rows = [spread_rows(method, sd, sd, error=0.003) for method, sd in sds.items()]
    assert outcomes(*rows)[1:4:2] == expected


def test_without_an_interval_nothing_is_decided() -> None:
    """Two seeds have none: the error was taken for 0, and every difference decided."""
    sds = {"simclr": 0.12, "supervised": 0.30, "random-labels": 0.12}
    rows = [
        [
            row | {name: None for name in row if name.endswith(("_low", "_high"))}
            for row in spread_rows(method, sd, sd)
        ]
        for method, sd in sds.items()
    ]
    assert outcomes(*rows)[1:4] == [Conclusion.UNDECIDED] * 3


def test_a_setting_without_a_test_leaves_the_claim_undecided() -> None:
    tested, untested = spread_rows("simclr", 0.2, 0.2), spread_rows("supervised", 0.2, 0.2, q=1.0)
    untested = [row | {"example_q": None} for row in untested]
    assert outcomes(tested)[0] is Conclusion.CONFIRMED
    result = Result(name="augmentations", rows=[*tested, *untested], inputs={})
    first = all_findings({"augmentations": result})[0]
    assert first.conclusion is Conclusion.UNDECIDED and "3 of 3 tests in 1 of 2 settings" in first.number


def test_every_other_setting_is_compared_with_the_widest() -> None:
    """One with a smaller but uncertain spread escaped."""
    own, near = spread_rows("supervised", 0.3, 0.3, error=0.001), spread_rows("simclr", 0.2, 0.2, error=0.001)
    unsure = spread_rows("random-labels", 0.19, 0.19, error=0.2)
    assert outcomes(own, near)[1] is Conclusion.CONFIRMED
    assert outcomes(own, near, unsure)[1] is Conclusion.UNDECIDED


def test_what_depends_on_the_number_of_augmentations_is_undecided() -> None:
    """At M = 10 SimCLR's r looks like random labels, without bound of M it does not."""
    others = spread_rows("supervised", 0.3, 0.3), spread_rows("random-labels", 0.15, 0.15)
    assert outcomes(spread_rows("simclr", 0.15, 0.4), *others)[3] is Conclusion.CONFIRMED
    assert outcomes(spread_rows("simclr", 0.15, 0.4, more=0.2), *others)[3] is Conclusion.CONFIRMED
    assert outcomes(spread_rows("simclr", 0.15, 0.4, more=1.9), *others)[3] is Conclusion.UNDECIDED


def test_spreads_are_compared_at_equal_means() -> None:
    """They were compared at first epochs above a mean: .257 against .402."""
    own, other = spread_rows("supervised", 0.3, 0.3), spread_rows("simclr", 0.2, 0.2)
    late = [row for row in other if row["mean_r"] > 0.3]  # its first epoch is above 1/4
    result = Result(name="augmentations", rows=[*own, *late], inputs={})
    number = all_findings({"augmentations": result})[1].number
    assert "mean 0.25" not in number and "mean 0.75: 0.300 against at most 0.200 (SimCLR)" in number


@pytest.mark.parametrize(("q", "outcome"), [(0.01, Conclusion.CONFIRMED), (0.2, Conclusion.UNDECIDED)])
def test_a_test_that_is_not_significant_refutes_nothing(q: float, outcome: Conclusion) -> None:
    assert outcomes(spread_rows("simclr", 0.2, 0.2, q=q))[0] is outcome


def test_nothing_is_testable_without_results() -> None:
    found = all_findings({})
    assert {one.conclusion for one in found} == {Conclusion.NOT_TESTABLE}
    assert len({one.claim for one in found}) == len(found) == len(findings.TESTS)


def divergences(
    simclr: dict[str, float], supervised: dict[str, float], cat: dict[str, float], error: float | None = 0.05
) -> Result:
    """Return a result `divergence` with these summaries and KL(cat || class) of SimCLR."""
    summary = [
        {
            "method": method,
            "estimator": estimator,
            "min": None,
            "median": None,
            "max": None,
            "median_error": error,
            "ratio_error": error,
            "dimensions": [4] * 8,
        }
        | values
        for method, values in (("simclr", simclr), ("supervised", supervised))
        for estimator in ("thesis", "corrected")
    ]
    rows = [
        {"method": "simclr", "estimator": estimator, "y": "cat", "z": z, "kl": kl}
        for z, kl in cat.items()
        for estimator in ("thesis", "corrected")
    ]
    return Result(name="divergence", rows=rows, inputs={}, settings={"summary": summary})


def test_divergences() -> None:
    printed = {
        method: dict(zip(("min", "median", "max"), map(float, values), strict=True))
        for method, values in thesis.FIGURE_5_2.items()
    }
    result = divergences(printed["simclr"], printed["supervised"], {"dog": 100.0, "automobile": 700.0})
    tested = [one.conclusion for one in all_findings({"divergence": result})[-4:-1]]
    assert tested == [Conclusion.CONFIRMED] * 3
    swapped = divergences(printed["supervised"], printed["simclr"], {"dog": 700.0, "automobile": 100.0})
    tested = [one.conclusion for one in all_findings({"divergence": swapped})[-4:-1]]
    assert tested == [Conclusion.REFUTED] * 3
    wide = divergences(printed["simclr"], printed["supervised"], {}, error=2.0)
    assert [one.conclusion for one in all_findings({"divergence": wide})[-3:-1]] == [Conclusion.UNDECIDED] * 2
    single = divergences(printed["simclr"], printed["supervised"], {}, error=None)
    for one in all_findings({"divergence": single})[-3:-1]:
        assert one.conclusion is Conclusion.NOT_TESTABLE and "which needs three" in one.number
    elsewhere = divergences({}, printed["supervised"], {})
    tested = [one.conclusion for one in all_findings({"divergence": elsewhere})[-4:-1]]
    assert tested == [Conclusion.NOT_TESTABLE] * 3
    assert {row["verdict"] for row in figures.figure_5_2(result)} == {Verdict.INSIDE}


def class_rows(method: str, *, epsilon: float, q: float | None, order: list[str] | None) -> list[Row]:
    row: Row = {
        "method": method,
        "classes_by": "true",
        "epoch": 50,
        "mean_r": 0.6,
        "crossed_f": 3.0,
        "crossed_q": q,
    }
    return [row | {"epsilon_squared": epsilon, "hard_to_easy": order, "spread": 0.201}]


@pytest.mark.parametrize(
    ("supervised", "simclr", "outcome"),
    [
        ((0.3, 0.001), (0.01, 0.3), "confirmed"),
        ((0.3, 0.001), (0.2, 0.01), "undecided"),
        ((0.1, 0.3), (0.3, 0.001), "refuted"),
        ((0.3, 0.2), (0.01, 0.9), "undecided"),
        ((0.3, None), (0.01, None), "not testable"),
    ],
)
def test_classes(supervised: tuple[float, float], simclr: tuple[float, float], outcome: str) -> None:
    order = list(thesis.FIGURE_5_3[50])
    rows = class_rows("supervised", epsilon=supervised[0], q=supervised[1], order=order)
    rows += class_rows("simclr", epsilon=simclr[0], q=simclr[1], order=order[::-1])
    found = all_findings({"classes": Result(name="classes", rows=rows, inputs={})})
    assert found[4].conclusion == outcome
    assert found[5].conclusion is Conclusion.CONFIRMED
    digits = class_rows("supervised", epsilon=0.3, q=0.001, order=[str(digit) for digit in range(10)])
    found = all_findings({"classes": Result(name="classes", rows=digits, inputs={})})
    assert found[5].conclusion is Conclusion.NOT_TESTABLE


def test_one_seed_does_not_confirm_that_classes_differ(rng: np.random.Generator) -> None:
    labels = np.arange(60) % 4
    correct = {method: rising(rng, seeds=1) for method in ("simclr", "supervised")}
    result = as_read(classes.analyse(in_memory(correct, labels=labels)))
    assert all(row["crossed_p"] is None for row in result.rows)
    assert all_findings({"classes": result})[4].conclusion is Conclusion.NOT_TESTABLE


def test_probes() -> None:
    rows = [
        {"method": "simclr", "seeds": 3, "train": 0.82, "train_sd": 0.01, "test": 0.70, "test_sd": 0.01},
        {"method": "pixels", "seeds": 1, "train": 0.4227, "train_sd": None, "test": 0.4, "test_sd": None},
        {"method": "vicreg", "seeds": 1, "train": 0.5, "train_sd": None, "test": 0.4, "test_sd": None},
    ]
    table = tables.table_b_1(Result(name="probes", rows=rows, inputs={}), WHY)
    found = {row["method"]: row for row in table.rows}
    judged = {method: (row["train_verdict"], row["test_verdict"]) for method, row in found.items()}
    assert judged["simclr"] == (Verdict.INSIDE, Verdict.OUTSIDE)
    assert judged["pixels"] == (Verdict.INSIDE, Verdict.UNJUDGED)
    assert judged["supervised"] == (Verdict.MISSING, Verdict.MISSING)
    assert found["supervised"]["why"] == "not probed"
    assert list(found) == [*thesis.METHODS, "pixels"]  # the floors stand where they were measured


def test_only_methods_that_were_run_have_rows() -> None:
    row: Row = {
        "augmentations": 20,
        "seeds": 10,
        "examples": 200,
        "epoch": 5,
        "chi2": 1.0,
        "mae": 0.04,
        "p0": 0.5,
    }
    rows = [
        row | {"method": method, "quantity": quantity, "targets": [target]}
        for method in ("vicreg", "simclr", "byol")
        for quantity in (AVERAGED, SINGLE)
        for target in thesis.TARGETS
    ]
    result = Result(name="binomial", rows=rows, inputs={})
    for table in (tables.table_4_1, tables.table_4_2):
        found = table(result, {"simclr": "seeds", "supervised": "data"}).rows
        assert [(row["method"], row["target"]) for row in found] == [
            (method, target) for method in ("simclr", "supervised") for target in thesis.TARGETS
        ]
        assert [row["why"] for row in found] == ["seeds"] * 3 + ["mean not reached"] * 3


def test_findings_are_about_methods_that_were_run() -> None:
    assert findings.tested(["vicreg", "a-method-of-mine"], {})[1:] == []
    assert [one.claim for one in findings.tested(["simclr"], {})] == [
        "Every setting has easy and hard examples.",
        "In SimCLR's features KL(cat, dog) is far below KL(cat, automobile).",
    ]
    assert len(findings.tested(["simclr", "supervised"], {})) == 7


def test_methods_that_the_thesis_does_not_have_decide_none_of_its_findings() -> None:
    own = spread_rows("supervised", 0.3, 0.3), spread_rows("simclr", 0.1, 0.3)
    others = spread_rows("vicreg", 0.4, 0.4, q=0.9)
    assert outcomes(*own, others) == outcomes(*own)


def test_a_missing_conclusion_says_why(rng: np.random.Generator) -> None:
    assert all_findings({})[0].number == "no result augmentations"
    low = [row for row in spread_rows("simclr", 0.1, 0.1) if row["mean_r"] < 0.2]
    nothing = Result(name="augmentations", rows=low, inputs={})
    assert all_findings({"augmentations": nothing})[0].number == "no epoch reaches a mean of 0.25"
    correct = {method: rising(rng, seeds=1) for method in ("simclr", "supervised", "random-labels")}
    for one in all_findings(analysed(in_memory(correct)))[:4]:
        assert one.conclusion is Conclusion.NOT_TESTABLE and "at least two seeds" in one.number


def test_one_seed_is_compared_without_an_error(rng: np.random.Generator) -> None:
    """Intervals over one seed do not exist; nothing divides by them."""
    result = as_read(learning.analyse(in_memory({"simclr": rising(rng, seeds=1)})))
    compared = [row for row in figures.figure_4_1(result) if row["ours"] is not None]
    assert compared and {row["verdict"] for row in compared} <= {Verdict.UNJUDGED, Verdict.INSIDE}
    assert all(math.isfinite(row["ours"]) for row in compared)
