# SPDX-License-Identifier: Apache-2.0
"""The images of a run's panel as pictures: as they are in the data set, and under the panel's augmentations."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional

from dynamics import methods, networks, snapshots
from dynamics.augment import CropFlipViews
from dynamics.augment.weak import CropFlipDraw
from dynamics.methods.base import ImageStatistics
from dynamics.training import panel


def source_of(run: snapshots.Run, others: Sequence[snapshots.Run]) -> snapshots.Run:
    """Return a run of this program on the same images: a run itself, or another one; itself where there is none.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> source_of(run, []) is run
    True
    """
    images = run.provenance.get("data_fingerprint")
    same = (one for one in others if images is not None and one.provenance.get("data_fingerprint") == images)
    return next((one for one in (run, *same) if "encoder" in one.config), run)


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


def panel_of(run: snapshots.Run, *, data_root: Path) -> panel.Panel:
    """Return the panel that the networks of a run were asked about, with views in [0, 1], not normalised for them.

    Raises
    ------
    UserError
        As for :func:`training_images`.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> panel_of(run, data_root=Path("data")).shape
    (1, 3, 128)
    """
    recipe, method = networks.recipe_of(run), methods.load(run.method)
    dataset = networks.dataset_of(run, data_root=data_root)
    unchanged = ImageStatistics(dataset.num_classes, dataset.image_size, (0.0,) * 3, (1.0,) * 3)
    return panel.build(
        recipe,
        method.views(recipe, unchanged),
        num_views=method.panel_views,
        images=dataset.train_images,
        labels=dataset.train_labels,
        examples=torch.from_numpy(run.examples),
    )


def panel_views(
    asked: panel.Panel, places: Sequence[int], *, largest: int
) -> UInt8[np.ndarray, "example augmentation view height width 3"]:
    """Return the views of some examples of a panel, 0 to 255.

    Parameters
    ----------
    asked
        From :func:`panel_of`.
    places
        Places in the panel, from 0.
    largest
        Maximum side in pixels; larger images are scaled down to it.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> panel_views(panel_of(run, data_root=Path("data")), [1, 2], largest=32).shape
    (2, 3, 1, 8, 8, 3)
    """
    views, augmentations, _ = asked.shape
    rendered = [[asked.render(m, v)[list(places)] for v in range(views)] for m in range(augmentations)]
    drawn = [np.stack([as_pictures(images, largest=largest) for images in some], axis=1) for some in rendered]
    return np.stack(drawn, axis=1)


def moves(
    asked: panel.Panel, places: Sequence[int]
) -> Float32[np.ndarray, "example augmentation down_right_mirrored"] | None:
    """Return how views of some examples came from their images, where they are moved or mirrored, and nothing else.

    Parameters
    ----------
    asked, places
        As for :func:`panel_views`.

    Returns
    -------
    array or None
        How far the window lies below and to the right of the image, in sides of the image, -1 to 1; and whether the
        view is mirrored then, 0 or 1. None where views are made in another way.

    Examples
    --------
    >>> from dynamics.example import trained_study
    >>> (run,) = trained_study().runs["supervised"]
    >>> moves(panel_of(run, data_root=Path("data")), [0])[0, 0].tolist()
    [0.0, -0.125, 0.0]
    """
    if type(asked.views) is not CropFlipViews or asked.shape[0] != 1:
        return None
    size, some = asked.images.shape[-1], list(places)
    draws = [cast(CropFlipDraw, of_one_view) for (of_one_view,) in asked.draws]
    moved = [
        torch.cat([(draw.offset[some] - asked.views.padding) / size, draw.flip[some, None]], dim=1)
        for draw in draws
    ]
    return torch.stack(moved, dim=1).to(torch.float32).numpy()


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
