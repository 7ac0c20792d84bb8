# SPDX-License-Identifier: Apache-2.0
"""The choice of images to evaluate an encoder on, and of the labels to use."""

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
    """Draw a fraction of the examples, equally many of each class.

    A class with too few gives all its examples; where the number is not a multiple of the classes, the first ones
    give one more. A larger fraction of the same seed contains every smaller one.

    Parameters
    ----------
    labels
        Class of each example.
    fraction
        Fraction of all examples, in (0, 1].
    num_classes
        Number of classes.
    seed
        Seed of the draw.

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
    """Return the images to classify, and the statistics of the run's training images where those are different.

    Images are compared by fingerprint, since all image folders have the same name of a data set.

    Parameters
    ----------
    run
        The run whose encoder is evaluated.
    name
        Name of a data set; by default the run's training images are used.
    data_root
        Folder of the images.
    own_data_root
        Folder of the run's training images, where it is a different one.
    progress
        Shows the loading.

    Raises
    ------
    UserError
        When the images are missing, or the run's training images, by whose statistics it normalises, are.

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
            f"{run.method} normalises images by the statistics of its training images, which are missing: name "
            f"their folder with `own_data_root` ({error.args[0]})"
        ) from None
