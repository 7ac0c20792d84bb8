# SPDX-License-Identifier: Apache-2.0
"""How did every loss fall, term by term, and did the network collapse? The scalars of training, over seeds.

Training records after every epoch the loss that is minimised, its named terms (without their weights),
and the diagnostics of :mod:`dynamics.training.diagnostics`. Whether a network has collapsed after
its last epoch is decided seed by seed, by the thresholds of :mod:`analysis.statistics.collapse`.

python -m analysis.objectives
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.over_seeds import mean_sd
from analysis.framework.table import Column, Table
from analysis.statistics import collapse
from analysis.statistics.collapse import CollapseKind, Limits
from dynamics import snapshots
from dynamics.kinds import checked
from dynamics.names import encoder_label
from dynamics.study import Study

SPACES = {"embedding": "outputs", "feature": "features"}
"""Vectors whose collapse is measured: how scalars name them, and the setting that has their length."""
DIAGNOSTICS = (
    *(f"{space}_{what}" for space in SPACES for what in ("std", "std_min", "rank")),
    "embedding_scale",
    "alignment",
    "uniformity",
)
"""Names of the scalars of :mod:`dynamics.training.diagnostics`, which needs torch."""
RATES = ("learning_rate",)
STAGES = 8
"""Features of resnet18 for each channel of its first stage."""

COLUMNS: Mapping[str, str] = {
    **shared("method", "encoder", "epoch"),
    "scalar": "What was recorded: `loss`, a term of it, a diagnostic of collapse, `learning_rate`.",
    "mean": "Mean of the scalar over seeds, in its own units; empty where it is finite for none.",
    "sd": "Standard deviation of the scalar over seeds (divisor n - 1); empty for one seed.",
    "seeds": "Number of seeds for which it is finite.",
}
"""What the columns mean."""


def applies(study: Study) -> str | None:
    """Say in one line why a study has nothing here; None where it has scalars.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> applies(example_study()) is None
    True
    """
    if any(runs[0].scalars(runs[0].epochs[:1]) for runs in study.runs.values()):
        return None
    return (
        f"no run of study {study.name} recorded numbers per epoch (ingested runs have none): "
        "train seeds with python -m runners.seeds"
    )


@checked
def analyse(study: Study) -> results.Result:
    """Average the recorded scalars of every method over its seeds.

    The result has one row per method, epoch and scalar: `mean`, `sd` over seeds (None for a single one), and
    `seeds`, how many have a finite value; methods that recorded none are left out. Arrays: `<method>.<scalar>`
    (seed, epoch; NaN where a seed has no value) and `<method>.epochs`. Settings: `methods`, for each its
    encoder and sizes, and the names of its `terms` and `diagnostics`; `collapse`, one record for the features
    and, for methods of views, for the embedding of each method after its last epoch.

    Parameters
    ----------
    study
        The study.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> analyse(example_study()).table.query("method == 'simclr'")["mean"].round(1).tolist()
    [2.0, 1.8, 1.6, 1.4, 1.2, 1.0]
    """
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    settings: dict[str, Any] = {}
    collapsed: list[results.Row] = []
    for method in study.methods:
        recorded = study.scalars(method)
        scalars = {str(name): values.to_numpy() for name, values in recorded.items()}
        if not scalars:
            continue
        epochs = recorded["epoch"].to_numpy().tolist()
        settings[method] = about(study.runs[method][0], scalars)
        for name, values in scalars.items():
            rows += _rows(method, settings[method]["encoder"], epochs, name, values)
            arrays[f"{method}.{name}"] = values
        arrays[f"{method}.epochs"] = np.array(epochs, dtype=np.int64)
        collapsed += _collapse(method, settings[method], epochs[-1], scalars)
    inputs = {method: record for method, record in study.inputs().items() if method in settings}
    return results.Result(
        name="objectives",
        rows=rows,
        inputs=inputs,
        arrays=arrays,
        settings={"methods": settings, "collapse": collapsed},
    )


def about(run: snapshots.Run, scalars: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what figures and verdicts need to know about a method's runs; None where it was not recorded.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> run = example_study().runs["supervised"][0]
    >>> found = about(run, run.scalars())
    >>> found["examples"], found["classes"], found["terms"]
    (30, 3, ['loss'])
    """
    config = run.config
    terms = [name for name in scalars if name not in (*DIAGNOSTICS, *RATES)]
    features = {"n1": 256, "resnet18": STAGES * config.get("width", 0)}.get(config.get("encoder", ""))
    of_views = "embedding_std" in scalars
    labels = run.labels
    return {
        "encoder": config.get("encoder"),
        "width": config.get("width"),
        "examples": run.shape[2],
        "features": features,
        "outputs": output_dimensions(config, features),
        "classes": None if of_views or labels is None else len(np.unique(labels)),
        "terms": sorted(terms, key=lambda name: name != "loss"),
        "diagnostics": [name for name in DIAGNOSTICS if name in scalars],
    }


