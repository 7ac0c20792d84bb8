# SPDX-License-Identifier: Apache-2.0
"""How far apart are the classes in a network's features: class-wise Gaussians and their divergence (figure 5.2).

    KL(N_y || N_z) for all pairs of classes, N_y the Gaussian of the features of class y (eqs. 5.1, 5.2)

Two estimates: the thesis's formula, which has no value where units are dead and is too large by its bias, and a
corrected one (analysis.statistics.corrected_divergence), which gives about 0 for two halves of one class.

python -m analysis.divergence
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from jaxtyping import Float64

from analysis.framework import console, results
from analysis.framework.networks import Encoded, WhereNetworks, applies, choose_runs, with_networks
from analysis.framework.where import open_study
from analysis.statistics.corrected_divergence import corrected_kl, null_divergence
from analysis.statistics.gaussian_divergence import class_moments, gaussian_kl
from dynamics import snapshots
from dynamics.study import Study

THESIS_METHODS = ("simclr", "supervised")
ESTIMATORS = ("thesis", "corrected")
NEAREST = 4
"""Pairs of classes that are named."""

__all__ = ["analyse", "applies", "show"]


def analyse(
    study: Study,
    *,
    data_root: Path = Path("data"),
    device: str = "auto",
    methods: Sequence[str] | None = None,
    split: Literal["train", "test"] = "train",
    seeds: int | None = None,
    seed: int = 0,
) -> results.Result:
    """Estimate the divergences of all pairs of classes, for each method the mean over its seeds.

    The result has one row a method, estimator and ordered pair of classes; the arrays `<method>.<estimator>`
    (seed, class, other class), not a number where there is no value; and under the setting `summary`, for
    each method and estimator, the least, median and largest divergence, the nearest pairs, what it gives
    for two halves of one class, and why values are missing.

    Parameters
    ----------
    study
        What to read.
    data_root
        Folder of the images.
    device
        Where to compute features.
    methods
        By default simclr and supervised, as in the thesis, or all where the study has neither.
    split
        Images to look at; the thesis's are the training images.
    seeds
        Use the first so many seeds of each method; by default all.
    seed
        Seed of the random halves.

    Raises
    ------
    UserError
        When there are no networks, or the images are not there or others.
    """
    if methods is None:
        methods = [method for method in THESIS_METHODS if method in with_networks(study)] or None
    chosen = choose_runs(study, methods, seeds)
    encoded = Encoded.open(chosen, data_root=data_root, device=device)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    summary: list[dict[str, Any]] = []
    for method, runs in chosen.items():
        found = [_one_seed(run, encoded, split, seed) for run in runs]
        null = _null(runs[0], encoded, split, seed)
        for estimator in ESTIMATORS:
            kl = np.stack([one[estimator] for one in found])
            arrays[f"{method}.{estimator}"] = kl
            rows += _rows(method, estimator, kl, encoded.dataset.classes)
            summary.append(
                {
                    **_summary(method, estimator, kl, encoded.dataset.classes),
                    "null": null[estimator],
                    "dimensions": [one[f"{estimator}_dimensions"] for one in found],
                    "problems": [problem for one in found for problem in one[f"{estimator}_problems"]],
                }
            )
    settings = {
        "classes": encoded.dataset.classes,
        "split": split,
        "seeds": {method: [run.seed for run in runs] for method, runs in chosen.items()},
        "summary": summary,
    }
    inputs = {method: record for method, record in study.inputs().items() if method in chosen}
    return results.Result(name="divergence", rows=rows, inputs=inputs, arrays=arrays, settings=settings)


def _one_seed(
    run: snapshots.Run, encoded: Encoded, split: Literal["train", "test"], seed: int
) -> dict[str, Any]:
    """Estimate one network's divergences both ways."""
    features, labels = encoded.features(run, split).values, encoded.labels(split)
    classes = encoded.dataset.classes
    moments = class_moments(features, labels, num_classes=len(classes))
    thesis = gaussian_kl(moments)
    corrected = corrected_kl(features, labels, moments, rng=np.random.default_rng([seed, run.seed]))
    name = f"seed {run.seed}"
    return {
        "thesis": thesis.kl,
        "thesis_dimensions": features.shape[1],
        "thesis_problems": [f"{name}, class {classes[y]}: {why}" for y, why in thesis.singular.items()],
        "corrected": corrected.kl,
        "corrected_dimensions": corrected.dimensions,
        "corrected_problems": [] if corrected.problem is None else [f"{name}: {corrected.problem}"],
    }


