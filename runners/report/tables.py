# SPDX-License-Identifier: Apache-2.0
"""Tables 4.1, 4.2 and B.1 of the thesis: its value, ours, and whether they agree."""

from collections.abc import Mapping

from analysis.comparison import tables
from analysis.comparison.verdicts import Verdict
from analysis.storage.results import Result, Row
from figures._style import label
from runners.report.conditions import Conditions
from runners.report.markup import Html, badge, code, element, join, paragraph, section, table

NEEDS = {"4.1": "binomial", "4.2": "binomial", "B.1": "probes"}


def thesis_tables(results: Mapping[str, Result], found: dict[str, Conditions], study: str) -> Html:
    """Return the section with the three tables; a missing one is named with what makes it."""
    parts = [
        _missing(number, study) if need not in results else BUILD[number](results[need], found)
        for number, need in NEEDS.items()
    ]
    return section("tables", "Tables", *parts)


def _missing(number: str, study: str) -> Html:
    return join(
        [
            element("h3", f"Table {number}", id=f"table-{number}"),
            paragraph(
                "Not here: make its numbers with ",
                code(f"python -m analysis.{NEEDS[number]} --study {study}"),
                ".",
            ),
        ]
    )


def _why(method: str, found: dict[str, Conditions], *verdicts: Verdict) -> str:
    """Say why a row may differ, or why there is none."""
    if method not in found and method not in ("random-initialisation", "pixels"):
        return "method not run"
    if all(verdict is Verdict.INSIDE for verdict in verdicts):
        return ""
    reference = found.get(method) or next(iter(found.values()))
    return reference.why


def _table_4_1(binomial: Result, found: dict[str, Conditions]) -> Html:
    rows = []
    for row in tables.table_4_1(binomial):
        printed, ours = row.printed, row.ours
        rows.append(
            [label(row.method), row.target]
            + [printed and printed.epoch, ours and ours["epoch"], badge(row.epoch)]
            + [printed and printed.p0, _fixed(ours, "p0")]
            + [printed and _power(printed.chi2), _chi(ours), badge(row.value)]
            + [_fixed(ours, "dispersion", 2), _fixed(ours, "tarone_z", 1), _small(ours, "tarone_p")]
            + [_fixed(ours, "betabinomial_icc"), _interval(ours, "betabinomial_icc")]
            + [
                _why(row.method, found, row.epoch, row.value)
                if ours or row.method not in found
                else "mean not reached"
            ]
        )
    columns = [
        "setting",
        "mean ≥",
        "t, thesis",
        "ours",
        "verdict",
        "p0, thesis",
        "ours",
        "χ², thesis",
        "ours",
        "verdict",
    ]
    columns += ["dispersion", "Tarone Z", "p", "ICC", "95 %", "why it may differ"]
    return join(
        [
            element("h3", "Table 4.1: χ² of one augmentation against Bin(N, p0)", id="table-4.1"),
            table(
                columns,
                rows,
                caption="Thesis, ours, verdict; to the right of them statistics that hold (ours only)",
            ),
            paragraph(
                "The thesis prints no spread for χ², so “inside” means equal to its printed digits: another example in a "
                "tail moves the value by orders of magnitude, and only the same counts give the same number. Epochs are inside when equal. "
                "Dispersion 1 and ICC 0 are those of equally hard examples; Tarone's Z is about normal then. "
                "ICC: of the beta-binomial fit, with its interval."
            ),
        ]
    )


def _table_4_2(binomial: Result, found: dict[str, Conditions]) -> Html:
    rows = []
    for row in tables.table_4_2(binomial):
        printed, ours = row.printed, row.ours
        rows.append(
            [label(row.method), row.target]
            + [printed and printed.epoch, ours and ours["epoch"], badge(row.epoch)]
            + [printed and printed.p0, _fixed(ours, "p0")]
            + [
                printed and f"{printed.mae} ± {printed.sd}",
                ours and f"{ours['mae']:.3f} ± {ours['mae_sd']:.3f}",
                badge(row.value),
            ]
            + [
                _fixed(ours, "mae_floor"),
                _fixed(ours, "mae_if_equal"),
                _fixed(ours, "icc"),
                _interval(ours, "icc"),
            ]
            + [
                _why(row.method, found, row.epoch, row.value)
                if ours or row.method not in found
                else "mean not reached"
            ]
        )
    columns = [
        "setting",
        "mean ≥",
        "t, thesis",
        "ours",
        "verdict",
        "p0, thesis",
        "ours",
        "MAE, thesis",
        "ours",
        "verdict",
    ]
    columns += ["floor", "if equal", "ICC", "95 %", "why it may differ"]
    return join(
        [
            element("h3", "Table 4.2: MAE of all augmentations against binomial noise", id="table-4.2"),
            table(
                columns,
                rows,
                caption="Thesis, ours, verdict; to the right of them statistics that hold (ours only)",
            ),
            paragraph(
                "Inside: within two of the thesis's printed standard deviations and half of its last digit. They are "
                "over ten draws of noise: what other seeds or examples would change is not in them. Floor: MAE between two draws of the noise. If "
                "equal: the MAE to be expected were all examples equally hard and all trials independent. ICC: of a seed's mean answer to an example; "
                "interval over seeds."
            ),
        ]
    )


def _table_b_1(probes: Result, found: dict[str, Conditions]) -> Html:
    rows = [
        [label(row.method).replace("-", " "), row.ours and row.ours["seeds"]]
        + [row.printed and row.printed.train, _spread(row.ours, "train"), badge(row.train)]
        + [row.printed and row.printed.test, _spread(row.ours, "test"), badge(row.test)]
        + [
            _why(row.method, found, row.train, row.test)
            if row.ours or row.method not in found
            else "not probed"
        ]
        for row in tables.table_b_1(probes)
    ]
    columns = [
        "features",
        "seeds",
        "train, thesis",
        "ours",
        "verdict",
        "test, thesis",
        "ours",
        "verdict",
        "why it may differ",
    ]
    return join(
        [
            element("h3", "Table B.1: accuracy of a linear probe", id="table-B.1"),
            table(
                columns,
                rows,
                caption="Logistic regression on frozen features; mean ± standard deviation over seeds",
            ),
            paragraph(
                "Inside: the thesis's single network lies within two standard deviations of our seeds."
            ),
        ]
    )


BUILD = {"4.1": _table_4_1, "4.2": _table_4_2, "B.1": _table_b_1}


def _fixed(row: Row | None, name: str, digits: int = 3) -> str | None:
    return None if row is None or row[name] is None else f"{row[name]:.{digits}f}"


def _small(row: Row | None, name: str) -> str | None:
    if row is None or row[name] is None:
        return None
    return "< 1e-300" if row[name] == 0 else f"{row[name]:.1g}"


def _interval(row: Row | None, name: str) -> str | None:
    low, high = (None, None) if row is None else (row[f"{name}_low"], row[f"{name}_high"])
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _spread(row: Row | None, name: str) -> str | None:
    if row is None:
        return None
    return f"{row[name]:.4f}" + ("" if row[f"{name}_sd"] is None else f" ± {row[f'{name}_sd']:.4f}")


def _chi(row: Row | None) -> Html | None:
    return None if row is None or row["chi2"] is None else _power(f"{row['chi2']:.1e}")


def _power(printed: str) -> Html:
    """Write 1.3e17 as a number with a power of ten."""
    mantissa, exponent = printed.split("e")
    return Html(f"{mantissa}·10<sup>{int(exponent)}</sup>")
