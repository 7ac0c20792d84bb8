# SPDX-License-Identifier: Apache-2.0
"""How the memorization thesis's code trains: a DataLoader of PIL views, float32, one process, one seed.

Its recipe and its order of things: views by torchvision in worker processes, a step, `loss.item()`; after every
epoch the panel through a loader of its own. Only what makes no difference to speed is left out.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from benchmarks.peers.torchvision_views import PilImages, pil_transform
from dynamics import encoders, methods, networks
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.training.panel import draw_examples

METHODS = ("simclr", "supervised", "random-labels", "random-labels-aug")
"""The settings of the thesis."""


class Baseline:
    """One seed of one of the thesis's settings.

    Parameters
    ----------
    name
        One of :data:`METHODS`.
    recipe
        Sizes and rates; the network is float32 whatever its precision says.
    dataset
        What to train on.
    device
        Where the network is; the images stay on the host.
    workers
        Processes that make views.
    """

    def __init__(
        self, name: str, recipe: Any, dataset: Dataset, *, device: torch.device, workers: int
    ) -> None:
        self.contrastive = name == "simclr"
        self.recipe = recipe  # of a type that depends on the method
        self.device = device
        self.epoch = 0
        dataset = networks.training_data(dataset, recipe)
        method = methods.load(name)
        labels = networks.training_labels(method, recipe, dataset)
        self.network = _network(
            recipe, dataset.num_classes if not self.contrastive else self.recipe.embedding
        )
        self.network.to(device)
        self.optimizer = _optimizer(recipe, self.network)
        views = method.views(recipe, networks.image_statistics(dataset))
        transform = pil_transform(views, dataset.image_size)
        number = 2 if self.contrastive else 1
        self.loader: DataLoader[Any] = DataLoader(
            PilImages(dataset.train_images, labels, transform, views=number),
            batch_size=recipe.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        panel = draw_examples(recipe, dataset.num_train)
        draws = 1 if views.deterministic else recipe.panel_augmentations
        self.panel: DataLoader[Any] = DataLoader(
            PilImages(dataset.train_images[panel], labels[panel], transform, views=number, fixed_draws=draws),
            batch_size=min(recipe.panel_batch, recipe.panel_examples),
            num_workers=workers,
            persistent_workers=workers > 0,
        )

    def run_epoch(self) -> tuple[float, Tensor]:
        """Train one epoch and score the panel; return the mean loss and `correct` of every panel item."""
        return self.train_epoch(), self.score()

    def train_epoch(self) -> float:
        """Train one epoch; return the mean loss."""
        self.network.train()
        total = 0.0
        for views, labels in self.loader:
            loss = self.loss([view.to(self.device) for view in views], labels.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        self.epoch += 1
        return total / len(self.loader)

    def loss(self, views: list[Tensor], labels: Tensor) -> Tensor:
        """Return NT-Xent of two views, or the cross-entropy of one."""
        if not self.contrastive:
            return functional.cross_entropy(self.network(views[0]), labels)
        logits, partners = _similarities(self.network(torch.cat(views)))
        return functional.cross_entropy(logits / self.recipe.temperature, partners)

    @torch.no_grad()
    def score(self) -> Tensor:
        """Return whether each panel item was right, in the order of the loader."""
        self.network.eval()
        correct = []
        for views, labels in self.panel:
            outputs = self.network(torch.cat([view.to(self.device) for view in views]))
            if self.contrastive:
                logits, wanted = _similarities(outputs)
                correct.append((logits.argmax(1) == wanted)[: len(labels)].cpu())
            else:
                correct.append((outputs.argmax(1) == labels.to(self.device)).cpu())
        return torch.cat(correct)


def _network(recipe: Recipe, outputs: int) -> nn.Module:
    encoder = encoders.build(recipe.encoder, width=recipe.width)
    return nn.Sequential(encoder, nn.Linear(encoder.num_features, outputs))


def _optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    if recipe.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        network.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )


def _similarities(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosines of all pairs of 2B views, with -inf on the diagonal, and each view's partner."""
    unit = functional.normalize(outputs, dim=1)
    cosines = unit @ unit.T
    cosines = cosines.masked_fill(torch.eye(len(unit), dtype=torch.bool, device=unit.device), -torch.inf)
    return cosines, torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