def output_dimensions(config: Mapping[str, Any], features: int | None) -> int | None:
    """Return the length of embeddings, by a method's recipe: `embedding`, or the last layer of `projector`.

    Examples
    --------
    >>> output_dimensions({"embedding": 128}, 512), output_dimensions({"projector": [32, 16]}, 512)
    (128, 16)
    """
    if "embedding" in config:
        return int(config["embedding"])
    if "projector" in config:
        return int(config["projector"][-1]) if config["projector"] else features
    return None


def _rows(
    method: str,
    encoder: str | None,
    epochs: Sequence[int],
    name: str,
    values: Float64[np.ndarray, "seed epoch"],
) -> list[results.Row]:
    rows = []
    for epoch, column in zip(epochs, values.T, strict=True):
        mean, sd = mean_sd(column)
        row: results.Row = {"method": method, "encoder": encoder, "epoch": epoch, "scalar": name}
        rows.append({**row, "mean": mean, "sd": sd, "seeds": int(np.isfinite(column).sum())})
    return rows


def _collapse(
    method: str, own: Mapping[str, Any], epoch: int, scalars: Mapping[str, np.ndarray]
) -> list[results.Row]:
    """Judge from the panel whether a method's networks have collapsed after their last epoch."""
    rows = []
    for space, length in SPACES.items():
        if f"{space}_std" not in own["diagnostics"] or f"{space}_rank" not in own["diagnostics"]:
            continue
        last = {name: scalars[f"{space}_{name}"][:, -1] for name in ("std", "rank")}
        limit = _limit(own, own[length], labelled=space == "feature")
        found = collapse.kinds(last["std"], last["rank"], limit)
        row: results.Row = {"method": method, "encoder": own["encoder"], "space": space, "epoch": epoch}
        row |= {name: float(values.mean()) for name, values in last.items()}
        scale = scalars.get(f"{space}_scale")
        row["scale"] = None if scale is None else float(scale[:, -1].mean())
        row["largest_rank"] = None if limit is None else limit.largest
        row["rank_limit"] = None if limit is None else limit.rank
        verdict = collapse.verdict(found)
        if limit is None and verdict == CollapseKind.NONE:
            verdict = "not complete"  # the recipe does not say how long embeddings are: ranks decide nothing
        rows.append({**row, "seeds": len(found), "verdict": verdict})
    return rows


def _limit(own: Mapping[str, Any], dimensions: int | None, *, labelled: bool) -> Limits | None:
    if dimensions is None:
        return None
    classes = own["classes"] if labelled else None
    return collapse.limits(examples=own["examples"], dimensions=dimensions, classes=classes)


RULE = (
    f"complete: std below {collapse.COMPLETE_STD}; dimensional: rank below "
    f"{100 * collapse.DIMENSIONAL_SHARE:.0f} % of min(K, d), or, trained on labels, "
    f"below {100 * collapse.DIMENSIONAL_CLASSES:.0f} % of the number of classes; a scale near 0 beside another run's "
    "says that all embeddings shrank to a point"
)
"""The rule of :mod:`analysis.statistics.collapse`, in one line."""


