# SPDX-License-Identifier: Apache-2.0
"""How far apart are the classes in a network's features? Class-wise Gaussians and their divergence (figure 5.2).

    KL(N_y || N_z) for all pairs of classes, N_y the Gaussian of the features of class y (eqs. 5.1, 5.2)

Two estimates: the thesis's formula, which has no value where units are dead and is too large by its bias, and a
corrected one (analysis.statistics.corrected_divergence), which gives about 0 for two halves of one class.

python -m analysis.divergence
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from analysis.framework import results
from analysis.framework.columns import shared
from analysis.framework.command import main
from analysis.framework.networks import Encoded, applies, has_network, runs_with_networks
from analysis.framework.random_state import generator
from analysis.framework.table import Column, Table
from analysis.statistics.corrected_divergence import corrected_kl, null_divergence
from analysis.statistics.gaussian_divergence import class_moments, gaussian_kl
from analysis.statistics.jackknife import jackknife_error
from dynamics import snapshots
from dynamics.kinds import checked
from dynamics.names import label
from dynamics.study import Study

THESIS_METHODS = ("simclr", "supervised")
ESTIMATORS = ("thesis", "corrected")
NEAREST = 4
"""Number of pairs of classes that are named."""

COLUMNS: Mapping[str, str] = {
    **shared("method"),
    "estimator": "`thesis`, its formula, too large by its bias, or `corrected`, about 0 where classes do not differ.",
    "y": "Class of the first Gaussian.",
    "z": "Class of the second Gaussian.",
    "kl": "KL divergence of y from z, in nats: mean over seeds; empty where no seed has a value.",
    **shared("kl_sd"),
    "seeds": "Number of seeds that have a value.",
}
"""What the columns mean."""

__all__ = ["analyse", "applies", "tables"]


@checked
def analyse(
    study: Study,
    *,
    data_root: Path = Path("data"),
    device: str = "auto",
    methods: Sequence[str] | None = None,
    split: Literal["train", "test"] = "train",
    seeds: int | None = None,
    random_state: int = 0,
) -> results.Result:
    """Estimate the divergences of all pairs of classes, for each method the mean over its seeds.

    The result has one row per method, estimator and ordered pair of classes; the arrays `<method>.<estimator>`
    (seed, class, other class), nan where there is no value; and under the setting `summary`, for each method
    and estimator, the smallest, median and largest divergence, the nearest pairs, the estimate for two halves
    of one class, and why values are missing.

    Parameters
    ----------
    study
        The study.
    data_root
        Folder that holds the images that the study was trained on; digits needs none.
    device
        Where to compute features: auto, cpu, cuda or cuda:1.
    methods
        Methods whose networks to analyse; by default simclr and supervised, as in the thesis, or all where the
        study has neither.
    split
        Images to encode; the thesis takes the training images.
    seeds
        Number of seeds per method, the lowest first; by default all.
    random_state
        Seed of the random halves.

    Raises
    ------
    UserError
        When there are no networks, or the images are missing or not those of the training.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> result = analyse(trained_study(), device="cpu")
    >>> result.arrays["supervised.thesis"].shape
    (1, 10, 10)
    """
    if methods is None:
        methods = [method for method in THESIS_METHODS if any(map(has_network, study.runs.get(method, [])))]
    chosen = runs_with_networks(study, methods, seeds=seeds)
    encoded = Encoded.open(chosen, data_root=data_root, device=device)
    rows: list[results.Row] = []
    arrays: dict[str, np.ndarray] = {}
    summary: list[dict[str, Any]] = []
    for method, runs in chosen.items():
        found = [_one_seed(run, encoded, split, random_state) for run in runs]
        null = _null(runs[0], encoded, split, random_state)
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
    run: snapshots.Run, encoded: Encoded, split: Literal["train", "test"], random_state: int
) -> dict[str, Any]:
    """Estimate one network's divergences both ways."""
    features, labels = encoded.features(run, split).values, encoded.labels(split)
    classes = encoded.dataset.classes
    moments = class_moments(features, labels, num_classes=len(classes))
    thesis = gaussian_kl(moments)
    corrected = corrected_kl(features, labels, moments, rng=generator(random_state, run.seed))
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
    run: snapshots.Run, encoded: Encoded, split: Literal["train", "test"], random_state: int
) -> dict[str, float]:
    """Average the estimates for two halves of one class, over the classes of one network."""
    null = null_divergence(
        encoded.features(run, split).values,
        encoded.labels(split),
        num_classes=encoded.dataset.num_classes,
        rng=generator(random_state, run.seed, 1),
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

    nan where no seed has one; the standard deviation also where only one has.

    Examples
    --------
    >>> mean, sd, count = over_seeds(np.array([[1.0, np.nan], [3.0, 5.0]]))
    >>> mean, sd.round(2), count
    (array([2., 5.]), array([1.41,  nan]), array([2, 1]))
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
    """Return the extremes, the median and the nearest pairs of the mean over seeds, and how sure they are.

    `median_error` and `ratio_error` are standard errors of the logarithms of the median and of the largest over the
    smallest, from leaving out one seed at a time; nan for fewer than three seeds, or where one is not above 0.
    """
    mean = over_seeds(kl)[0]
    least, middle, largest = _spread(mean)
    between = mean + mean.T  # a pair is near when both directions are small
    y, z = np.triu_indices(len(classes), 1)
    order = [i for i in np.argsort(between[y, z]) if np.isfinite(between[y[i], z[i]])]
    left_out = np.array([_spread(over_seeds(np.delete(kl, seed, axis=0))[0]) for seed in range(len(kl))])
    positive = len(kl) > 2 and bool((left_out > 0).all())
    logarithms = np.log(left_out) if positive else np.full_like(left_out, np.nan)
    return {
        "method": method,
        "estimator": estimator,
        "min": least,
        "median": middle,
        "max": largest,
        "median_error": jackknife_error(logarithms[:, 1]),
        "ratio_error": jackknife_error(logarithms[:, 2] - logarithms[:, 0]),
        "nearest": [[classes[y[i]], classes[z[i]]] for i in order[:NEAREST]],
    }


def _spread(mean: Float64[np.ndarray, "class other_class"]) -> tuple[float, float, float]:
    """Return the smallest, median and largest divergence of two different classes; nan where there is none."""
    pairs = mean[~np.eye(len(mean), dtype=bool)]
    pairs = pairs[np.isfinite(pairs)]
    return (float(pairs.min()), float(np.median(pairs)), float(pairs.max())) if len(pairs) else (np.nan,) * 3


def tables(result: results.Result) -> list[Table]:
    """Return a summary of each method and estimator, and why values are missing.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> [len(table.rows) for table in tables(analyse(trained_study(), device="cpu"))]
    [2]
    """
    columns = [
        Column("method", "method", "method"),
        Column("estimator", "estimator"),
        Column("seeds", "N", "d"),
        Column("min", "smallest", ".1f"),
        Column("median", "median", ".1f"),
        Column("max", "largest", ".1f"),
        Column("null", "two halves of one class", ".1f"),
        Column("range", "dimensions"),
        Column("pairs", "nearest classes"),
    ]
    summary = result.settings["summary"]
    return [
        Table(
            caption=f"KL between classes, {result.settings['split']} images, nats, mean over seeds; "
            "two halves of one class should give 0",
            columns=columns,
            rows=[_line(one) for one in summary],
            notes=[_missing(one) for one in summary if one["problems"]],
        )
    ]


def _line(one: results.Row) -> results.Row:
    """Return a summary as a row of the table."""
    dimensions = one["dimensions"]
    ends = sorted({min(dimensions), max(dimensions)})
    return one | {
        "seeds": len(dimensions),
        "range": " to ".join(map(str, ends)),
        "pairs": ["-".join(pair) for pair in one["nearest"]],
    }


def _missing(one: results.Row) -> str:
    more = len(one["problems"]) - 1
    others = f" (and {more} more like it)" if more else ""
    return f"{label(one['method'])}, {one['estimator']}: no value for {one['problems'][0]}{others}"


if __name__ == "__main__":
    main("divergence")
