# SPDX-License-Identifier: Apache-2.0
"""A study's answers as a table that any program reads: one row for each answer."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dynamics import snapshots
from dynamics.study import Study


def answers(study: Study, method: str) -> Iterator[pd.DataFrame]:
    """Yield the answers of a method, seed by seed: a row for each that is there.

    Columns are `example` (index in the training data), `id` where examples have names, `seed`, `epoch`, `view` where
    there are two, `augmentation`, `label` and `true_label` where they are known, and every array of FORMAT.md that was
    recorded. `runners.ingest --records` reads such a table.

    Parameters
    ----------
    study
        The study.
    method
        One of its methods.

    Raises
    ------
    UserError
        If a file is damaged.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (table,) = answers(trained_study(), "supervised")  # one seed, one epoch, three augmentations
    >>> len(table), list(table.columns)[:5]
    (384, ['example', 'seed', 'epoch', 'augmentation', 'label'])
    """
    for run in study.runs[method]:
        yield _of_seed(run)


def _of_seed(run: snapshots.Run) -> pd.DataFrame:
    views, augmentations, examples = run.shape
    sizes = {"epoch": len(run.epochs), "view": views, "augmentation": augmentations, "example": examples}
    place = dict(zip(sizes, np.indices(tuple(sizes.values())).reshape(len(sizes), -1), strict=True))
    of_example = {"label": run.labels, "true_label": run.true_labels}
    columns = {"example": run.examples[place["example"]]}
    if run.ids is not None:
        columns["id"] = np.array(run.ids)[place["example"]]
    columns |= {
        "seed": np.full(len(place["epoch"]), run.seed),
        "epoch": np.array(run.epochs)[place["epoch"]],
        **({"view": place["view"]} if views > 1 else {}),
        "augmentation": place["augmentation"],
    }
    columns |= {name: values[place["example"]] for name, values in of_example.items() if values is not None}
    recorded = [name for name in run.recorded if name != "scalars" and not name.startswith("held_out_")]
    columns |= {name: run.read(name).ravel() for name in recorded}
    frame = pd.DataFrame(columns)
    return frame[frame.pop("present")] if "present" in frame else frame
