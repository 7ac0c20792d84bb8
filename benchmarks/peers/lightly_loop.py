# SPDX-License-Identifier: Apache-2.0
"""SimCLR in plain PyTorch as lightly's documentation has it: its transform, head and loss in a loop of one's own.

Views by PIL in a DataLoader, as on its page for CIFAR-10 (no blur, SGD with rate 0.06, a head of one hidden layer);
in place of torchvision's ResNet-18 stands ours, of the recipe's width, so that both train the same network. It records
nothing of single examples.
"""

import importlib
import importlib.util

import torch
from torch import nn

from benchmarks.peers.torchvision_views import PilImages, loader
from dynamics import encoders, networks
from dynamics.config import Recipe
from dynamics.data import Dataset

LEARNING_RATE = 0.06
HIDDEN, EMBEDDING = 512, 128


def installed() -> bool:
    """Whether lightly is there: no other part of this project needs it."""
    return importlib.util.find_spec("lightly") is not None


class LightlyLoop:
    """One seed of SimCLR by lightly; arguments as those of :class:`benchmarks.peers.baseline.Baseline`.

    Encoder, width, batch and number of images are the recipe's; rates and head are lightly's.
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
        # One item is the pair of views that lightly's transform makes.
        items = PilImages(dataset.train_images, dataset.train_labels, transform, views=1)
        self.loader = loader(items, recipe.batch_size, workers=workers, shuffle=True, drop_last=True)

    def train_epoch(self) -> float:
        """Train one epoch; return the mean loss."""
        self.network.train()
        total = torch.zeros((), device=self.device)
        for (pair,), _ in self.loader:
            embeddings = [self.network(view.to(self.device)) for view in pair]
            loss = self.criterion(*embeddings)
            total += loss.detach()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        return (total / len(self.loader)).item()

    def score(self) -> None:
        """Do nothing: there are no snapshots."""
