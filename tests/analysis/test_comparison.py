# SPDX-License-Identifier: Apache-2.0
"""Verdicts agree with the printed digits, spreads and findings of the thesis; findings follow their rules."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import alignment, binomial, learning
from analysis.framework.results import Result, Row, plain
from analysis.papers import verdicts
from analysis.papers.findings import Conclusion, Finding
from analysis.papers.memorization import figures, findings, tables
from analysis.papers.memorization import printed as thesis
from analysis.papers.memorization.spreads import spread_without_noise
from analysis.papers.verdicts import Verdict
from analysis.statistics.intraclass import icc_of_seeds
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
    assert verdicts.to_printed_digits(value, printed) is Verdict.INSIDE
    assert (
        verdicts.to_printed_digits(float(printed) + 1.2 * 2 * verdicts.half_digit(printed), printed)
        is Verdict.OUTSIDE
    )


def test_rules_of_verdicts() -> None:
    assert verdicts.within_printed_spread(0.0444, "0.042", "0.001") is Verdict.INSIDE
    assert verdicts.within_printed_spread(0.0446, "0.042", "0.001") is Verdict.OUTSIDE
    assert verdicts.within_spread_of_seeds(0.80, 0.01, "0.8186") is Verdict.INSIDE
    assert verdicts.within_spread_of_seeds(0.79, 0.01, "0.8186") is Verdict.OUTSIDE
    assert verdicts.within_spread_of_seeds(0.80, None, "0.8186") is Verdict.UNJUDGED
    assert verdicts.within_error(0.10, 0.01, ".128") is Verdict.INSIDE  # two means differ by sqrt(2) errors
    assert verdicts.within_error(0.10, 0.01, ".129") is Verdict.OUTSIDE
    assert verdicts.same_epoch(5, 5) is Verdict.INSIDE
    assert verdicts.same_epoch(6, 5) is Verdict.OUTSIDE
    assert verdicts.without_spread(0.634, ".634") is Verdict.INSIDE
    assert verdicts.without_spread(0.636, ".634") is Verdict.UNJUDGED
    for missing in (
        verdicts.to_printed_digits(None, "1"),
        verdicts.within_error(None, None, "1"),
        verdicts.within_spread_of_seeds(None, None, "1"),
        verdicts.same_epoch(None, 1),
        verdicts.without_spread(None, "1"),
    ):
        assert missing is Verdict.MISSING


def test_the_thesis_s_numbers_are_consistent() -> None:
    """Table 4.2's p0 are means of r_t at these epochs: figure 4.1 has the same; spreads follow from the classes."""
    for method, rows in thesis.TABLE_4_2.items():
        for row in rows:
            printed = thesis.FIGURE_4_1[method].get(row.epoch)
            assert printed is None or float(printed) == float(row.p0), (method, row)
        assert [float(row.p0) >= target for row, target in zip(rows, thesis.TARGETS, strict=True)] == [
            True
        ] * 3
    for epoch, classes in thesis.FIGURE_5_3.items():
        means = [float(mean) for mean in classes.values()]
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
    found = (learning.analyse(study), alignment.analyse(study), binomial.analyse(study, permutations=9))
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


def noise_rows(quantity: str, sds: dict[str, float], *, icc: float = 1.0, p: float = 1e-9) -> list[Row]:
    """Return rows of analysis.binomial, an epoch for each target; with icc = 1 spreads have no noise of seeds."""
    row = {
        "quantity": quantity,
        "augmentations": 20,
        "seeds": 10,
        "examples": 200,
        "epoch": 5,
        "icc": icc,
        "tarone_p": p,
        "dispersion": 2.0,
    }
    return [
        row | {"method": method, "targets": [target], "sd": sd}
        for method, sd in sds.items()
        for target in thesis.TARGETS
    ]


def outcomes(*rows: list[Row]) -> list[Conclusion]:
    binomial_ = Result(name="binomial", rows=[row for part in rows for row in part], inputs={})
    return [one.conclusion for one in all_findings({"binomial": binomial_})]


def test_spreads_of_the_thesis_confirm_its_findings() -> None:
    for at, _ in enumerate(thesis.TARGETS):
        averaged = {method: float(sds[at]) for method, sds in thesis.FIGURE_4_4_SD.items()}
        single = {method: float(sds[at]) for method, sds in thesis.FIGURE_4_3_SD.items()}
        single["random-labels"] = averaged["random-labels"]  # one augmentation: r~ is r
        found = outcomes(noise_rows("r", averaged), noise_rows("r_tilde", single))
        assert found[:4] == [Conclusion.CONFIRMED] * 4


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
    assert outcomes(noise_rows("r", sds))[1:4:2] == expected


def test_noise_of_seeds_is_no_spread() -> None:
    """A larger standard deviation that is all noise does not count."""
    noisy = noise_rows("r", {"random-labels": 0.4}, icc=0.01)
    assert outcomes(noise_rows("r", {"supervised": 0.3}), noisy)[1] is Conclusion.CONFIRMED


@pytest.mark.parametrize(("p", "outcome"), [(0.01, Conclusion.CONFIRMED), (0.2, Conclusion.UNDECIDED)])
def test_a_test_that_is_not_significant_refutes_nothing(p: float, outcome: Conclusion) -> None:
    assert outcomes(noise_rows("r_tilde", {"simclr": 0.2}, p=p))[0] is outcome


