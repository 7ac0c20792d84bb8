# SPDX-License-Identifier: Apache-2.0
"""Is it the example that is hard, or its augmentation: r~_t of every augmentation (memorization thesis, figure 4.5).

The variance of `correct` is split into what lies between examples, between the augmentations of one example,
between seeds, in a seed's luck with an example, and the rest, from all K examples at the first epochs whose
mean r_t reaches 1/4, 1/2 and 3/4. The share of the true variance of r~_t that lies between augmentations says
how much averaging over them evens the examples out. The intervals are over seeds: they say what other seeds
would change for the same examples and augmentations. A method with one augmentation has no such split.

python -m analysis.augmentations
"""

from collections.abc import Sequence

import numpy as np
import tyro

from analysis.binomial import TARGETS, Case, cases
from analysis.framework import console, results
from analysis.framework.where import Where, open_study
from analysis.statistics.variance_components import component_intervals, variance_components
from dynamics.errors import UserError
from dynamics.study import Study

SHOWN = 21
"""About how many examples a figure shows, evenly spaced in order of r_t: every 50th of 1024, as in the thesis."""


def applies(study: Study) -> str | None:
    """Say in one line why a study has nothing for this analysis; None where it has."""
    return _reason(study, TARGETS)


def analyse(study: Study, *, targets: Sequence[float] = TARGETS, seed: int = 0) -> results.Result:
    """Split the variance of `correct` for all methods of a study with several augmentations.

    The result has a row for each method and target that was reached; see :func:`row`. Its arrays have one
    layer for each row of a method: `<method>.mean_counts` (row, example), correct answers out of N * M, sorted;
    and of the examples that are shown `<method>.shown` (row, shown), their places in that order, and
    `<method>.shown_counts` (row, shown, augmentation), correct answers out of N.

    Parameters
    ----------
    study
        What to read.
    targets
        Means of r_t at whose first epochs to look, 0 to 1.
    seed
        Seed of the bootstrap over training seeds.

    Raises
    ------
    UserError
        When no method has several augmentations, or none of those reaches a target.
    """
    if (reason := _reason(study, targets)) is not None:
        raise UserError(reason)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    several = augmented(study)
    for method in several:
        own = cases(study, method, "r", targets)
        if not own:
            continue
        rows += [row(case, np.random.default_rng([seed, case.epoch])) for case in own]
        layers = [_layer(case) for case in own]
        for name in layers[0]:
            arrays[f"{method}.{name}"] = np.stack([layer[name] for layer in layers])
    settings = {
        "targets": list(targets),
        "seed": seed,
        "one_augmentation": [method for method in study.methods if method not in several],
    }
    return results.Result(
        name="augmentations", rows=rows, inputs=study.inputs(), arrays=arrays, settings=settings
    )


def augmented(study: Study) -> list[str]:
    """Return the methods whose panel has several augmentations of each example."""
    return [method for method in study.methods if study.runs[method][0].shape[1] > 1]


def _reason(study: Study, targets: Sequence[float]) -> str | None:
    several = augmented(study)
    if not several:
        return (
            f"no method in study {study.name} has several augmentations of an example: "
            "train one with --panel-augmentations 2 or more"
        )
    highest, method = max((float(study.counts(method).mean.max()), method) for method in several)
    if highest < min(targets):
        return (
            f"no method with several augmentations in study {study.name} reaches a mean r_t of {min(targets)} "
            f"({method} gets to {highest:.3f}): train longer"
        )
    return None


def row(case: Case, rng: np.random.Generator) -> results.Row:
    """Return the components of one method's variance at one epoch, each with its interval."""
    found = variance_components(case.correct)
    low, high = component_intervals(case.correct, rng=rng)
    seeds, augmentations, examples = case.correct.shape
    values: results.Row = {
        "method": case.method,
        "target": case.target,
        "epoch": case.epoch,
        "seeds": seeds,
        "augmentations": augmentations,
        "examples": examples,
        "mean_r": case.p0,
    }
    for name in found._fields:
        column = name if name == "augmentation_share" else f"var_{name}"
        values[column] = float(getattr(found, name))
        values[f"{column}_low"] = float(getattr(low, name))
        values[f"{column}_high"] = float(getattr(high, name))
    return values


def _layer(case: Case) -> dict[str, np.ndarray]:
    """Return what the figure draws of one case."""
    examples = len(case.counts)
    order = np.argsort(case.counts, kind="stable")
    shown = np.arange(0, examples, max(1, round(examples / (SHOWN - 0.5))))
    single = case.correct.sum(axis=0, dtype=np.int32)[:, order[shown]]
    return {"mean_counts": case.counts[order], "shown": shown, "shown_counts": single.T}


def show(result: results.Result) -> None:
    """Print the variance of `correct`, part by part in percent, and the share between augmentations."""
    parts = ("example", "augmentation", "seed", "seed_by_example", "residual")
    lines = []
    for row_ in result.rows:
        values = [row_[f"var_{part}"] for part in parts]
        total = sum(values)
        lines.append(
            [row_["method"], row_["epoch"], row_["seeds"], f"{row_['mean_r']:.3f}"]
            + [f"{100 * value / total:.1f}" if total > 0 else "" for value in values]
            + [_rounded(row_["augmentation_share"])]
            + [_interval(row_["augmentation_share_low"], row_["augmentation_share_high"])]
        )
    columns = ["method", "epoch", "N", "E[r_t]", "example %", "augmentation %", "seed %", "seed x example %"]
    console.table(
        "what the variance of correct is made of; share: of the true variance of r~_t, between augmentations",
        [*columns, "rest %", "share", "95 % over seeds"],
        lines,
    )
    if any(row_[f"var_{part}"] < 0 for row_ in result.rows for part in parts):
        console.say("a negative part is an unbiased estimate of one near 0")
    if any(row_["seeds"] < 3 for row_ in result.rows):
        console.say("intervals need three seeds, and the split itself two")
    for method in result.settings["one_augmentation"]:
        console.say(f"{method} has one augmentation of each example: nothing to split")
    reached = {(row_["method"], row_["target"]) for row_ in result.rows}
    for method in result.inputs:
        absent = [t for t in result.settings["targets"] if (method, t) not in reached]
        if absent and method not in result.settings["one_augmentation"]:
            console.say(f"{method} never reaches a mean r_t of {', '.join(map(str, absent))}")


def _rounded(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _interval(low: float, high: float) -> str:
    return "" if np.isnan(low) else f"{low:.3f} to {high:.3f}"


def main() -> None:
    """Run the command."""
    where = tyro.cli(Where, prog="python -m analysis.augmentations", description=__doc__)
    study = open_study(where)
    result = analyse(study)
    show(result)
    results.save(result, where.results / study.name)


if __name__ == "__main__":
    console.run(main)
