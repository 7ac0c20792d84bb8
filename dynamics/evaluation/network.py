# SPDX-License-Identifier: Apache-2.0
"""How much of the classes do a run's network, the same before training, and pixels tell."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from dynamics import features, networks, snapshots
from dynamics.augment import Views
from dynamics.data import Dataset, Track
from dynamics.data._labels import balanced_subset
from dynamics.encoders import initialise
from dynamics.errors import UserError
from dynamics.evaluation.examples import Examples, Images, Pixels, Rows
from dynamics.evaluation.fit import Standardise, fit, score
from dynamics.evaluation.outcome import Outcome
from dynamics.evaluation.recipe import EvaluationRecipe
from dynamics.features import Split, state_hash
from dynamics.methods import Method
from dynamics.methods.base import ImageStatistics
from dynamics.streams import generator

Report = Callable[[int, int, float, float | None], None]
"""Called after an epoch: the epoch, how many there are, the loss, the test's top-1 accuracy if it is known."""


def choose_labels(
    labels: Int64[Tensor, " example"], fraction: float, *, num_classes: int, seed: int
) -> Int64[Tensor, " chosen"]:
    """Draw a share of the examples, as many of each class as of another.

    A class with too few gives all it has; where the number is no multiple of the classes, the first ones give
    one more. A larger share of the same seed holds every smaller one.

    Parameters
    ----------
    labels
        Class of each example.
    fraction
        Share of all examples, above 0, at most 1.
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
    """
    count = round(fraction * len(labels))
    if count < num_classes:
        least = -(-num_classes * 10_000 // len(labels)) / 10_000
        raise UserError(
            f"--fraction {fraction:g} of {len(labels)} labels is {count}, fewer than the {num_classes} classes: "
            f"use --fraction {least:g} or more"
        )
    order = torch.randperm(len(labels), generator=generator(seed, "evaluation-split"))
    shuffled = labels.cpu()[order].numpy()
    chosen = order[torch.from_numpy(balanced_subset(shuffled, count))]
    return chosen.sort().values.to(labels.device)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Images with labels, and how encoders are evaluated on them."""

    dataset: Dataset
    """On the device."""
    statistics: ImageStatistics | None
    """Those of the images that the encoder was trained on, where `dataset` is not those."""
    recipe: EvaluationRecipe
    every_epoch: bool
    """Whether to score the test images after every epoch."""
    progress: Track | None = None
    """Shows the computation of features."""

    @property
    def device(self) -> torch.device:
        """Where to compute."""
        return self.dataset.train_labels.device

    @property
    def own(self) -> ImageStatistics:
        """Return the statistics by which the encoder's inputs are normalised."""
        return networks.image_statistics(self.dataset) if self.statistics is None else self.statistics

    def chosen(self, seed: int) -> Int64[Tensor, " chosen"]:
        """Return which training examples a seed uses."""
        dataset, share = self.dataset, self.recipe.share
        if share == 1:
            return torch.arange(dataset.num_train, device=self.device)
        return choose_labels(dataset.train_labels, share, num_classes=dataset.num_classes, seed=seed)

    def trained(self, run: snapshots.Run, report: Report) -> Outcome:
        """Evaluate a finished run's encoder."""
        return self._encoder(run, networks.restored(run, self.own), features.of_run, report)

    def untrained(self, run: snapshots.Run, report: Report) -> Outcome:
        """Evaluate the same encoder before its first step."""
        return self._encoder(run, self.initial(run), features.of_untrained, report)

    def pixels(self, seed: int, report: Report) -> Outcome:
        """Train a linear layer on the pixels, in either mode."""
        dataset, chosen = self.dataset, self.chosen(seed)
        train = Pixels(dataset.train_images[chosen], dataset.train_labels[chosen])
        return self._layer(train, Pixels(dataset.test_images, dataset.test_labels), seed, report)

    def initial(self, run: snapshots.Run) -> Method:
        """Return a run's networks before their first step."""
        return networks.initialised(run.method, networks.recipe_of(run), self.own, seed=run.seed)

    def views(self, method: Method) -> Views:
        """Return what puts images into the units that the encoder saw."""
        return method.views(method.recipe, self.own)

    def _encoder(
        self, run: snapshots.Run, method: Method, source: Callable[..., features.Features], report: Report
    ) -> Outcome:
        if self.recipe.mode == "semi":
            return self._fine_tune(method, run.seed, report)
        before, whole = state_hash(method.encoder), state_hash(method)
        train, test = (self._rows(run, split, whole, source) for split in ("train", "test"))
        chosen = self.chosen(run.seed)
        train = Rows(train.features[chosen], train.labels[chosen])
        outcome = self._layer(train, test, run.seed, report)
        after = state_hash(method.encoder)
        if after != before:
            raise UserError(f"the encoder of {run.folder} changed while it was to be frozen: report this")
        return Outcome(**{**vars(outcome), "encoder_before": before, "encoder_after": after})

    def _rows(
        self, run: snapshots.Run, split: Split, state: str, source: Callable[..., features.Features]
    ) -> Rows:
        """Return features of a split, of the network with that hash."""
        made = source(
            run,
            self.dataset,
            split,
            device=self.device,
            statistics=self.statistics,
            progress=self.progress,
        )
        if made.state != state:
            raise UserError(f"the weights of {run.folder} changed meanwhile: run this again")
        labels = self.dataset.train_labels if split == "train" else self.dataset.test_labels
        return Rows(torch.from_numpy(np.array(made.values)).to(self.device), labels)

    def _layer(self, train: Examples, test: Examples, seed: int, report: Report) -> Outcome:
        """Train a linear layer on rows of features."""
        width = train.inputs(torch.zeros(1, dtype=torch.int64, device=self.device)).shape[1]
        layer = self._new_layer(width, seed)
        scaled: nn.Module = Standardise.of(train) if self.recipe.standardise else nn.Identity()
        return self._train(nn.Sequential(scaled, layer), [(layer, self.recipe.lr)], train, test, seed, report)

    def _fine_tune(self, method: Method, seed: int, report: Report) -> Outcome:
        dataset, chosen, views = self.dataset, self.chosen(seed), self.views(method)
        train, test = (
            Images(images, labels, views=views, augment=self.recipe.augment)
            for images, labels in (
                (dataset.train_images[chosen], dataset.train_labels[chosen]),
                (dataset.test_images, dataset.test_labels),
            )
        )
        encoder = method.encoder.to(self.device)
        before = state_hash(encoder)
        layer = self._new_layer(encoder.num_features, seed)
        rates = [(encoder, self.recipe.encoder_lr), (layer, self.recipe.lr)]
        outcome = self._train(nn.Sequential(encoder, layer), rates, train, test, seed, report)
        return Outcome(**{**vars(outcome), "encoder_before": before, "encoder_after": state_hash(encoder)})

    def _new_layer(self, width: int, seed: int) -> nn.Linear:
        layer = nn.Linear(width, self.dataset.num_classes)
        initialise(layer, generator(seed, "probe"))
        return layer.to(self.device)

    def _train(
        self,
        network: nn.Module,
        rates: list[tuple[nn.Module, float]],
        train: Examples,
        test: Examples,
        seed: int,
        report: Report,
    ) -> Outcome:
        network.to(self.device)
        count = len(train.labels)
        epochs = self.recipe.actual_epochs(count)
        scores: list[tuple[float, float | None]] = []

        def after_epoch(epoch: int, loss: float) -> None:
            if self.every_epoch or epoch == epochs:
                scores.append(score(network, test))
            report(epoch, epochs, loss, scores[-1][0] if scores else None)

        loss = fit(network, rates, train, seed=seed, recipe=self.recipe, after_epoch=after_epoch)
        return Outcome(
            seed=seed,
            top1=scores[-1][0],
            top5=scores[-1][1],
            train_top1=score(network, train)[0],
            examples=count,
            loss=tuple(loss),
            test_top1=tuple(top1 for top1, _ in scores) if self.every_epoch else None,
            test_top5=tuple(top5 for _, top5 in scores) if self.every_epoch else None,
        )
