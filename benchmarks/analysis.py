# SPDX-License-Identifier: Apache-2.0
"""Analyses of a study of the thesis's size: time and memory of each.

Analyses of answers read a synthetic study of the thesis's four methods (:mod:`benchmarks.store`), analyse it and
write their results, as their commands do, each in its own process. For those that use networks, the work on
arrays of features is timed, for one network, where that can be separated from the network.
"""

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64

import analysis
from analysis import embedding
from analysis.framework import results
from analysis.framework.command import why_not
from analysis.framework.results import Result
from analysis.statistics.corrected_divergence import corrected_kl, null_divergence
from analysis.statistics.gaussian_divergence import class_moments, gaussian_kl
from analysis.statistics.neighbourhoods import cluster_agreement, same_class_share
from benchmarks.harness import Conditions, Measurement
from benchmarks.store import (
    CLASSES,
    DIFFICULTIES,
    STUDY,
    TRAINING_SET,
    WARM,
    Sizes,
    costs,
    thesis_sizes,
    write,
)
from dynamics.evaluation import logistic
from dynamics.evaluation.recipes import ProbeRecipe
from dynamics.opening import open_study
from dynamics.study import Study

FEATURES = (TRAINING_SET, 512)
"""Images and features of the thesis's networks."""
ALL_IMAGES = Sizes(seeds=10, epochs=20, views=1, augmentations=5, examples=TRAINING_SET)
OF_ALL_IMAGES = " (10 seeds x 20 epochs x 5 augmentations x 50 000 examples)"
MAPPED = 1024
"""Images of the thesis's maps."""


def measure(conditions: Conditions) -> list[Measurement]:
    """Time all analyses, by name."""
    if conditions.cuda or not conditions.time_for("write a synthetic study and features"):
        return []  # nothing here depends on a GPU
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for method in DIFFICULTIES:
            write(folder, method, thesis_sizes(method, quick=conditions.quick), further=True)
        write_features(folder, *((300, 8) if conditions.quick else FEATURES))
        study = open_study(folder / STUDY)
        for name in analysis.names():
            if conditions.time_for(name):
                rows += one(name, study, folder, quick=conditions.quick)
    return rows + measure_all_images(conditions)


def measure_all_images(conditions: Conditions) -> list[Measurement]:
    """Time the analyses of answers again, where the panel is the whole training set."""
    if not conditions.time_for("write a study of all training images"):
        return []
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for method in ("simclr", "supervised"):
            sizes = thesis_sizes(method, quick=True) if conditions.quick else ALL_IMAGES
            write(folder, method, sizes._replace(views=thesis_sizes(method).views), further=True)
        study = open_study(folder / STUDY)
        for name in (name for name in analysis.names() if name not in CORES):
            if conditions.time_for(f"{name} of all images"):
                rows += one(name, study, folder, quick=conditions.quick, of=OF_ALL_IMAGES)
    return rows


def one(name: str, study: Study, folder: Path, *, quick: bool, of: str = "") -> list[Measurement]:
    """Time one analysis: all of it, or its work on arrays; say why if neither can be timed."""
    key, rounds = f"analysis{'.all-images' if of else ''}.{name}", 1 if quick or of else 2
    if name in CORES:
        run, most, note = CORES[name]
        features, _ = read_features(folder, most)
        what = f"{name}, {' x '.join(map(str, features.shape))} features"
        return costs(key, what, run, folder, quick, rounds=rounds, note=note)
    module = importlib.import_module(f"analysis.{name}")
    if (reason := why_not(module, study)) is not None:
        return [Measurement(f"{key}_seconds", f"{name}{of}: time", None, "s", note=reason)]
    note = f"reads, analyses, writes; {WARM}"
    # Given the function itself, a process imports its module before the clock starts.
    return costs(key, f"{name}{of}", whole, module.analyse, folder, rounds=rounds, note=note)


def whole(analyse: Callable[[Study], Result], folder: Path) -> None:
    """Do what `python -m analysis.NAME` does, except for its tables on the terminal."""
    results.write(analyse(open_study(folder / STUDY)), folder / "results" / STUDY)


def write_features(folder: Path, examples: int, dimensions: int) -> None:
    """Write features as of rectified units, around a mean for each class, and their classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(examples, dtype=np.int64) % CLASSES
    features = rng.normal(size=(CLASSES, dimensions)).astype(np.float32)[labels] / 2
    features += rng.standard_normal(features.shape, dtype=np.float32)
    np.savez(folder / "features.npz", features=np.maximum(features, 0), labels=labels)


def read_features(
    folder: Path, most: int = TRAINING_SET
) -> tuple[Float32[np.ndarray, "example feature"], Int64[np.ndarray, " example"]]:
    """Read features and classes of at most this many images."""
    with np.load(folder / "features.npz") as arrays:
        return arrays["features"][:most], arrays["labels"][:most]


def divergence(folder: Path, quick: bool) -> None:
    """Estimate the divergences of all pairs of classes both ways, and between halves of each class."""
    features, labels = read_features(folder)
    rng = np.random.default_rng(0)
    moments = class_moments(features, labels, num_classes=CLASSES)
    gaussian_kl(moments)
    corrected_kl(features, labels, moments, rng=rng)
    null_divergence(features, labels, num_classes=CLASSES, rng=rng)


def mapping(folder: Path, quick: bool) -> None:
    """Make one map by t-SNE and compute its numbers."""
    features, labels = read_features(folder, MAPPED)
    found = embedding.embed(features, perplexity=30.0, iterations=250 if quick else 1000, random_state=0)
    for points in (features, found.places):
        same_class_share(points, labels, neighbours=embedding.NEIGHBOURS)
        cluster_agreement(points, labels, random_state=0)


def probing(folder: Path, quick: bool) -> float:
    """Train a linear probe of one seed; return its accuracy on its training examples, 0 to 1."""
    features, labels = (torch.from_numpy(array) for array in read_features(folder))
    recipe = ProbeRecipe(lr=0.03, min_steps=0) if quick else ProbeRecipe()
    probes = logistic.fit(features[None], labels, num_classes=CLASSES, seeds=[0], recipe=recipe)
    return float((logistic.logits(probes, features[None])[0].argmax(dim=1) == labels).float().mean())


CORES: dict[str, tuple[Callable[[Path, bool], object], int, str]] = {
    "divergence": (divergence, TRAINING_SET, "one network: both estimates, and halves of each class"),
    "embedding": (mapping, MAPPED, "one map; by default a quarter of all training images is mapped"),
    "probes": (probing, TRAINING_SET, "one network, on the CPU"),
}
"""What analyses of networks do to the features of one: the call, images that it looks at, a note."""
