# SPDX-License-Identifier: Apache-2.0
"""A small made-up study for examples in documentation: two methods and four seeds whose answers improve.

Everything optional is recorded, too, and independent of the answers: rivals of simclr, answers of both on examples that
are held out, and for supervised the examples that each seed left out of its training.
"""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np

from dynamics import snapshots
from dynamics.opening import open_study
from dynamics.study import Study

NAME = "made-up"
SEEDS, EPOCHS, AUGMENTATIONS, CLASSES, EXAMPLES, BATCH = 4, 6, 2, 3, 30, 10


@functools.cache
def example_study() -> Study:
    """Write simclr, with two views, and supervised to a temporary folder, and open it.

    The folder is deleted when the process ends.

    Examples
    --------
    >>> study = example_study()
    >>> study.methods, study.correct("simclr").sizes["view"]
    (('simclr', 'supervised'), 2)
    """
    rng, apart = np.random.default_rng(0), np.random.default_rng(1)
    runs = Path(tempfile.mkdtemp(prefix="example-study-"))
    atexit.register(shutil.rmtree, runs, ignore_errors=True)
    labels = np.arange(EXAMPLES) % CLASSES
    for method, views in (("simclr", 2), ("supervised", 1)):
        difficulty = rng.normal(size=EXAMPLES) + rng.normal(size=(views, AUGMENTATIONS, EXAMPLES))
        ability = np.linspace(-2, 2, EPOCHS)[:, np.newaxis, np.newaxis, np.newaxis]
        probability = 1 / (1 + np.exp(difficulty + labels / 2 - ability))
        for seed in range(SEEDS):
            snapshots.write_finished(
                snapshots.seed_folder(runs, NAME, method, seed),
                method=method,
                seed=seed,
                correct=rng.random(probability.shape) < probability,
                scalars={"loss": np.linspace(2, 1, EPOCHS) + rng.normal(scale=0.01, size=EPOCHS)},
                labels=labels if method == "supervised" else None,
                true_labels=labels,
                config={"panel_batch": BATCH},
                further=_further(apart, probability),
            )
    return open_study(runs / NAME)


def _further(rng: np.random.Generator, probability: np.ndarray) -> dict[str, np.ndarray]:
    """Return the optional arrays of a seed."""
    further = {
        "held_out_correct": rng.random(probability.shape) < 0.8 * probability,
        "held_out_example": np.arange(EXAMPLES),
        "held_out_label": np.arange(EXAMPLES) % CLASSES,
    }
    if probability.shape[1] == 1:
        return further | {"in_training": rng.random(EXAMPLES) < 0.6}
    rivals = rng.binomial(EXAMPLES - 1, 0.3 * (1 - probability))
    untrained = ("untrained_correct", "held_out_untrained_correct")
    last = np.random.default_rng(2)
    further |= {name: last.random(probability.shape[1:]) < 1 / (2 * BATCH - 1) for name in untrained}
    return further | {"rivals": rivals, "same_class_rivals": rng.binomial(rivals, 0.5)}
