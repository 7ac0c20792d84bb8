# SPDX-License-Identifier: Apache-2.0
"""Which examples does a network remember? m_t(x): how much its answer on x owes to x itself, after every epoch.

Needs seeds that each left a random part of the panel out of training (`--hold-out 0.3`). The difference between those
that were trained with x and those that were not is Feldman's memorisation, followed over time, for any method: one
without labels remembers x if the views of x find each other sooner where x was trained on.

    m_t(x) = r_t(x | x in training) - r_t(x | x left out)

python -m analysis.memorization
"""

from collections.abc import Mapping

import numpy as np

from analysis.framework import results
from analysis.framework.columns import ends_of, shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table, spread_over
from analysis.statistics.memorization import Memorization, could_be_clear, memorization
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import counted, label
from dynamics.study import Study

FEW = 3
"""Fewer seeds than these on either side say little about one example."""
QUANTILES = (5, 25, 50, 75, 95)

COLUMNS: Mapping[str, str] = {
    **shared("method", "epoch", "seeds"),
    "examples": "Number of examples that some seeds were trained on and others left out: those with an m.",
    "few_seeds": "Number of them with fewer than three seeds on either side, whose own m says little.",
    "mean_r_trained": "E[r_t] by the seeds that were trained on an example, 0 to 1.",
    "mean_r_left_out": "E[r_t] by the seeds that left an example out, 0 to 1.",
    "mean_m": "Mean of m over examples, -1 to 1: 0 where nothing of the example itself is remembered.",
    "sd_m": "Standard deviation of m between examples without the noise of few seeds; empty if seeds are too few.",
    "clear_examples": "Number of examples of which so many seeds could show an m above 0.",
    "clearly_remembered": "Fraction of `clear_examples` with an interval of m above 0: at most 0.025 by chance.",
    **ends_of("mean_m"),
    **{f"m_{percent}": f"{percent} % quantile of m over examples." for percent in QUANTILES},
}
"""What the columns mean."""


def applies(study: Study) -> str | None:
    """Say in one line why a study has nothing for this analysis; None where it has.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> applies(example_study()) is None
    True
    """
    if _methods(study):
        return None
    return (
        f"no example of study {study.name} was in the training of one seed and left out by another: train some seeds "
        "with `hold_out` 0.3"
    )


def _methods(study: Study) -> list[str]:
    """Return the methods of which some example was left out by one seed and not by another."""
    found = []
    for method in study.methods:
        seen = study.in_training(method)
        if (seen.any(axis=0) & ~seen.all(axis=0)).any():
            found.append(method)
    return found


@checked
def analyse(study: Study, *, mates: Mates | None = None) -> results.Result:
    """Compute m_t(x) of all methods whose seeds left examples out, and epochs.

    The result has a row for each method and epoch. Its arrays are, for each method, `<method>.m`, `.m_low`, `.m_high`
    (epoch, example), the ends of 95 % intervals over seeds, `.r_trained` and `.r_left_out` (epoch, example), the
    learning probabilities that m is the difference of, `.seeds_trained` and `.seeds_left_out` (example), how many seeds
    these come from, `.epochs` and `.examples`. What no seed, or every seed, left out is nan.

    Parameters
    ----------
    study
        The study.
    mates
        Where the nearest view is looked for: among the panel's fixed mates (the thesis's), or among random ones, which
        leaves r_t(x) a property of x (:mod:`dynamics.mates`); by default as the study has it, fixed.

    Raises
    ------
    UserError
        When no seed left examples out.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> found = analyse(example_study()).rows[-1]
    >>> found["method"], found["examples"], abs(found["mean_m"]) < 0.1
    ('supervised', 25, True)
    """
    study = study.with_mates(mates).complete()
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    for method in _methods(study):
        seen = study.in_training(method)
        found: dict[int, Memorization] = {}
        for epoch, right in study.answers(method):
            found[epoch] = memorization(right[:, 0].mean(axis=1, dtype=np.float64), seen)
            rows.append({"method": method, "epoch": epoch, **row(found[epoch], seen)})
        arrays |= {f"{method}.{name}": values for name, values in _arrays(found, seen).items()}
        arrays[f"{method}.examples"] = study.runs[method][0].examples
    return results.Result(
        name="memorization", rows=rows, inputs=study.inputs(), arrays=arrays, settings={"mates": study.mates}
    )


