# SPDX-License-Identifier: Apache-2.0
"""Who memorises, who learns? The same networks' answers on training images and on held-out test images.

After every epoch test images are scored under the panel's augmentations. The gap of the means is what was memorised
about the training images; the ratio is what of the learning, above chance, holds for new ones: near 1 a method learns,
near 0 it memorises. Methods trained on permuted labels are asked for permuted ones on test images, too: chance.

With mates, training images are looked up among training images, and held-out ones among held-out ones.

python -m analysis.generalization
"""

import numpy as np

from analysis.framework import results
from analysis.framework.command import main
from analysis.framework.table import Column, Table, spread_over
from analysis.statistics.generalization_gap import generalization_gap
from dynamics.answers import batch_of
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import counted, label
from dynamics.study import Study

HALF = 0.5
"""A method learns if more than this part of its answers above chance holds for new images, and memorises below it."""
KINDS = ("these_examples", "examples_like_these")


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
        f"no method in study {study.name} was scored on held-out images: train one with `held_out_examples`"
    )


def _methods(study: Study) -> list[str]:
    return [
        method
        for method in study.methods
        if all("held_out_correct" in run.recorded for run in study.runs[method])
    ]


@checked
def analyse(study: Study, *, mates: Mates | None = None) -> results.Result:
    """Compare E[r_t] on training and on held-out examples, for all methods that were scored on both, and epochs.

    The result has a row for each method and epoch. `ratio` and its intervals are None where the answers on training
    examples are not clearly above chance; `verdict` is "learns", "memorises", or "between".

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
        When no method was scored on held-out images.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> analyse(example_study()).table.groupby("method")["gap"].last().round(1).to_dict()
    {'simclr': 0.1, 'supervised': 0.1}
    """
    study = study.with_mates(mates)
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    rows: list[results.Row] = []
    for method in _methods(study):
        used, chance = study.in_training(method), chance_of(study, method)
        both = zip(study.answers(method), study.answers(method, held_out=True), strict=True)
        for (epoch, right), (_, held_out) in both:
            one, other = (values[:, 0].mean(axis=1, dtype=np.float64) for values in (right, held_out))
            found = row(one, other, chance, used)
            rows.append({"method": method, "epoch": epoch, "seeds": len(right), **found})
    return results.Result(
        name="generalization", rows=rows, inputs=study.inputs(), settings={"mates": study.mates}
    )


def chance_of(study: Study, method: str) -> float | None:
    """Return what answers at random get: one of the labels, or one of the 2 B - 1 other views; None if unknown.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> round(chance_of(example_study(), "supervised"), 3), round(chance_of(example_study(), "simclr"), 3)
    (0.333, 0.053)
    """
    run = study.runs[method][0]
    if study.has_mates(method):
        return 1 / (2 * batch_of(run) - 1)
    classes, labels = run.provenance.get("classes"), run.labels
    if classes is None and labels is not None:
        classes = np.unique(labels)
    return None if classes is None else 1 / len(classes)


def row(
    trained: np.ndarray, held_out: np.ndarray, chance: float | None, in_training: np.ndarray
) -> results.Row:
    """Return the numbers of one epoch, from the mean answers (seed, example) on both panels.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trained, held_out = (rng.binomial(3, p, size=(8, 100)) / 3 for p in (0.9, 0.3))
    >>> found = row(trained, held_out, 0.1, np.ones(trained.shape, dtype=bool))
    >>> found["verdict"], round(found["ratio"], 1)
    ('memorises', 0.3)
    """
    found = generalization_gap(
        trained, held_out, chance=np.nan if chance is None else chance, in_training=in_training
    )
    values: results.Row = {
        "trained_examples": trained.shape[1],
        "held_out_examples": held_out.shape[1],
        "mean_r": found.trained,
        "mean_r_held_out": found.held_out,
        "chance": chance,
        "gap": found.gap,
        "ratio": found.ratio,
    }
    for name, intervals in (("gap", found.gap_intervals), ("ratio", found.ratio_intervals)):
        for kind, (low, high) in zip(KINDS, intervals, strict=True):
            values[f"{name}_{kind}_low"], values[f"{name}_{kind}_high"] = float(low), float(high)
    if chance is None or not clearly_above(trained, in_training, chance):
        values |= dict.fromkeys(name for name in values if name.startswith("ratio"))
    return {**values, "verdict": _verdict(values)}


def clearly_above(trained: np.ndarray, in_training: np.ndarray, chance: float) -> bool:
    """Whether every seed's mean on training examples is above chance by more than three standard errors of chance.

    Examples
    --------
    >>> answers = np.full((3, 100), 0.15)
    >>> clearly_above(answers, answers > 0, 0.1), clearly_above(answers, answers > 0, 0.01)
    (False, True)
    """
    counts = in_training.sum(axis=1)
    means = (trained * in_training).sum(axis=1) / counts
    return bool((means > chance + 3 * np.sqrt(chance * (1 - chance) / counts)).all())


def _verdict(values: results.Row) -> str | None:
    low, high = (values[f"ratio_examples_like_these_{end}"] for end in ("low", "high"))
    if low is None or np.isnan(low):
        return None
    return "learns" if low > HALF else "memorises" if high < HALF else "between"


def tables(result: results.Result) -> list[Table]:
    """Return each method at its first, middle and last epochs.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study()))[0].notes
    ['SimCLR: 30 training and 30 held-out examples', 'supervised: 30 training and 30 held-out examples']
    """
    rows, notes = [], []
    for method in dict.fromkeys(row["method"] for row in result.rows):
        own = [row for row in result.rows if row["method"] == method]
        rows += [own[place] for place in spread_over(len(own), 4)]
        notes.append(
            f"{label(method)}: {own[0]['trained_examples']} training and "
            f"{counted(own[0]['held_out_examples'], 'held-out example')}"
        )
    if any(row["seeds"] == 1 for row in rows):
        notes.append("intervals need two seeds")
    columns = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("mean_r", "E[r_t], training", ".3f"),
        Column("mean_r_held_out", "held out", ".3f"),
        Column("chance", "chance", ".3f"),
        Column("gap", "gap", ".3f"),
        Column("gap_these_examples", "95 %, these examples", "interval"),
        Column("gap_examples_like_these", "95 %, examples like these", "interval"),
        Column("ratio", "ratio", ".2f"),
        Column("ratio_examples_like_these", "95 %, examples like these", "interval"),
        Column("verdict", ""),
    ]
    caption = (
        "who memorises, who learns? gap: E[r_t] on training less that on held-out examples; ratio: of what is above "
        f"chance on training examples, the part that holds for held-out ones (learns: above {HALF}, memorises: below)"
    )
    return [Table(caption=caption, columns=columns, rows=rows, notes=notes)]


if __name__ == "__main__":
    main("generalization")
