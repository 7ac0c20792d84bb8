# SPDX-License-Identifier: Apache-2.0
"""The thesis's tables 4.1, 4.2 and B.1 with ours beside them: rows of the methods that a study has."""

from collections.abc import Mapping

from analysis.framework.results import Result, Row
from analysis.framework.table import Column, Table
from analysis.framework.targets import by_target, of_quantity
from analysis.papers import Results, verdicts
from analysis.papers.memorization import printed as thesis
from analysis.papers.memorization.recipe import reasons
from analysis.papers.verdicts import Verdict
from dynamics.names import PIXELS, UNTRAINED
from dynamics.study import Study

Reasons = Mapping[str, str]
"""Why numbers may differ, by method of the study."""

FLOORS = {UNTRAINED: ("data", "width", "seeds"), PIXELS: ("data",)}
"""Rows of table B.1 that are not methods, and what their numbers depend on."""


def tables(study: Study, results: Results) -> list[Table]:
    """Return the tables for which there are results.

    Examples
    --------
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> [table.key for table in tables(example_study(), {"binomial": binomial.analyse(example_study())})]
    ['4.1', '4.2']
    """
    why = reasons(study)
    needs = {table_4_1: "binomial", table_4_2: "binomial", table_b_1: "probes"}
    return [build(results[need], why) for build, need in needs.items() if need in results]


def table_4_1(binomial: Result, why: Reasons) -> Table:
    """Compare the thesis's chi-square of r~_t: it prints no spread, so only the printed digits agree.

    A single seed has no chi-square: counts of 0 and 1 always fit their mean.

    Examples
    --------
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> row = table_4_1(binomial.analyse(example_study()), {"simclr": "other data"}).rows[1]
    >>> row["printed_epoch"], row["epoch"], f"{row['printed']:g}", round(row["chi2"], 1), row["why"]
    (5, 5, '2.1e+11', 4.0, 'other data')
    """
    columns = [
        *FIRST,
        Column("printed", "χ²: thesis", "power"),
        Column("chi2", "ours", "power"),
        Column("allowed", "allowed ±", "power"),
        *LAST,
        Column("dispersion", "dispersion", ".2f"),
        Column("tarone_z", "Tarone Z", ".1f"),
        Column("tarone_p", "p", "p"),
        Column("icc", "ICC", ".3f"),
        Column("icc_these_examples", "95 %, these examples", "interval"),
    ]
    return Table(
        key="4.1",
        caption=f"Table 4.1: χ² of one augmentation against Bin(N, p0). {CAPTION}",
        columns=columns,
        rows=_noise(binomial, "r_tilde", "chi2", thesis.TABLE_4_1, why),
        notes=[
            "The thesis prints no spread for χ², so “inside” means equal to its printed digits: another example in a "
            "tail moves the value by orders of magnitude, and only the same counts give the same number. Dispersion "
            "is 1, and the intraclass correlation (ICC) 0, where augmented examples are equally hard; Tarone's Z is "
            "about normal then. They cannot tell an example from its augmentation."
        ],
    )


def table_4_2(binomial: Result, why: Reasons) -> Table:
    """Compare the MAE of r_t against noise, by its spread over ten draws of noise.

    Examples
    --------
    >>> from analysis import binomial
    >>> from analysis.framework.example import example_study
    >>> row = table_4_2(binomial.analyse(example_study()), {"simclr": "other data"}).rows[1]
    >>> row["printed"], round(row["mae"], 2), row["verdict"].value, row["why"]
    ('0.055 ± 0.002', 0.08, 'outside', 'other data')
    """
    columns = [
        *FIRST,
        Column("printed", "MAE: thesis", "printed"),
        Column("mae", "ours", ".3f", "mae_sd"),
        Column("allowed", "allowed ±", ".4f"),
        *LAST,
        Column("mae_floor", "floor", ".3f"),
        Column("mae_if_equal", "if equal", ".3f"),
        Column("icc", "ICC", ".3f"),
        Column("icc_these_examples", "95 %, these examples", "interval"),
    ]
    return Table(
        key="4.2",
        caption=f"Table 4.2: MAE of all augmentations against binomial noise. {CAPTION}",
        columns=columns,
        rows=_noise(binomial, "r", "mae", thesis.TABLE_4_2, why),
        notes=[
            "Inside: within two of the thesis's printed standard deviations and half of its last digit. They are over "
            "ten draws of noise; what other seeds or examples would change is not in them. Floor: the MAE between "
            "two draws of the noise. If equal: the MAE to be expected were all examples equally hard and all trials "
            "independent. ICC: of a network's mean answer to an example; not comparable with that of one augmentation."
        ],
    )


