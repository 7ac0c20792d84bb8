# SPDX-License-Identifier: Apache-2.0
"""How long does each analysis take on a study of the thesis's size, and with what memory.

Analyses of answers read a synthetic study of the thesis's four methods (:mod:`benchmarks._synthetic`), analyse it
and write their results, as their commands do, each in a process of its own. Of those that look at networks, what
they do to arrays of features is timed, for one network, where that can be told apart from the network.
"""

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64

import analysis
from analysis import embedding
from analysis.papers.memorization.printed import EXAMPLES, FIGURE_4_1
from analysis.framework import results
from analysis.framework.where import Where, open_study
from analysis.statistics.corrected_divergence import corrected_kl, null_divergence
from analysis.statistics.gaussian_divergence import class_moments, gaussian_kl
from analysis.statistics.neighbourhoods import same_class_share
from benchmarks._rows import Row, Setting, missing
from benchmarks._synthetic import CLASSES, TRAINING_SET, thesis_sizes, write
from benchmarks.store import STUDY, WARM, costs
from dynamics.evaluation import logistic
from dynamics.evaluation.accuracy import accuracy
from dynamics.evaluation.recipes import ProbeRecipe
from dynamics.study import Study

MODULES = {name: importlib.import_module(f"analysis.{name}") for name in analysis.names()}
"""Loaded here, so that no import is timed."""

FEATURES = (TRAINING_SET, 512)
"""Images and features of the thesis's networks."""


class Core(NamedTuple):
    """What an analysis of networks does to the features of one."""

    run: Callable[[Path, Setting], object]
    """Takes the folder that holds the features."""
    most: int
    """Images that it looks at."""
    note: str


def nothing() -> None:
    """Do nothing: what a process takes that has the imports of this file."""


def measure(setting: Setting) -> list[Row]:
    """Time all analyses, by name."""
    if setting.cuda:
        return []  # nothing here depends on a GPU
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not setting.time_for("write a synthetic study and features"):
            return []
        for method in FIGURE_4_1:
            write(folder / "runs", STUDY, method, thesis_sizes(method, quick=setting.quick))
        write_features(folder, *feature_shape(setting))
        study = opened(folder)
        for name in analysis.names():
            if setting.time_for(name):
                rows += one(name, study, folder, setting)
    return rows


def one(name: str, study: Study, folder: Path, setting: Setting) -> list[Row]:
    """Time one analysis: all of it, or what it does to arrays; say why where it has neither."""
    key, rounds = f"analysis.{name}", 1 if setting.quick else 2
    if name in CORES:
        core, (images, dimensions) = CORES[name], feature_shape(setting)
        what = f"{name}, {min(images, core.most)} x {dimensions} features"
        return costs(key, what, core.run, folder, setting, rounds=rounds, idle=nothing, note=core.note)
    if (reason := why_not(name, study)) is not None:
        return [missing(f"{key}_seconds", f"{name}: time", "s", reason)]
    note = f"reads, analyses, writes; {WARM}"
    return costs(key, name, whole, name, folder, rounds=rounds, idle=nothing, note=note)


def opened(folder: Path) -> Study:
    """Open the synthetic study."""
    return open_study(Where(study=STUDY, runs=folder / "runs"))


def why_not(name: str, study: Study) -> str | None:
    """Say in one line why a study has nothing for an analysis; None where it has."""
    module = MODULES[name]
    reason: str | None = module.applies(study) if hasattr(module, "applies") else None
    return reason


def whole(name: str, folder: Path) -> None:
    """Do what `python -m analysis.NAME` does, but for its table on the terminal."""
    study = opened(folder)
    result = MODULES[name].analyse(study)
    results.write(result, folder / "results" / study.name)


def feature_shape(setting: Setting) -> tuple[int, int]:
    """Return how many images and features there are."""
    return (300, 8) if setting.quick else FEATURES


def write_features(folder: Path, examples: int, dimensions: int) -> None:
    """Write features as rectified units give them, around a mean for each class, and their classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(examples, dtype=np.int64) % CLASSES
    features = rng.normal(size=(CLASSES, dimensions)).astype(np.float32)[labels] / 2
    features += rng.standard_normal(features.shape, dtype=np.float32)
    np.save(folder / "features.npy", np.maximum(features, 0))
    np.save(folder / "labels.npy", labels)


def read_features(
    folder: Path,
) -> tuple[Float32[np.ndarray, "example feature"], Int64[np.ndarray, " example"]]:
    """Read features and classes."""
    return np.load(folder / "features.npy"), np.load(folder / "labels.npy")


def divergence(folder: Path, setting: Setting) -> None:
    """Estimate the divergences of all pairs of classes both ways, and between halves of each class."""
    features, labels = read_features(folder)
    rng = np.random.default_rng(0)
    moments = class_moments(features, labels, num_classes=CLASSES)
    gaussian_kl(moments)
    corrected_kl(features, labels, moments, rng=rng)
    null_divergence(features, labels, num_classes=CLASSES, rng=rng)


def mapping(folder: Path, setting: Setting) -> None:
    """Make one map by t-SNE and what is measured of it."""
    features, labels = (array[:EXAMPLES] for array in read_features(folder))
    settings = embedding.MapSettings(iterations=250 if setting.quick else embedding.MapSettings.iterations)
    found = embedding.embed(
        features,
        perplexity=settings.perplexity,
        iterations=settings.iterations,
        random_state=settings.random_state,
    )
    near = same_class_share(found.places, labels, neighbours=embedding.NEIGHBOURS)
    embedding.row(features, found, near, labels, settings.random_state)


def probing(folder: Path, setting: Setting) -> float:
    """Train a linear probe of one seed; return its accuracy on what it was trained on, 0 to 1."""
    features, labels = (torch.from_numpy(array).to(setting.device) for array in read_features(folder))
    recipe = ProbeRecipe(lr=0.03, min_steps=0) if setting.quick else ProbeRecipe()
    seeds = features.unsqueeze(0)
    probes = logistic.fit(seeds, labels, num_classes=CLASSES, seeds=[0], recipe=recipe)
    return float(accuracy(logistic.logits(probes, seeds), labels))


CORES = {
    "divergence": Core(divergence, TRAINING_SET, "one network: both estimates, and halves of each class"),
    "embedding": Core(mapping, EXAMPLES, "one map; by default a quarter of all training images is mapped"),
    "probes": Core(probing, TRAINING_SET, "one network; on a GPU with the start of CUDA"),
}