def test_noise_of_seeds_is_taken_off_as_much_as_there_is(rng: np.random.Generator) -> None:
    """The corrected spread is that of the probabilities from which answers were drawn."""
    true = rng.beta(3, 3, size=4000)
    correct = rng.random((6, 4000)) < true
    row = {
        "seeds": 6,
        "icc": icc_of_seeds(correct),
        "sd": float(correct.mean(axis=0).std()),
        "examples": 4000,
    }
    corrected, error = spread_without_noise(row)
    assert corrected == pytest.approx(true.std(), abs=4 * error)
    assert row["sd"] > true.std() + 4 * error


def test_nothing_is_testable_without_results() -> None:
    found = all_findings({})
    assert {one.conclusion for one in found} == {Conclusion.NOT_TESTABLE}
    assert len({one.claim for one in found}) == len(found) == len(findings.TESTS)


def divergences(simclr: dict[str, float], supervised: dict[str, float], cat: dict[str, float]) -> Result:
    """Return a result `divergence` with these summaries and KL(cat || class) of SimCLR."""
    summary = [
        {"method": method, "estimator": estimator, "min": None, "median": None, "max": None} | values
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
    tested = [one.conclusion for one in all_findings({"divergence": result})[-3:]]
    assert tested == [Conclusion.CONFIRMED] * 3
    swapped = divergences(printed["supervised"], printed["simclr"], {"dog": 700.0, "automobile": 100.0})
    tested = [one.conclusion for one in all_findings({"divergence": swapped})[-3:]]
    assert tested == [Conclusion.REFUTED] * 3
    elsewhere = divergences({}, printed["supervised"], {})
    tested = [one.conclusion for one in all_findings({"divergence": elsewhere})[-3:]]
    assert tested == [Conclusion.NOT_TESTABLE] * 3
    assert {row["verdict"] for row in figures.figure_5_2(result)} == {Verdict.INSIDE}


def class_rows(method: str, *, epsilon: float, f: float, order: list[str] | None) -> list[Row]:
    row = {"method": method, "classes_by": "true", "epoch": 50, "mean_r": 0.6, "f": f, "f_5_percent": 1.9}
    return [row | {"epsilon_squared": epsilon, "hard_to_easy": order, "spread": 0.201}]


@pytest.mark.parametrize(
    ("supervised", "simclr", "outcome"),
    [
        ((0.3, 20.0), (0.01, 1.5), "confirmed"),
        ((0.3, 20.0), (0.2, 9.0), "refuted"),
        ((0.01, 1.2), (0.0, 1.0), "refuted"),
    ],
)
def test_classes(supervised: tuple[float, float], simclr: tuple[float, float], outcome: str) -> None:
    order = list(thesis.FIGURE_5_3[50])
    rows = class_rows("supervised", epsilon=supervised[0], f=supervised[1], order=order)
    rows += class_rows("simclr", epsilon=simclr[0], f=simclr[1], order=order[::-1])
    found = all_findings({"classes": Result(name="classes", rows=rows, inputs={})})
    assert found[4].conclusion == outcome
    assert found[5].conclusion is Conclusion.CONFIRMED
    digits = class_rows("supervised", epsilon=0.3, f=20.0, order=[str(digit) for digit in range(10)])
    found = all_findings({"classes": Result(name="classes", rows=digits, inputs={})})
    assert found[5].conclusion is Conclusion.NOT_TESTABLE


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
    rows = noise_rows("r", {"vicreg": 0.1, "simclr": 0.2}) + noise_rows(
        "r_tilde", {"byol": 0.3, "simclr": 0.2}
    )
    result = Result(name="binomial", rows=[row | {"chi2": 1.0, "mae": 0.04} for row in rows], inputs={})
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
    own = noise_rows("r", {"supervised": 0.3, "simclr": 0.1}) + noise_rows("r_tilde", {"simclr": 0.3})
    others = noise_rows("r", {"vicreg": 0.4}) + noise_rows("r_tilde", {"vicreg": 0.3}, p=0.9)
    assert outcomes(own, others) == outcomes(own)


def test_a_missing_conclusion_says_why(rng: np.random.Generator) -> None:
    assert all_findings({})[0].number == "no result binomial"
    nothing = Result(name="binomial", rows=[], inputs={})
    assert all_findings({"binomial": nothing})[0].number == "no epoch reaches a mean of 0.25"
    correct = {method: rising(rng, seeds=1) for method in ("simclr", "supervised", "random-labels")}
    for one in all_findings(analysed(in_memory(correct)))[:4]:
        assert one.conclusion is Conclusion.NOT_TESTABLE and "at least two seeds" in one.number


def test_one_seed_is_compared_without_an_error(rng: np.random.Generator) -> None:
    """Intervals over one seed do not exist; nothing divides by them."""
    result = as_read(learning.analyse(in_memory({"simclr": rising(rng, seeds=1)})))
    compared = [row for row in figures.figure_4_1(result) if row["ours"] is not None]
    assert compared and {row["verdict"] for row in compared} <= {Verdict.UNJUDGED, Verdict.INSIDE}
    assert all(math.isfinite(row["ours"]) for row in compared)
