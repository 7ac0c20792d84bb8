# SPDX-License-Identifier: Apache-2.0
"""What is known of each example? One row an example: its class, and for every method how it was learnt.

For every method r_t at the last epoch with an interval over seeds, the difficulty scores of analysis.scores (means over
seeds), and where seeds left examples out its memorisation m. A score's reliability is in scores.csv: with few seeds the
hardest of many examples is in part the one with the worst luck.

python -m analysis.examples
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from scipy import stats

from analysis.correlation import why_not_comparable
from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.table import Column, Table
from analysis.scores import difficulty_of
from analysis.statistics.difficulty import HARD, title
from analysis.statistics.jackknife import Interval
from analysis.statistics.memorization import memorization
from dynamics import snapshots
from dynamics.ingest import scores_of_others
from dynamics.kinds import checked
from dynamics.names import counted, label
from dynamics.study import Study

SHOWN = 10
"""Number of the hardest examples that are printed."""

COLUMNS: Mapping[str, str] = {
    "panel": "Method whose panel the example is of; a column only where methods cannot be compared.",
    **shared("example", "id"),
    "occurrence": "How often the example has come up in the panel, from 1; above 1 only if drawn with replacement.",
    **shared("class"),
    "true_label": "Number of the true class.",
    "<method>.r": "r_t of the method after its last epoch, 0 to 1.",
    "<method>.r_low": "Lower 95 % limit of the method's r for other seeds (Agresti and Coull).",
    "<method>.r_high": "Upper 95 % limit of the method's r for other seeds (Agresti and Coull).",
    "<method>.area": "Mean over epochs of the method's being right, 0 to 1; low: hard.",
    "<method>.first_learned": "First epoch at which the method is right, T + 1 for never; high: hard.",
    "<method>.learned_for_good": "First epoch from which on the method stays right, T + 1 for never; high: hard.",
    "<method>.forgetting": "Number of right answers followed by a wrong one, T if none was right; high: hard.",
    "<method>.iteration_learned": "First epoch from which on the method's answer is its last one; high: hard.",
    "<method>.confidence": "Mean over epochs of the method's probability of the label, 0 to 1; low: hard.",
    "<method>.variability": "Standard deviation over epochs of the method's probability of the label, 0 to 1/2.",
    "<method>.aum": "Mean over epochs of the method's margin; low: hard.",
    "<method>.el2n": "Norm of the method's error after a tenth of its epochs, 0 to the root of 2; high: hard.",
    "<method>.loss_rank": "Mean over epochs of the rank of the method's loss among examples, 0 to 1; high: hard.",
    "<method>.m": "m of the method after its last epoch: r of seeds trained on the example less r of the others.",
    "<method>.label": "Number of the class that the method was trained on.",
    "others.<score>": "Score of the example that others computed, taken in by `runners.ingest --scores`.",
}
"""What the columns mean; those of methods are means over seeds, and empty where a method has none."""


@checked
def analyse(study: Study) -> results.Result:
    """Collect all that is known of every example of the panel.

    The result has a row for each example: `example` (index in the training images), `occurrence` (from 1; a panel drawn
    with replacement may hold an example twice), `id` where examples have names, `class`, `true_label`, and for every
    method `<method>.label` (trained on), `<method>.r`, `.r_low`, `.r_high` and the scores that its arrays allow; None
    where a method has none. `others.<score>` are scores that others computed (`runners.ingest --scores`).
    Examples of methods that cannot be compared have rows of their own, and `panel` says of which method they are.

    Parameters
    ----------
    study
        The study.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> row = analyse(example_study()).rows[0]
    >>> row["example"], row["class"], row["simclr.r"], row["supervised.r"]
    (0, '0', 1.0, 1.0)
    """
    study = study.complete()
    by_key: dict[tuple[int, int, int], results.Row] = {}
    groups: list[str] = []
    columns: list[str] = []
    for method in study.methods:
        own = _of_method(study, method)
        columns += [name for name in own if name not in columns]
        same = (at for at, first in enumerate(groups) if why_not_comparable(study, first, method) is None)
        if (group := next(same, len(groups))) == len(groups):
            groups.append(method)
        run = study.runs[method][0]
        for place, (key, known) in enumerate(zip(keys(run.examples), known_of(run), strict=True)):
            row = by_key.setdefault(
                (group, *key), {"panel": groups[group], "example": key[0], "occurrence": key[1]}
            )
            row |= known
            row |= {name: _plain(values[place]) for name, values in own.items()}
    others = scores_of_others(study.folder)
    if others is not None:
        columns += [f"others.{name}" for name in others.columns]
        for row in by_key.values():
            if (name := str(row.get("id", row["example"]))) in others.index:
                row |= {f"others.{score}": _plain(value) for score, value in others.loc[name].items()}
    several = ["panel"] if len(groups) > 1 else []
    named = ["id"] if any("id" in row for row in by_key.values()) else []
    fixed = (*several, "example", *named, "occurrence", "class", "true_label")
    names = [*fixed, *columns]
    rows = [{name: by_key[key].get(name) for name in names} for key in sorted(by_key)]
    return results.Result(name="examples", rows=rows, inputs=study.inputs(), parquet=True)


def keys(examples: Int64[np.ndarray, " example"]) -> list[tuple[int, int]]:
    """Return the index of each example, and how often it has come up, from 1.

    Examples
    --------
    >>> keys(np.array([7, 3, 7]))
    [(7, 1), (3, 1), (7, 2)]
    """
    seen: Counter[int] = Counter()
    found = []
    for example in examples.tolist():
        seen[example] += 1
        found.append((example, seen[example]))
    return found


def _of_method(study: Study, method: str) -> dict[str, np.ndarray]:
    *_, (_, state) = difficulty_of(study, method)
    last = study.indicators(method, [int(study.counts(method).epochs[-1])])[:, 0, 0].mean(axis=1)
    low, high = seed_interval(last)
    found: dict[str, np.ndarray] = {"r": last.mean(axis=0), "r_low": low, "r_high": high}
    found |= {name: values.mean(axis=0) for name, values in state.scores().items()}
    seen = study.in_training(method)
    if not seen.all():
        found["m"] = memorization(last.astype(np.float64), seen).m
    labels = study.runs[method][0].labels
    if labels is not None:
        found["label"] = labels
    return {f"{method}.{name}": values for name, values in found.items()}


def known_of(run: snapshots.Run) -> list[results.Row]:
    """Return what is known of each example of a run's panel: `id`, `true_label` and `class`, as far as it is.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> known_of(example_study().runs["supervised"][0])[4]
    {'true_label': 1, 'class': '1'}
    """
    labels = run.labels if run.true_labels is None else run.true_labels
    rows: list[results.Row] = [{} for _ in range(run.shape[2])]
    for row, name in zip(rows, run.ids or (), strict=False):
        row["id"] = name
    for row, true in zip(rows, () if labels is None else labels.tolist(), strict=False):
        row |= {"true_label": true, "class": class_name(run, true)}
    return rows


def class_name(run: snapshots.Run, label: int) -> str:
    """Return the name of a label's class; its number where the run recorded no names.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> class_name(example_study().runs["supervised"][0], 2)
    '2'
    """
    names = run.provenance.get("classes")
    return str(names[label] if names and label < len(names) else label)


def _plain(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(number, float) and np.isnan(number) else number


def seed_interval(answers: Float[np.ndarray, "seed example"], *, level: float = 0.95) -> Interval:
    """Return the interval of each example's r, for other seeds: Agresti and Coull's, of N seeds.

    (1998, The American Statistician 52:119.) Two right and two wrong answers are added, so that it holds for few seeds,
    too; it is conservative for answers that average several augmentations.

    Parameters
    ----------
    answers
        Each seed's answers, 0 to 1, averaged over augmentations.
    level
        The coverage aimed at, between 0 and 1.

    Examples
    --------
    >>> low, high = seed_interval(np.ones((8, 1)))
    >>> round(float(low[0]), 2), round(float(high[0]), 2)
    (0.63, 1.0)
    """
    z = stats.norm.isf((1 - level) / 2)
    trials = len(answers) + z**2
    p = (answers.sum(axis=0) + z**2 / 2) / trials
    half = z * np.sqrt(p * (1 - p) / trials)
    return Interval(np.clip(p - half, 0, 1), np.clip(p + half, 0, 1))


def tables(result: results.Result) -> list[Table]:
    """Return the examples that are learnt last, by the area of all methods together.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> tables(analyse(example_study()))[0].rows[0]["example"]
    11
    """
    methods = [name.removesuffix(".area") for name in result.rows[0] if name.endswith(".area")]

    def area(row: results.Row) -> float:
        return float(
            np.mean([row[f"{method}.area"] for method in methods if row[f"{method}.area"] is not None])
        )

    rows = sorted(result.rows, key=area)[:SHOWN]
    columns = [
        *([Column("panel", "panel", "method")] if "panel" in result.rows[0] else []),
        Column("example", "example", "d"),
        *([Column("id", "id")] if "id" in result.rows[0] else []),
        Column("class", "class"),
        *(Column(f"{method}.r", f"r, {label(method)}", ".2f") for method in methods),
        *(Column(f"{method}.area", f"area, {label(method)}", ".2f") for method in methods),
    ]
    caption = (
        f"learnt last of all, by the mean of the areas: {counted(len(rows), 'example')} (examples.csv has all, and all "
        "scores)"
    )
    hardest = Table(caption=caption, columns=columns, rows=rows)
    return [hardest, *_with_others(result)]


def _with_others(result: results.Result) -> list[Table]:
    """Return how scores of others correlate with the study's own."""
    frame = result.table
    theirs = [name for name in frame.columns if name.startswith("others.")]
    ours = [name for name in frame.columns if name.rpartition(".")[2] in HARD and name not in theirs]
    rows = [
        {
            "theirs": other.removeprefix("others."),
            "method": own.rpartition(".")[0],
            "score": title(own.rpartition(".")[2]),
        }
        | {"examples": len(both), "rho": float(both.corr("spearman").iloc[0, 1]) if len(both) > 2 else None}
        for other in theirs
        for own in ours
        for both in [frame[[other, own]].astype(float).dropna()]
    ]
    if not rows:
        return []
    columns = [
        Column("theirs", "score of others"),
        Column("method", "method", "method"),
        Column("score", "score"),
        Column("examples", "examples", "d"),
        Column("rho", "Spearman", ".2f"),
    ]
    caption = (
        "rank correlation over examples of scores that others computed with the means over this study's seeds"
    )
    return [Table(key="others", caption=caption, columns=columns, rows=rows)]


if __name__ == "__main__":
    main("examples")