def _null(
    run: snapshots.Run, encoded: Encoded, split: Literal["train", "test"], seed: int
) -> dict[str, float]:
    """Average what the estimators give for two halves of one class, over the classes of one network."""
    null = null_divergence(
        encoded.features(run, split).values,
        encoded.labels(split),
        num_classes=encoded.dataset.num_classes,
        rng=np.random.default_rng([seed, run.seed, 1]),
    )
    known = {name: values[np.isfinite(values)] for name, values in null._asdict().items()}
    return {name: float(values.mean()) if len(values) else np.nan for name, values in known.items()}


def _rows(
    method: str,
    estimator: str,
    kl: Float64[np.ndarray, "seed class other_class"],
    classes: Sequence[str],
) -> list[results.Row]:
    mean, sd, count = over_seeds(kl)
    return [
        {
            "method": method,
            "estimator": estimator,
            "y": classes[y],
            "z": classes[z],
            "kl": float(mean[y, z]),
            "kl_sd": float(sd[y, z]),
            "seeds": int(count[y, z]),
        }
        for y in range(len(classes))
        for z in range(len(classes))
        if y != z
    ]


def over_seeds(
    values: Float64[np.ndarray, "seed *rest"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, standard deviation (divided by n - 1) and number of the seeds that have a value.

    Not a number where no seed has one; the standard deviation also where only one has.
    """
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0).sum(axis=0) / np.where(count > 0, count, np.nan)
    squares = np.where(known, values - mean, 0) ** 2
    return mean, np.sqrt(squares.sum(axis=0) / np.where(count > 1, count - 1, np.nan)), count


def _summary(
    method: str,
    estimator: str,
    kl: Float64[np.ndarray, "seed class other_class"],
    classes: Sequence[str],
) -> dict[str, Any]:
    """Say what stands out in the mean over seeds."""
    mean = over_seeds(kl)[0]
    pairs = mean[~np.eye(len(classes), dtype=bool)]
    pairs = pairs[np.isfinite(pairs)]
    between = mean + mean.T  # a pair is near when both directions are small
    y, z = np.triu_indices(len(classes), 1)
    order = [i for i in np.argsort(between[y, z]) if np.isfinite(between[y[i], z[i]])]
    return {
        "method": method,
        "estimator": estimator,
        "min": float(pairs.min()) if len(pairs) else np.nan,
        "median": float(np.median(pairs)) if len(pairs) else np.nan,
        "max": float(pairs.max()) if len(pairs) else np.nan,
        "nearest": [[classes[y[i]], classes[z[i]]] for i in order[:NEAREST]],
    }


def show(result: results.Result) -> None:
    """Print a summary of each method and estimator, and why values are missing."""
    lines = []
    for one in result.settings["summary"]:
        dimensions = sorted(set(one["dimensions"]))
        lines.append(
            [one["method"], one["estimator"], len(one["dimensions"])]
            + [_number(one[key]) for key in ("min", "median", "max", "null")]
            + [" to ".join(str(d) for d in sorted({dimensions[0], dimensions[-1]}))]
            + [", ".join(f"{y}-{z}" for y, z in one["nearest"])]
        )
    columns = ["method", "estimator", "N", "least", "median", "largest", "two halves of one class"]
    console.table(
        f"KL between classes, {result.settings['split']} images, nats, mean over seeds",
        columns + ["dimensions", "nearest classes"],
        lines,
    )
    for one in result.settings["summary"]:
        if one["problems"]:
            more = f" (and {len(one['problems']) - 1} more like it)" if len(one["problems"]) > 1 else ""
            console.say(f"{one['method']}, {one['estimator']}: no value for {one['problems'][0]}{more}")


def _number(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.4g}"


@dataclass(frozen=True, kw_only=True)
class Arguments(WhereNetworks):
    """Estimate the divergence between classes in the features of a study's networks."""

    methods: tuple[str, ...] | None = None
    """Methods whose networks to look at; by default simclr and supervised."""
    split: Literal["train", "test"] = "train"
    """Images to look at."""
    seeds: int | None = None
    """Use the first so many seeds of each method; by default all."""


def main() -> None:
    """Run the command."""
    arguments = tyro.cli(Arguments, prog="python -m analysis.divergence")
    study = open_study(arguments)
    result = analyse(
        study,
        data_root=arguments.data_root,
        device=arguments.device,
        methods=arguments.methods,
        split=arguments.split,
        seeds=arguments.seeds,
    )
    show(result)
    results.save(result, arguments.results / study.name)


if __name__ == "__main__":
    console.run(main)
