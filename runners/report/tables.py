# SPDX-License-Identifier: Apache-2.0
"""Tables 4.1, 4.2 and B.1 of the thesis: its value, ours, and whether they agree."""

from collections.abc import Callable, Mapping

from analysis.comparison import tables
from analysis.comparison.verdicts import Verdict
from analysis.framework.results import Result, Row
from dynamics.names import label
from runners.report import others
from runners.report.conditions import Conditions
from runners.report.markup import Html, badge, code, element, join, paragraph, section, table
from runners.report.values import chi, features_label, fixed, interval, power, small, spread

NEEDS = {"4.1": "binomial", "4.2": "binomial", "B.1": "probes"}
FLOORS = {"random-initialisation": ("data", "width", "seeds"), "pixels": ("data",)}
"""Rows of table B.1 that are no methods, and what their numbers depend on."""


def thesis_tables(results: Mapping[str, Result], found: dict[str, Conditions], study: str) -> Html:
    """Return the section with the three tables; a missing one is named with what makes it."""
    parts = [
        BUILD[number](results[need], found) if need in results else _missing(number, study)
        for number, need in NEEDS.items()
    ]
    return section("tables", "Tables", *parts)


def _missing(number: str, study: str) -> Html:
    command = code(f"python -m analysis.{NEEDS[number]} --study {study}")
    return join(
        [
            element("h3", f"Table {number}", id=f"table-{number}"),
            paragraph("Not here: its numbers are missing. They need trained networks and ", command, ".")
            if number == "B.1"
            else paragraph("Not here: make its numbers with ", command, "."),
        ]
    )


def _why(method: str, found: dict[str, Conditions], ours: Row | None, *verdicts: Verdict) -> Html:
    """Say why a row may differ, or why there is none, in a cell whose lines may break."""
    return element("span", _reason(method, found, ours, *verdicts), class_="why")


def _reason(method: str, found: dict[str, Conditions], ours: Row | None, *verdicts: Verdict) -> str:
    if method not in found and method not in FLOORS:
        return "method not run"
    if ours is None:
        return "mean not reached"
    if all(verdict is Verdict.INSIDE for verdict in verdicts):
        return ""
    if method in found:
        return found[method].why
    kinds = next(iter(found.values())).why.split(", ")
    return ", ".join(kind for kind in kinds if kind in FLOORS[method]) or kinds[0]


def _table_4_1(binomial: Result, found: dict[str, Conditions]) -> Html:
    rows = [
        [
            *_first_cells(row),
            power(row.printed.value),
            chi(row.ours),
            badge(row.value),
            _why(row.method, found, row.ours, row.epoch, row.value),
            fixed(row.ours, "dispersion", 2),
            fixed(row.ours, "tarone_z", 1),
            small(row.ours, "tarone_p"),
            fixed(row.ours, "betabinomial_icc"),
            interval(row.ours, "betabinomial_icc"),
        ]
        for row in tables.table_4_1(binomial)
    ]
    columns = [*FIRST, "χ²: thesis", "ours", "verdict", "why it may differ"]
    columns += ["dispersion", "Tarone Z", "p", "ICC", "95 %"]
    return join(
        [
            element("h3", "Table 4.1: χ² of one augmentation against Bin(N, p0)", id="table-4.1"),
            table(columns, rows, caption=CAPTION, wide=True),
            paragraph(
                "The thesis prints no spread for χ², so “inside” means equal to its printed digits: another "
                "example in a tail moves the value by orders of magnitude, and only the same counts give the same "
                "number. Dispersion is 1, and the intraclass correlation (ICC, of a beta-binomial fit) 0, "
                "where all examples are equally hard; Tarone's Z is about normal then."
            ),
            others.noise(binomial, found, "r_tilde"),
        ]
    )


def _table_4_2(binomial: Result, found: dict[str, Conditions]) -> Html:
    rows = [
        [
            *_first_cells(row),
            f"{row.printed.value} ± {row.printed.sd}",
            spread(row.ours, "mae", 3),
            badge(row.value),
            _why(row.method, found, row.ours, row.epoch, row.value),
            fixed(row.ours, "mae_floor"),
            fixed(row.ours, "mae_if_equal"),
            fixed(row.ours, "icc"),
            interval(row.ours, "icc"),
        ]
        for row in tables.table_4_2(binomial)
    ]
    columns = [*FIRST, "MAE: thesis", "ours", "verdict", "why it may differ"]
    columns += ["floor", "if equal", "ICC", "95 %"]
    return join(
        [
            element("h3", "Table 4.2: MAE of all augmentations against binomial noise", id="table-4.2"),
            table(columns, rows, caption=CAPTION, wide=True),
            paragraph(
                "Inside: within two of the thesis's printed standard deviations and half of its last digit. They "
                "are over ten draws of noise; what other seeds or examples would change is not in them. Floor: the "
                "MAE between two draws of the noise. If equal: the MAE to be expected were all examples equally "
                "hard and all trials independent. ICC: of a network's mean answer to an example, interval over seeds."
            ),
            others.noise(binomial, found, "r"),
        ]
    )


def _table_b_1(probes: Result, found: dict[str, Conditions]) -> Html:
    rows = [
        [
            features_label(row.method),
            row.ours and row.ours["seeds"],
            row.printed.train,
            spread(row.ours, "train"),
            badge(row.train),
            row.printed.test,
            spread(row.ours, "test"),
            badge(row.test),
            _why(row.method, found, row.ours, row.train, row.test),
        ]
        for row in tables.table_b_1(probes)
    ]
    columns = ["features of", "seeds", "train: thesis", "ours", "verdict", "test: thesis", "ours", "verdict"]
    return join(
        [
            element("h3", "Table B.1: accuracy of a linear probe", id="table-B.1"),
            table(
                [*columns, "why it may differ"],
                rows,
                caption="Logistic regression on frozen features; mean ± standard deviation over seeds",
                wide=True,
            ),
            paragraph(
                "Inside: the thesis's single network lies within two standard deviations of our seeds. It probes "
                "networks after 200, 200, 30 and 500 epochs."
            ),
            others.probes(probes),
        ]
    )


BUILD: dict[str, Callable[[Result, dict[str, Conditions]], Html]] = {
    "4.1": _table_4_1,
    "4.2": _table_4_2,
    "B.1": _table_b_1,
}

CAPTION = "Thesis, ours, verdict; the columns at the right are statistics that hold (ours only)"
FIRST = ("setting", "first mean ≥", "epoch: thesis", "ours", "verdict", "p0: thesis", "ours")


def _first_cells(row: tables.NoiseRow) -> list[object]:
    return [
        label(row.method),
        row.target,
        row.printed.epoch,
        row.ours and row.ours["epoch"],
        badge(row.epoch),
        row.printed.p0,
        fixed(row.ours, "p0"),
    ]
