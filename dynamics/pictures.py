# SPDX-License-Identifier: Apache-2.0
"""The images of a run's panel as pictures: as they are in the data set, and under the panel's augmentations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from dynamics import methods, networks, snapshots
from dynamics.training import panel


def training_images(
    run: snapshots.Run, examples: Sequence[int], *, data_root: Path, largest: int
) -> UInt8[np.ndarray, "example height width 3"]:
    """Return some of the training images of a run, 0 to 255.

    Parameters
    ----------
    run
        A run of this program.
    examples
        Indices in its training images.
    data_root
        Folder that holds them.
    largest
        Maximum side in pixels; larger images are scaled down to it.

    Raises
    ------
    UserError
        If the images are not there, or are not those that the run was trained on.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> training_images(run, [5, 0], data_root=Path("data"), largest=4).shape
    (2, 4, 4, 3)
    """
    images = networks.dataset_of(run, data_root=data_root).train_images[list(examples)]
    return as_pictures(images.to(torch.float32) / 255, largest=largest)


def panel_views(
    run: snapshots.Run, places: Sequence[int], *, data_root: Path, largest: int
) -> UInt8[np.ndarray, "example augmentation view height width 3"]:
    """Return the views of some of a run's panel that its networks were asked about, 0 to 255.

    Parameters
    ----------
    run, data_root, largest
        As for :func:`training_images`.
    places
        Places in the panel, from 0.

    Raises
    ------
    UserError
        As for :func:`training_images`.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> panel_views(run, [1, 2, 3], data_root=Path("data"), largest=32).shape
    (3, 3, 1, 8, 8, 3)
    """
    recipe, method = networks.recipe_of(run), methods.load(run.method)
    dataset = networks.dataset_of(run, data_root=data_root)
    asked = panel.build(
        recipe,
        method.views(recipe, networks.image_statistics(dataset)),
        num_views=method.panel_views,
        images=dataset.train_images,
        labels=dataset.train_labels,
        examples=torch.from_numpy(run.examples),
    )
    views, augmentations, _ = asked.shape
    return np.stack(
        [
            np.stack([as_pictures(asked.render(m, v)[list(places)], largest=largest) for v in range(views)], 1)
            for m in range(augmentations)
        ],
        axis=1,
    )


def as_pictures(images: Tensor, *, largest: int) -> UInt8[np.ndarray, "example height width 3"]:
    """Return images, floats in [0, 1] and channels first, as bytes with the channels last; none above a size.

    Examples
    --------
    >>> as_pictures(torch.ones(1, 3, 4, 4), largest=2).shape
    (1, 2, 2, 3)
    """
    if (side := max(images.shape[-2:])) > largest:
        images = functional.interpolate(
            images, scale_factor=largest / side, mode="bilinear", antialias=True, recompute_scale_factor=False
        )
    return images.mul(255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