CAPTION = "Thesis, ours, verdict; at the right, statistics that hold their level (ours only)"
FIRST = (
    Column("method", "setting", "method"),
    Column("target", "first mean ≥"),
    Column("printed_epoch", "epoch: thesis", "d"),
    Column("epoch", "ours", "d"),
    Column("epoch_verdict", "verdict", "verdict"),
    Column("printed_p0", "p0: thesis", "printed"),
    Column("p0", "ours", ".3f"),
)
LAST = (Column("verdict", "verdict", "verdict"), Column("why", "why it may differ"))


def _noise(
    binomial: Result, quantity: str, key: str, table: Mapping[str, tuple[thesis.Noise, ...]], why: Reasons
) -> list[Row]:
    found = by_target(of_quantity(binomial.rows, quantity))
    return [
        _noise_row(
            {"method": method, "target": target}, printed, found.get((method, target)), key, why[method]
        )
        for method, rows in table.items()
        if method in why
        for target, printed in zip(thesis.TARGETS, rows, strict=True)
    ]


def _noise_row(at: Row, printed: thesis.Noise, ours: Row | None, key: str, why: str) -> Row:
    """Return one method's row at the first epoch that reaches one p0; `key` is the statistic that is compared."""
    value = None if ours is None else ours[key]
    shown: float | str
    if printed.sd is None:
        shown, judged = float(printed.value), verdicts.to_printed_digits(value, printed.value)
    else:
        shown = f"{printed.value} ± {printed.sd}"
        judged = verdicts.within_printed_spread(value, printed.value, printed.sd)
    epoch = verdicts.same_epoch(None if ours is None else ours["epoch"], printed.epoch).verdict
    return {
        **(ours or {}),
        **at,
        "printed_epoch": printed.epoch,
        "printed_p0": printed.p0,
        "printed": shown,
        "epoch_verdict": epoch,
        **judged._asdict(),
        "why": "mean not reached" if ours is None else _unless_inside(why, epoch, judged.verdict),
    }


def table_b_1(probes: Result, why: Reasons) -> Table:
    """Compare accuracies of linear probes, by our spread over seeds.

    Examples
    --------
    >>> ours = {"method": "simclr", "train": 0.82, "train_sd": 0.01, "test": 0.75, "test_sd": 0.01}
    >>> (row,) = table_b_1(Result(name="probes", rows=[ours], inputs={}), {"simclr": "epochs"}).rows
    >>> row["train_verdict"].value, row["printed_test"], row["test_verdict"].value, row["why"]
    ('inside', '0.8060', 'outside', 'epochs')
    """
    columns = [
        Column("method", "features of", "method"),
        Column("seeds", "seeds", "d"),
        Column("printed_train", "train: thesis", "printed"),
        Column("train", "ours", ".4f", "train_sd"),
        Column("train_allowed", "allowed ±", ".4f"),
        Column("train_verdict", "verdict", "verdict"),
        Column("printed_test", "test: thesis", "printed"),
        Column("test", "ours", ".4f", "test_sd"),
        Column("test_allowed", "allowed ±", ".4f"),
        Column("test_verdict", "verdict", "verdict"),
        Column("why", "why it may differ"),
    ]
    found = {row["method"]: row for row in probes.rows}
    return Table(
        key="B.1",
        caption="Table B.1: accuracy of logistic regression on frozen features, mean ± standard deviation over seeds",
        columns=columns,
        rows=[
            _probe_row(method, printed, found.get(method), why)
            for method, printed in thesis.TABLE_B_1.items()
            if method in why or (method in FLOORS and method in found)
        ],
        notes=[
            "Inside: the thesis's single network lies within two standard deviations of our seeds. It probes networks "
            "after 200, 200, 30 and 500 epochs."
        ],
    )


def _probe_row(method: str, printed: thesis.Accuracy, ours: Row | None, why: Reasons) -> Row:
    train, test = (
        verdicts.Judged(Verdict.MISSING, None)
        if ours is None
        else verdicts.within_spread_of_seeds(ours[split], ours[f"{split}_sd"], getattr(printed, split))
        for split in ("train", "test")
    )
    reason = why[method] if method in why else _why_floor(method, why)
    return {
        **(ours or {}),
        "method": method,
        "printed_train": printed.train,
        "printed_test": printed.test,
        "train_verdict": train.verdict,
        "train_allowed": train.allowed,
        "test_verdict": test.verdict,
        "test_allowed": test.allowed,
        "why": "not probed" if ours is None else _unless_inside(reason, train.verdict, test.verdict),
    }


def _why_floor(method: str, why: Reasons) -> str:
    """Say why a baseline's numbers may differ: some of the reasons that hold for the networks beside it."""
    kinds = next(iter(why.values())).split(", ")
    return ", ".join(kind for kind in kinds if kind in FLOORS[method]) or kinds[0]


def _unless_inside(why: str, *judged: Verdict) -> str:
    return "" if all(verdict is Verdict.INSIDE for verdict in judged) else why