def row(found: Memorization, seen: np.ndarray) -> results.Row:
    """Return the numbers of one epoch.

    Examples
    --------
    >>> seen = np.tile([True, True, True, False], (8, 5)) ^ (np.arange(8) % 2 == 0)[:, np.newaxis]
    >>> found = row(memorization(np.where(seen, 1.0, 0.0), seen), seen)
    >>> found["mean_m"], found["clearly_remembered"], found["few_seeds"]
    (1.0, 1.0, 0)
    """
    known, clear = np.isfinite(found.m), could_be_clear(seen)
    values: results.Row = {
        "seeds": len(seen),
        "examples": int(known.sum()),
        "few_seeds": int((known & (np.minimum(seen.sum(axis=0), (~seen).sum(axis=0)) < FEW)).sum()),
        "mean_r_trained": float(found.trained[known].mean()),
        "mean_r_left_out": float(found.left_out[known].mean()),
        "mean_m": found.mean,
        "sd_m": found.sd,
        "clear_examples": int(clear.sum()),
        "clearly_remembered": float((found.interval.low[clear] > 0).mean()) if clear.any() else None,
    }
    values |= found.mean_intervals.columns("mean_m")
    quantiles = np.percentile(found.m[known], QUANTILES)
    return values | {f"m_{name}": float(value) for name, value in zip(QUANTILES, quantiles, strict=True)}


def _arrays(found: dict[int, Memorization], seen: np.ndarray) -> dict[str, np.ndarray]:
    values = list(found.values())
    arrays = {
        "m": [one.m for one in values],
        "m_low": [one.interval.low for one in values],
        "m_high": [one.interval.high for one in values],
        "r_trained": [one.trained for one in values],
        "r_left_out": [one.left_out for one in values],
    }
    return {
        **{name: np.stack(by_epoch) for name, by_epoch in arrays.items()},
        "seeds_trained": seen.sum(axis=0),
        "seeds_left_out": (~seen).sum(axis=0),
        "epochs": np.array(list(found)),
    }


def tables(result: results.Result) -> list[Table]:
    """Return each method at its first, middle and last epochs.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study()))[0].notes
    ['supervised: fewer than 3 seeds with or without x for 25 of 25 examples: only their mean says much']
    """
    rows, notes = [], []
    for method, own in result.by_method.items():
        rows += [own[place] for place in spread_over(len(own), 5)]
        if few := own[0]["few_seeds"]:
            notes.append(
                f"{label(method)}: fewer than {FEW} seeds with or without x for {few} of "
                f"{counted(own[0]['examples'], 'example')}: only their mean says much"
            )
        if own[0]["seeds"] < FEW:
            notes.append(f"{label(method)}: intervals of the mean need {FEW} seeds")
    columns = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("mean_r_trained", "E[r_t], trained", ".3f"),
        Column("mean_r_left_out", "left out", ".3f"),
        Column("mean_m", "E[m_t]", ".3f"),
        Column("mean_m_these_examples", "95 %, these examples", "interval"),
        Column("mean_m_examples_like_these", "95 %, examples like these", "interval"),
        Column("sd_m", "sd m_t", ".3f"),
        Column("m_5", "5 %", ".2f"),
        Column("m_50", "median", ".2f"),
        Column("m_95", "95 %", ".2f"),
        Column("clearly_remembered", "clearly > 0", ".0%"),
    ]
    caption = (
        "what is remembered of an example itself: m_t(x), r_t(x) of networks that were trained on x less that of those "
        "that were not; sd m_t: between examples, less an estimate of the noise of few seeds; clearly > 0: of the "
        "examples of which so many seeds could show it, those whose own 95 % interval is above 0 (at most 2.5 % by "
        "chance)"
    )
    return [Table(caption=caption, columns=columns, rows=rows, notes=notes)]


if __name__ == "__main__":
    main("memorization")
