# SPDX-License-Identifier: Apache-2.0
"""The same views by torchvision: from PIL images as the thesis's code made them, or from tensors (v2)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import v2

from dynamics.augment import CropFlipViews, SimCLRViews, Views
from dynamics.augment.blur import kernel_size


def pil_transform(views: Views, size: int) -> Callable[[Any], Tensor]:
    """Return torchvision's composition on PIL images with the parameters of one of our distributions."""
    return _composition(views, size, transforms, transforms.ToTensor())


def tensor_transform(views: Views, size: int) -> Callable[[Any], Tensor]:
    """Return the same in torchvision's v2, on tensors of bytes: one draw for whatever it is given at once."""
    return _composition(views, size, v2, v2.ToDtype(torch.float32, scale=True))


def _composition(views: Any, size: int, library: Any, to_float: Any) -> Callable[[Any], Tensor]:
    if isinstance(views, SimCLRViews):
        return library.Compose([*_strong(views, size, library), to_float])
    moved = []
    if isinstance(views, CropFlipViews):
        flip = library.RandomHorizontalFlip(views.flip_probability)
        moved = [library.RandomCrop(size, padding=views.padding), flip]
    return library.Compose([*moved, to_float, library.Normalize(list(views.mean), list(views.std))])


def jitter_range(views: SimCLRViews) -> tuple[float, float]:
    """Return how far brightness, contrast and saturation go from 1, and how far hue goes from 0."""
    return 0.8 * views.jitter_strength, 0.2 * views.jitter_strength


def _strong(views: SimCLRViews, size: int, library: Any) -> list[Any]:
    spread, turn = jitter_range(views)
    jitter = library.ColorJitter(spread, spread, spread, turn)
    steps = [
        library.RandomResizedCrop(size, scale=(views.crop_scale_min, 1.0), ratio=views.crop_ratio),
        library.RandomHorizontalFlip(views.flip_probability),
        library.RandomApply([jitter], p=views.jitter_probability),
        library.RandomGrayscale(views.grayscale_probability),
    ]
    taps = kernel_size(size)
    blur = [library.GaussianBlur(taps, views.blur_sigma)] if views.blur and taps > 1 else []
    return steps + blur


class PilImages(Dataset[Any]):
    """Images kept as bytes; every item is opened with PIL and transformed, once for each of `views`.

    With `fixed_draws` M > 0, item m * K + k is example k under its m-th augmentation, always the same.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        transform: Callable[[Any], Any],
        *,
        views: int,
        fixed_draws: int = 0,
    ) -> None:
        self.pixels = np.ascontiguousarray(images.permute(0, 2, 3, 1).cpu().numpy())
        self.labels = labels.cpu().tolist()
        self.transform, self.views, self.fixed_draws = transform, views, fixed_draws

    def __len__(self) -> int:
        """Return the number of items of a pass."""
        return len(self.labels) * max(1, self.fixed_draws)

    def __getitem__(self, index: int) -> tuple[list[Any], int]:
        """Return an image's views and its label."""
        if not self.fixed_draws:
            return self._item(index)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(index)
            return self._item(index % len(self.labels))

    def _item(self, example: int) -> tuple[list[Any], int]:
        picture = Image.fromarray(self.pixels[example])
        return [self.transform(picture) for _ in range(self.views)], self.labels[example]


def loader(items: PilImages, batch_size: int, *, workers: int, **options: Any) -> DataLoader[Any]:
    """Return a loader whose processes, if any, stay from pass to pass."""
    return DataLoader(items, batch_size, num_workers=workers, persistent_workers=workers > 0, **options)
