# SPDX-License-Identifier: Apache-2.0
"""How torchvision makes the same views: from PIL images as the thesis's code did, or from tensors (v2)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import transforms
from torchvision.transforms import v2

from dynamics.augment import CropFlipViews, IdentityViews, SimCLRViews, Views
from dynamics.augment.blur import kernel_size

Transform = Callable[[Any], Tensor]


def pil_transform(views: Views, size: int) -> Transform:
    """Return torchvision's composition on PIL images with the parameters of one of our distributions."""
    if isinstance(views, SimCLRViews):
        return transforms.Compose([*_strong(views, size, transforms), transforms.ToTensor()])
    if isinstance(views, CropFlipViews):
        return transforms.Compose(
            [
                transforms.RandomCrop(size, padding=views.padding),
                transforms.RandomHorizontalFlip(views.flip_probability),
                transforms.ToTensor(),
                transforms.Normalize(views.mean, views.std),
            ]
        )
    assert isinstance(views, IdentityViews)
    return transforms.Compose([transforms.ToTensor(), transforms.Normalize(views.mean, views.std)])


def tensor_transform(views: Views, size: int) -> Transform:
    """Return the same in torchvision's v2, on tensors of bytes: one draw for whatever it is given at once."""
    to_float = v2.ToDtype(torch.float32, scale=True)
    if isinstance(views, SimCLRViews):
        return v2.Compose([*_strong(views, size, v2), to_float])
    assert isinstance(views, CropFlipViews)
    return v2.Compose(
        [
            v2.RandomCrop(size, padding=views.padding),
            v2.RandomHorizontalFlip(views.flip_probability),
            to_float,
            v2.Normalize(list(views.mean), list(views.std)),
        ]
    )


def _strong(views: SimCLRViews, size: int, library: Any) -> list[Any]:
    spread, turn = 0.8 * views.jitter_strength, 0.2 * views.jitter_strength
    jitter = library.ColorJitter(spread, spread, spread, turn)
    steps = [
        library.RandomResizedCrop(size, scale=(views.crop_scale_min, 1.0), ratio=views.crop_ratio),
        library.RandomHorizontalFlip(views.flip_probability),
        library.RandomApply([jitter], p=views.jitter_probability),
        library.RandomGrayscale(views.grayscale_probability),
    ]
    taps = kernel_size(size)
    if views.blur and taps > 1:
        steps.append(library.GaussianBlur(taps, views.blur_sigma))
    return steps


class PilImages(Dataset[Any]):
    """Images kept as bytes; every item is opened with PIL and transformed, once for each view.

    Parameters
    ----------
    images, labels
        As in :class:`dynamics.data.Dataset`.
    transform
        From a PIL image to a view.
    views
        How many views of an image make an item.
    fixed_draws
        0: random views. M: item m * K + k is example k under its m-th augmentation, always the same.
    """

    def __init__(
        self, images: Tensor, labels: Tensor, transform: Transform, *, views: int, fixed_draws: int = 0
    ) -> None:
        self.pixels = np.ascontiguousarray(images.permute(0, 2, 3, 1).cpu().numpy())
        self.labels = labels.cpu().tolist()
        self.transform = transform
        self.views = views
        self.fixed_draws = fixed_draws

    def __len__(self) -> int:
        """Return the number of items of a pass."""
        return len(self.labels) * max(1, self.fixed_draws)

    def __getitem__(self, index: int) -> tuple[list[Tensor], int]:
        """Return an image's views and its label."""
        if not self.fixed_draws:
            return self._item(index)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(index)
            return self._item(index % len(self.labels))

    def _item(self, example: int) -> tuple[list[Tensor], int]:
        picture = Image.fromarray(self.pixels[example])
        return [self.transform(picture) for _ in range(self.views)], self.labels[example]
