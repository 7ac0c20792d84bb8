# SPDX-License-Identifier: Apache-2.0
"""How lightly's documentation trains SimCLR in plain PyTorch: its transform, head and loss in a loop of one's own.

Views by PIL in a DataLoader, as on its page for CIFAR-10 (no blur, SGD with rate 0.06, a head of one hidden layer);
in place of torchvision's ResNet-18 stands ours, of the recipe's width, so that both train the same network. It records
nothing of single examples.
"""

import importlib
import importlib.util
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Items

from dynamics import encoders, networks
from dynamics.config import Recipe
from dynamics.data import Dataset

LEARNING_RATE = 0.06
HIDDEN, EMBEDDING = 512, 128


def installed() -> bool:
    """Whether lightly is there: no other part of this project needs it."""
    return importlib.util.find_spec("lightly") is not None


class Pictures(Items[Any]):
    """Images that are opened with PIL and transformed, as torchvision's data sets do it."""

    def __init__(self, images: Tensor, labels: Tensor, transform: Any) -> None:
        self.pixels = np.ascontiguousarray(images.permute(0, 2, 3, 1).cpu().numpy())
        self.labels = labels.cpu().tolist()
        self.transform = transform

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[list[Tensor], int]:
        """Return the two views of an image, and its label."""
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


class LightlyLoop:
    """One seed of SimCLR by lightly.

    Parameters
    ----------
    recipe
        Its encoder, width, batch and number of images are taken over; rates and head are lightly's.
    dataset
        What to train on.
    device
        Where the network is; the images stay on the host.
    workers
        Processes that make views.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, *, device: torch.device, workers: int) -> None:
        # Imported by name: lightly has no types, and may be absent.
        heads, losses, transforms = (
            importlib.import_module(f"lightly.{name}")
            for name in ("models.modules.heads", "loss", "transforms")
        )
        dataset = networks.training_data(dataset, recipe)
        self.device = device
        backbone = encoders.build(recipe.encoder, width=recipe.width)
        head = heads.SimCLRProjectionHead(backbone.num_features, HIDDEN, EMBEDDING)
        self.network = nn.Sequential(backbone, head).to(device)
        self.criterion = losses.NTXentLoss()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=LEARNING_RATE)
        transform = transforms.SimCLRTransform(input_size=dataset.image_size, gaussian_blur=0.0)
        self.loader: DataLoader[Any] = DataLoader(
            Pictures(dataset.train_images, dataset.train_labels, transform),
            batch_size=recipe.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )

    def train_epoch(self) -> float:
        """Train one epoch; return the mean loss."""
        self.network.train()
        total = torch.zeros((), device=self.device)
        for (first, second), _ in self.loader:
            embeddings = [self.network(view.to(self.device)) for view in (first, second)]
            loss = self.criterion(*embeddings)
            total += loss.detach()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        return (total / len(self.loader)).item()

    def score(self) -> None:
        """Do nothing: there are no snapshots."""
