# SPDX-License-Identifier: Apache-2.0
"""A small made-up study for examples in documentation: two methods and four seeds whose answers improve."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np

from dynamics import snapshots
from dynamics.study import Study, open_study

NAME = "made-up"
SEEDS, EPOCHS, AUGMENTATIONS, CLASSES, EXAMPLES = 4, 6, 2, 3, 30


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
    rng = np.random.default_rng(0)
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
            )
    return open_study(runs / NAME)