class RecordedScalars(NamedTuple):
    """What training recorded, by where it was recorded."""

    rows: Mapping[tuple[str, str, int], results.Row]
    """By method, scalar and epoch."""
    ends: Mapping[str, tuple[int, int]]
    """First and last epoch of each method."""

    @classmethod
    def of(cls, result: results.Result) -> "RecordedScalars":
        """Look up the rows of a result."""
        epochs: dict[str, list[int]] = {}
        for row in result.rows:
            epochs.setdefault(row["method"], []).append(row["epoch"])
        rows = {(row["method"], row["scalar"], row["epoch"]): row for row in result.rows}
        return cls(rows, {method: (min(own), max(own)) for method, own in epochs.items()})


def tables(result: results.Result) -> list[Table]:
    """Return `losses` with their terms and `diagnostics`, at the first and last epochs, and `collapse`, the verdicts.

    Scalars that no method recorded are left out.

    Examples
    --------
    >>> from analysis.framework.example import example_study
    >>> [table.key for table in tables(analyse(example_study()))]
    ['losses']
    """
    recorded = RecordedScalars.of(result)
    made = [_losses(result, recorded), _diagnostics(result, recorded), _verdicts(result)]
    return [table for table in made if table.rows]


def _losses(result: results.Result, recorded: RecordedScalars) -> Table:
    rows: list[results.Row] = []
    for method, own in result.settings["methods"].items():
        ends = recorded.ends[method]
        for term in own["terms"]:
            first, last = (recorded.rows[method, term, epoch] for epoch in ends)
            row = {"method": method, "term": term, "seeds": last["seeds"]}
            row["encoder"] = encoder_label(own["encoder"], own["width"])
            row |= {"first": ends[0], "first_mean": first["mean"], "first_sd": first["sd"]}
            rows.append({**row, "last": ends[1], "last_mean": last["mean"], "last_sd": last["sd"]})
    columns = [
        Column("method", "method", "method"),
        Column("encoder", "encoder"),
        Column("seeds", "N", "d"),
        Column("term", "term"),
        Column("first", "first t", "d"),
        Column("first_mean", "value", "digits", "first_sd"),
        Column("last", "last t", "d"),
        Column("last_mean", "value", "digits", "last_sd"),
    ]
    caption = "loss and its terms (without their weights), mean ± sd over seeds"
    return Table(key="losses", caption=caption, columns=columns, rows=rows)


MEASURED = (
    Column("embedding_std", "std of embeddings", ".3f"),
    Column("embedding_rank", "RankMe of embeddings", ".1f"),
    Column("alignment", "Wang-Isola alignment", ".3f"),
    Column("uniformity", "uniformity", ".2f"),
    Column("feature_std", "std of features", ".3f"),
    Column("feature_rank", "RankMe of features", ".1f"),
)
"""Diagnostics in the table."""


def _diagnostics(result: results.Result, recorded: RecordedScalars) -> Table:
    rows: list[results.Row] = []
    for method, own in result.settings["methods"].items():
        if not own["diagnostics"]:
            continue
        for epoch in dict.fromkeys(recorded.ends[method]):
            found = {
                column.key: recorded.rows.get((method, column.key, epoch), {}).get("mean")
                for column in MEASURED
            }
            rows.append({"method": method, "epoch": epoch, **found})
    columns = [Column("method", "method", "method"), Column("epoch", "t", "d"), *MEASURED]
    caption = (
        "diagnostics on the panel, means over seeds; std 1: spread evenly over the sphere, 0: one direction"
    )
    return Table(key="diagnostics", caption=caption, columns=columns, rows=rows)


def _verdicts(result: results.Result) -> Table:
    columns = [
        Column("method", "method", "method"),
        Column("space", "of"),
        Column("seeds", "N", "d"),
        Column("epoch", "t", "d"),
        Column("scale", "scale", ".3f"),
        Column("std", "std", ".3f"),
        Column("rank", "RankMe", ".1f"),
        Column("rank_limit", "collapsed below", ".1f"),
        Column("verdict", "collapse"),
    ]
    return Table(
        key="collapse",
        caption="collapse after the last epoch, means over seeds",
        columns=columns,
        rows=result.settings["collapse"],
        notes=[RULE],
    )


if __name__ == "__main__":
    main("objectives")
