# SPDX-License-Identifier: Apache-2.0
"""Results as the analyses write them, made up: what the figures' tests draw."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.framework import results as storage
from analysis.framework.results import Result
from dynamics.names import ordered

TARGETS = (0.25, 0.5, 0.75)


def make(
    rng: np.random.Generator,
    *,
    methods: Sequence[str] = ("simclr", "supervised", "random-labels", "random-labels-aug"),
    seeds: int = 8,
    examples: int = 64,
    epochs: int = 30,
    targets: Sequence[float] = TARGETS,
) -> dict[str, Result]:
    """Return learning, alignment and binomial of a study in which every method learns, random-labels with M = 1."""
    settings, arrays = {}, {}
    for method in methods:
        augmentations = 1 if method == "random-labels" else 4
        difficulty = rng.normal(scale=2.5 if method == "supervised" else 0.8, size=examples)
        time = np.linspace(-2, 4, epochs)[:, None, None]
        p = 1 / (
            1 + np.exp(difficulty[:, None] + rng.normal(scale=0.5, size=(examples, augmentations)) - time)
        )
        counts = rng.binomial(seeds, p)
        settings[method] = {
            "seeds": seeds,
            "augmentations": augmentations,
            "trials": seeds * augmentations,
            "views": 1,
            "examples": examples,
        }
        arrays[f"{method}.correct"] = counts.sum(axis=2).astype(np.uint16)
        arrays[f"{method}.single"] = counts[:, :, 0].astype(np.uint16)
        arrays[f"{method}.epochs"] = np.arange(1, epochs + 1)
    inputs = {method: {"snapshots": f"digest of {method}"} for method in methods}
    learning = Result(
        name="learning",
        rows=[{"method": m} for m in methods],
        inputs=inputs,
        arrays=arrays,
        settings={"methods": settings},
    )
    return {
        "learning": learning,
        "alignment": align(learning),
        "binomial": compare_with_noise(learning, rng, targets),
    }


def shares(learning: Result, method: str, quantity: str = "r") -> np.ndarray:
    """Return r_t or r~_t of all epochs and examples."""
    own = learning.settings["methods"][method]
    name, trials = {"r": ("correct", own["trials"]), "r_tilde": ("single", own["seeds"])}[quantity]
    return learning.arrays[f"{method}.{name}"] / trials


def align(learning: Result) -> Result:
    """Return what analysis.alignment would, with the first method as the reference."""
    names = ordered(learning.settings["methods"])
    means = {name: shares(learning, name).mean(axis=1) for name in names}
    chosen = [t for t in (1, 5, 10, 25, 50, 200) if t <= len(means[names[0]])]
    rows = []
    for name in names:
        for epoch in chosen:
            distance = np.abs(means[name] - means[names[0]][epoch - 1])
            rows.append(
                {
                    "reference": names[0],
                    "reference_epoch": epoch,
                    "method": name,
                    "epoch": int(distance.argmin()) + 1,
                    "residual": float(distance.min()),
                    "mean_r": float(means[name][distance.argmin()]),
                }
            )
    return Result(name="alignment", rows=rows, inputs=learning.inputs, settings={"reference": names[0]})


def compare_with_noise(learning: Result, rng: np.random.Generator, targets: Sequence[float]) -> Result:
    """Return what analysis.binomial would, as far as figures read it."""
    rows, arrays = [], {}
    for method, own in learning.settings["methods"].items():
        for quantity in ("r_tilde", "r") if own["augmentations"] > 1 else ("r_tilde",):
            r = shares(learning, method, quantity)
            noise = []
            means = r.mean(axis=1)
            firsts = {target: int(np.argmax(means >= target)) for target in targets if means.max() >= target}
            for first in dict.fromkeys(firsts.values()):
                p0 = float(means[first])
                noise.append(np.sort(rng.binomial(own["seeds"], p0, own["examples"])) / own["seeds"])
                mae = float(np.abs(np.sort(r[first]) - noise[-1]).mean())
                above = [target for target in targets if firsts.get(target) == first]
                rows.append(
                    {"method": method, "quantity": quantity, "targets": above, "epoch": first + 1}
                    | {"augmentations": own["augmentations"]}
                    | {"p0": p0, "trials": own["trials"], "seeds": own["seeds"], "mae": mae, "mae_sd": 0.0}
                )
            arrays[f"{method}.{quantity}.noise"] = np.reshape(noise, (-1, own["examples"]))
    return Result(name="binomial", rows=rows, inputs=learning.inputs, arrays=arrays)


def save(results: Mapping[str, Result], folder: Path) -> Path:
    """Write results to `folder` as analyses do, and return it."""
    for result in results.values():
        storage.write(result, folder)
    return folder
