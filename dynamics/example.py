# SPDX-License-Identifier: Apache-2.0
"""A study of tiny trained networks for examples in documentation: one seed, one epoch."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from dynamics.study import Study
from dynamics.training.study import train


@functools.cache
def trained_study() -> Study:
    """Train a narrow supervised network on 256 digits, with seed 0, in a temporary folder; takes some seconds.

    The folder is deleted when the process ends.

    Examples
    --------
    >>> trained_study().runs["supervised"][0].complete
    True
    """
    runs = Path(tempfile.mkdtemp(prefix="trained-study-"))
    atexit.register(shutil.rmtree, runs, ignore_errors=True)
    return train(
        "supervised",
        "digits",
        seeds=[0],
        preset="quick",
        runs=runs,
        study="tiny",
        epochs=1,
        width=4,
        train_examples=256,
        progress=False,
    )
