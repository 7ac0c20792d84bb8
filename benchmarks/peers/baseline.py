# SPDX-License-Identifier: Apache-2.0
"""The memorization thesis's way of training: a DataLoader of PIL views, float32, one process, one seed.

Its recipe and its order of things: views by torchvision in worker processes, a step, `loss.item()`; after every
epoch the panel through its own loader. Only what does not affect speed is left out.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.torchvision_views import PilImages, loader, pil_transform
from dynamics import encoders, methods, networks
from dynamics.data import Dataset
from dynamics.training.panel import draw_examples

METHODS = ("simclr", "supervised", "random-labels", "random-labels-aug")
"""The settings of the thesis."""


class Baseline:
    """One seed of one of :data:`METHODS`: sizes and rates are the recipe's, the network is float32 in any case.

    The network is on the device; images stay on the host, where `workers` processes make views.
    """

    def __init__(
        self, name: str, recipe: Any, dataset: Dataset, *, device: torch.device, workers: int
    ) -> None:
        self.contrastive, self.recipe, self.device = name == "simclr", recipe, device
        dataset = networks.training_data(dataset, recipe)
        method = methods.load(name)
        images, labels = dataset.train_images, networks.training_labels(method, recipe, dataset)
        encoder = encoders.build(recipe.encoder, width=recipe.width)
        outputs = recipe.embedding if self.contrastive else dataset.num_classes
        self.network = nn.Sequential(encoder, nn.Linear(encoder.num_features, outputs)).to(device)
        self.optimizer = _optimizer(recipe, self.network)
        views = method.views(recipe, networks.image_statistics(dataset))
        transform = pil_transform(views, dataset.image_size)
        number, batch = 2 if self.contrastive else 1, recipe.batch_size
        items = PilImages(images, labels, transform, views=number)
        self.loader = loader(items, batch, workers=workers, shuffle=True, drop_last=True)
        panel = draw_examples(recipe, dataset.num_train)
        draws = 1 if views.deterministic else recipe.panel_augmentations
        items = PilImages(images[panel], labels[panel], transform, views=number, fixed_draws=draws)
        self.panel = loader(items, min(recipe.panel_batch, recipe.panel_examples), workers=workers)

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
            logits, wanted = (
                self.network(torch.cat([view.to(self.device) for view in views])),
                labels.to(self.device),
            )
            if self.contrastive:
                logits, wanted = _similarities(logits)
            correct.append((logits.argmax(1) == wanted)[: len(labels)].cpu())
        return torch.cat(correct)


def _optimizer(recipe: Any, network: nn.Module) -> torch.optim.Optimizer:
    options = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
    if recipe.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), **options)
    return torch.optim.SGD(network.parameters(), momentum=recipe.momentum, **options)


def _similarities(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosines of all pairs of 2B views, with -inf on the diagonal, and the index of each view's positive."""
    unit = functional.normalize(outputs, dim=1)
    own = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    return (unit @ unit.T).masked_fill(own, -torch.inf), torch.arange(len(unit), device=unit.device).roll(
        len(unit) // 2
    )
