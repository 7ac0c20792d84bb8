# SPDX-License-Identifier: Apache-2.0
"""Who memorises, who learns? The same networks' answers on training images and on held-out test images.

After every epoch test images are scored under the panel's augmentations. The gap of the means is what was memorised
about the training images. The ratio is what held-out images gained by training over what training images gained: near
1 a method learns, near 0 it memorises. What was there without learning is not counted: for views the answers of the
untrained network, for labels those of always giving the commonest one. Methods trained on permuted labels are asked for
permuted ones on test images, too.

With mates, training images are looked up among training images, and held-out ones among held-out ones.

python -m analysis.generalization
"""

from collections.abc import Mapping

import numpy as np

from analysis.framework import results
from analysis.framework.columns import ends_of, shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table, spread_over, wider_of_two
from analysis.framework.without_learning import answers_without_learning
from analysis.statistics.generalization_gap import Gap, generalization_gap
from dynamics.errors import UserError
from dynamics.kinds import checked
from dynamics.mates import Mates
from dynamics.names import counted, label
from dynamics.study import Study

HALF = 0.5
"""A method learns if more than this part of what it gained holds for new images, and memorises below it."""
FEWEST_SEEDS, FEWEST_EXAMPLES = 3, 8
"""Fewer of either give no verdict: their intervals are too narrow."""

COLUMNS: Mapping[str, str] = {
    **shared("method", "epoch", "seeds"),
    "trained_examples": "Number of examples of the panel.",
    "held_out_examples": "Number of held-out examples.",
    "mean_r": "E[r_t] on the examples of the panel that each seed was trained on, 0 to 1.",
    "mean_r_held_out": "E[r_t] on held-out examples, 0 to 1.",
    "before": "`mean_r` without learning: of untrained networks, or of the commonest label; empty if unknown.",
    "before_held_out": "`mean_r_held_out` without learning.",
    "gap": "`mean_r` less `mean_r_held_out`, -1 to 1: 0 where nothing is memorised.",
    "ratio": "Gain of held-out over that of training examples: 1 learnt, 0 memorised; empty without verdict.",
    **ends_of("gap"),
    **ends_of("ratio"),
    "verdict": "`learns` (interval of `ratio` above 1/2), `memorises` (below it) or `between`; empty for none.",
    "why_not": "Why there is no verdict; empty where there is one.",
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
    if study.kept is not None:
        return "a chosen part of the panel is not set against all held-out images: leave out `keep`"
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

    The result has a row for each method and epoch. `verdict` is "learns", "memorises", or "between"; where there is
    none, `why_not` says why.

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
    study = study.with_mates(mates).complete()
    if (reason := applies(study)) is not None:
        raise UserError(reason)
    rows: list[results.Row] = []
    for method in _methods(study):
        used, before = study.in_training(method), _before(study, method)
        both = zip(study.answers(method), study.answers(method, held_out=True), strict=True)
        for (epoch, right), (_, held_out) in both:
            one, other = (values[:, 0].mean(axis=1, dtype=np.float64) for values in (right, held_out))
            found = row(one, other, before, used)
            rows.append({"method": method, "epoch": epoch, "seeds": len(right), **found})
    return results.Result(
        name="generalization", rows=rows, inputs=study.inputs(), settings={"mates": study.mates}
    )


def _before(study: Study, method: str) -> tuple[np.ndarray, np.ndarray] | None:
    trained = answers_without_learning(study, method)
    held_out = answers_without_learning(study, method, held_out=True)
    return None if trained is None or held_out is None else (trained, held_out)


def row(
    trained: np.ndarray,
    held_out: np.ndarray,
    before: tuple[np.ndarray, np.ndarray] | None,
    in_training: np.ndarray,
) -> results.Row:
    """Return the numbers of one epoch, from the mean answers (seed, example) on both panels.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trained, held_out = (rng.binomial(3, p, size=(8, 100)) / 3 for p in (0.9, 0.3))
    >>> found = row(trained, held_out, (np.full((8, 100), 0.1),) * 2, np.ones(trained.shape, dtype=bool))
    >>> found["verdict"], round(found["ratio"], 1)
    ('memorises', 0.3)
    """
    found = generalization_gap(trained, held_out, before=before, in_training=in_training)
    values: results.Row = {
        "trained_examples": trained.shape[1],
        "held_out_examples": held_out.shape[1],
        "mean_r": found.trained,
        "mean_r_held_out": found.held_out,
        "before": found.before[0],
        "before_held_out": found.before[1],
        "gap": found.gap,
        "ratio": found.ratio,
    }
    values |= found.gap_intervals.columns("gap") | found.ratio_intervals.columns("ratio")
    why_not = _why_not(found, trained, held_out)
    if why_not is not None:
        values |= dict.fromkeys(name for name in values if name.startswith("ratio"))
        return {**values, "verdict": None, "why_not": why_not}
    low, high = (values[f"ratio_examples_like_these_{end}"] for end in ("low", "high"))
    verdict = "learns" if low > HALF else "memorises" if high < HALF else "between"
    return {**values, "verdict": verdict, "why_not": None}


def _why_not(found: Gap, trained: np.ndarray, held_out: np.ndarray) -> str | None:
    """Say why there is no verdict; None where there is one."""
    if len(trained) < FEWEST_SEEDS:
        return "fewer than three seeds"
    if min(trained.shape[1], held_out.shape[1]) < FEWEST_EXAMPLES:
        return "too few examples"
    if np.isnan(found.before[0]):
        return "what it answers without learning is not known"
    if not found.gain.low > 0:
        return "it has not clearly gained anything"
    return "nothing varies" if np.isnan(found.ratio_intervals.examples_like_these.low) else None


def tables(result: results.Result) -> list[Table]:
    """Return each method at its first, middle and last epochs.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study()))[0].notes[0]
    'SimCLR: 30 training and 30 held-out examples'
    """
    rows, notes = [], []
    for method, own in result.by_method.items():
        rows += [own[place] for place in spread_over(len(own), 4)]
        notes.append(
            f"{label(method)}: {own[0]['trained_examples']} training and "
            f"{counted(own[0]['held_out_examples'], 'held-out example')}"
        )
    notes += wider_of_two(rows)
    if any(row["seeds"] == 1 for row in rows):
        notes.append("intervals need two seeds, a verdict three")
    columns = [
        Column("method", "method", "method"),
        Column("epoch", "t", "d"),
        Column("mean_r", "E[r_t], training", ".3f"),
        Column("mean_r_held_out", "held out", ".3f"),
        Column("before", "without learning", ".3f"),
        Column("gap", "gap", ".3f"),
        Column("gap_these_examples", "95 %, these examples", "interval"),
        Column("gap_examples_like_these", "95 %, examples like these", "interval"),
        Column("ratio", "ratio", ".2f"),
        Column("ratio_examples_like_these", "95 %, examples like these", "interval"),
        Column("verdict", "verdict"),
        Column("why_not", "no verdict"),
    ]
    caption = (
        "who memorises, who learns? gap: E[r_t] on training less that on held-out examples; ratio: what held-out ones "
        f"gained by training over what training ones gained (learns: above {HALF}, memorises: below); without "
        "learning: of the untrained network, or always the commonest label"
    )
    return [Table(caption=caption, columns=columns, rows=rows, notes=notes)]


if __name__ == "__main__":
    main("generalization")
