# SPDX-License-Identifier: Apache-2.0
"""How did every objective fall, term by term, and did the network collapse: the scalars of training, over seeds.

What training recorded after every epoch, over seeds: the loss that was descended and its named terms (without
their weights), and the diagnostics of :mod:`dynamics.training.diagnostics`. Whether a network has collapsed after its last
epoch is decided seed by seed, by the thresholds of :mod:`analysis.statistics.collapse`.

python -m analysis.objectives
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tyro
from jaxtyping import Float64

from analysis.framework import console, results
from analysis.framework.where import Where, open_study
from analysis.statistics import collapse
from analysis.statistics.collapse import Kind, Limits
from dynamics import snapshots
from dynamics.study import Study

__all__ = ["analyse", "applies", "show"]

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


def applies(study: Study) -> str | None:
    """Say in one line why a study has nothing here; None where it has scalars."""
    if any(runs[0].scalars(runs[0].epochs[:1]) for runs in study.runs.values()):
        return None
    return f"no run of study {study.name} recorded numbers per epoch (ingested runs have none)"


def analyse(study: Study) -> results.Result:
    """Average the recorded scalars of every method over its seeds.

    The result has one row a method, epoch and scalar: `mean`, `sd` over seeds (None for a single one), and
    `seeds`, how many have a finite value; methods that recorded none are left out. Arrays: `<method>.<scalar>`
    (seed, epoch; NaN where a seed has no value) and `<method>.epochs`. Settings: `methods`, for each its
    encoder and sizes, and the names of its `terms` and `diagnostics`; `collapse`, one record for the features
    and, for methods of views, for the embedding of each method after its last epoch.

    Parameters
    ----------
    study
        What to read.
    """
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    settings: dict[str, Any] = {}
    collapsed: list[results.Row] = []
    for method in study.methods:
        runs = study.runs[method]
        epochs = snapshots.common_epochs(runs)
        scalars = read_scalars(runs, epochs)
        if not scalars:
            continue
        settings[method] = about(runs[0], scalars)
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


def read_scalars(
    runs: Sequence[snapshots.Run], epochs: Sequence[int]
) -> dict[str, Float64[np.ndarray, "seed epoch"]]:
    """Return every scalar that a seed recorded; NaN stands for the seeds that did not."""
    found = [run.scalars(epochs) for run in runs]
    names = dict.fromkeys(name for own in found for name in own)
    absent = np.full(len(epochs), np.nan)
    return {name: np.stack([own.get(name, absent) for own in found]) for name in names}


def about(run: snapshots.Run, scalars: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what figures and verdicts need to know about a method's runs; None where a run does not say."""
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
    """Return the length of embeddings, by a method's recipe: `embedding`, or the last layer of `projector`."""
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
        known = column[np.isfinite(column)]
        row: results.Row = {"method": method, "encoder": encoder, "epoch": epoch, "scalar": name}
        row["mean"] = float(known.mean()) if len(known) else None
        row["sd"] = float(known.std(ddof=1)) if len(known) > 1 else None
        rows.append({**row, "seeds": len(known)})
    return rows


def _collapse(
    method: str, own: Mapping[str, Any], epoch: int, scalars: Mapping[str, np.ndarray]
) -> list[results.Row]:
    """Judge what a method's networks made of the panel after their last epoch."""
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
        row |= {
            "largest_rank": None,
            "rank_limit": None,
        }  # of a recipe that does not say how long embeddings are
        if limit is not None:
            row |= {"largest_rank": limit.largest, "rank_limit": limit.rank}
        verdict = collapse.verdict(found)
        if limit is None and verdict == Kind.NONE:
            verdict = "not complete"
        rows.append({**row, "seeds": len(found), "verdict": verdict})
    return rows


def _limit(own: Mapping[str, Any], dimensions: int | None, *, labelled: bool) -> Limits | None:
    if dimensions is None:
        return None
    classes = own["classes"] if labelled else None
    return collapse.limits(examples=own["examples"], dimensions=dimensions, classes=classes)


def show(result: results.Result) -> None:
    """Print the loss and its terms at first and last, and the verdicts on collapse."""
    known = {(row["method"], row["scalar"], row["epoch"]): row for row in result.rows}
    lines = []
    for method, own in result.settings["methods"].items():
        first, last = (int(result.arrays[f"{method}.epochs"][at]) for at in (0, -1))
        for term in own["terms"]:
            ends = [known[method, term, epoch] for epoch in (first, last)]
            lines.append(
                [method, own["encoder"], ends[1]["seeds"], term, f"{first} to {last}"]
                + [_spread(row["mean"], row["sd"]) for row in ends]
            )
    columns = ["method", "encoder", "N", "term", "epochs", "first", "last"]
    console.table("loss and its terms, mean ± sd over seeds", columns, lines)
    if result.settings["collapse"]:
        _show_collapse(result.settings["collapse"])


def _show_collapse(rows: Sequence[results.Row]) -> None:
    console.table(
        "collapse after the last epoch, means over seeds",
        ["method", "of", "N", "epoch", "scale", "std", "rank", "collapsed below", "collapse"],
        [
            [row["method"], row["space"], row["seeds"], row["epoch"]]
            + [_number(row["scale"], 3), _number(row["std"], 3)]
            + [_number(row["rank"], 1), _number(row["rank_limit"], 1), row["verdict"]]
            for row in rows
        ],
    )
    console.say(RULE)


RULE = (
    f"complete: std below {collapse.COMPLETE_STD}; dimensional: rank below "
    f"{100 * collapse.DIMENSIONAL_SHARE:.0f} % of min(K, d), or, trained on labels, "
    f"below {100 * collapse.DIMENSIONAL_CLASSES:.0f} % of the number of classes; a scale near 0 beside another run's "
    "says that all embeddings shrank to a point"
)
"""How :mod:`analysis.statistics.collapse` decides, in one line."""


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _spread(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return "not finite"
    return f"{mean:.4g}" + ("" if sd is None else f" ± {sd:.2g}")


def main() -> None:
    """Run the command."""
    where = tyro.cli(Where, prog="python -m analysis.objectives", description=__doc__)
    study = open_study(where)
    if (reason := applies(study)) is not None:
        raise console.UserError(f"{reason}: train seeds with python -m runners.seeds")
    result = analyse(study)
    show(result)
    results.save(result, where.results / study.name)


if __name__ == "__main__":
    console.run(main)
