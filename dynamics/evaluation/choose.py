# SPDX-License-Identifier: Apache-2.0
"""Which images are an encoder's classes told on, and which of their labels are used."""

import dataclasses
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from dynamics import data, networks, snapshots
from dynamics.data import Dataset, Track
from dynamics.data._labels import balanced_subset
from dynamics.errors import UserError
from dynamics.methods.base import ImageStatistics
from dynamics.streams import generator


def choose_labels(
    labels: Int64[Tensor, " example"], fraction: float, *, num_classes: int, seed: int
) -> Int64[Tensor, " chosen"]:
    """Draw a fraction of the examples, as many of each class as of another.

    A class with too few gives all it has; where the number is no multiple of the classes, the first ones give
    one more. A larger fraction of the same seed holds every smaller one.

    Parameters
    ----------
    labels
        Class of each example.
    fraction
        Of all examples, above 0, at most 1.
    num_classes
        Number of classes.
    seed
        Of the draw.

    Returns
    -------
    Tensor
        Indices, in increasing order.

    Raises
    ------
    UserError
        When there is not an example for every class.

    Examples
    --------
    >>> choose_labels(torch.tensor([0, 0, 1, 1]), 0.5, num_classes=2, seed=0).tolist()
    [0, 3]
    """
    count = round(fraction * len(labels))
    if count < num_classes:
        minimum = -(-num_classes * 10_000 // len(labels)) / 10_000
        raise UserError(
            f"`fraction` must be >= {minimum:g} for a label of each of the {num_classes} classes, got {fraction:g}: "
            f"{count} of {len(labels)} labels"
        )
    order = torch.randperm(len(labels), generator=generator(seed, "evaluation-split"))
    shuffled = labels.cpu()[order].numpy()
    chosen = order[torch.from_numpy(balanced_subset(shuffled, count))]
    return chosen.sort().values.to(labels.device)


def choose_images(
    run: snapshots.Run,
    name: str | None = None,
    *,
    data_root: Path = Path("data"),
    own_data_root: Path | None = None,
    progress: Track | None = None,
) -> tuple[Dataset, ImageStatistics | None]:
    """Return the images to tell apart, and the statistics of the run's training images where these are others.

    Which images they are is told by their fingerprint: two folders have the same name of a data set.

    Parameters
    ----------
    run
        The run whose encoder is evaluated.
    name
        Of a data set; by default the run's training images.
    data_root
        Folder of the images.
    own_data_root
        Folder of the run's training images, where it is another.
    progress
        Shows the loading.

    Raises
    ------
    UserError
        When the images are not there; when the run normalises images by its training images, and these are not.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> dataset, statistics = choose_images(run)
    >>> dataset.num_train, statistics is None
    (256, True)
    """
    if name is None:
        return networks.dataset_of(run, data_root=data_root), None
    dataset = data.load(name, data_root=data_root, progress=progress)
    recipe = networks.recipe_of(run)
    if name == recipe.dataset:
        enough = (recipe.train_examples or 0) <= dataset.num_train
        part = dataset.subset(recipe.train_examples) if recipe.train_examples and enough else dataset
        if part.fingerprint == run.provenance.get("data_fingerprint"):
            return part, None
    if name == "folder":
        dataset = dataclasses.replace(dataset, name=f"folder-{dataset.fingerprint[:8]}")
    try:
        return dataset, networks.statistics_of(run, data_root=own_data_root or data_root)
    except UserError as error:
        raise UserError(
            f"{run.method} normalises images by those that it was trained on, which are needed, too: name their "
            f"folder with `own_data_root` ({error.args[0]})"
        ) from None
