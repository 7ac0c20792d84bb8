# SPDX-License-Identifier: Apache-2.0
"""Evaluation of one run: its encoder, the encoder before training, and pixels."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from dynamics import networks, snapshots
from dynamics.data import Dataset, Track
from dynamics.encoders import initialise
from dynamics.errors import UserError
from dynamics.evaluation import features, sgd
from dynamics.evaluation.accuracy import top1_top5
from dynamics.evaluation.choose import choose_labels
from dynamics.evaluation.examples import Examples, light_views
from dynamics.evaluation.features import Split, state_hash
from dynamics.evaluation.knn import class_votes
from dynamics.evaluation.recipes import EvaluationRecipe
from dynamics.methods import Method
from dynamics.methods.base import ImageStatistics
from dynamics.names import PIXELS, UNTRAINED
from dynamics.streams import generator

SPLITS: tuple[Split, Split] = ("train", "test")
AfterEpoch = Callable[[int, int, float, float | None], None]
"""Called after an epoch: the epoch, the number of epochs, the loss, the top-1 accuracy on the test images if known."""


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """Result of the evaluation of one seed: accuracies after the last epoch, 0 to 1, and losses by epoch."""

    seed: int
    top1: float
    """Fraction of test images whose class has the largest score."""
    top5: float | None
    """Fraction whose class is among the five largest; not defined with fewer than six classes."""
    train_top1: float | None
    """Fraction of the training examples that were used, unaugmented; None for nearest neighbours."""
    examples: int
    """Number of training examples used."""
    loss: tuple[float, ...] = ()
    """Mean cross-entropy of the training examples in each epoch of training, in nats."""
    test_top1: tuple[float, ...] | None = None
    """Top-1 accuracy after each epoch; None where only the last was scored."""
    test_top5: tuple[float | None, ...] | None = None
    encoder_before: str | None = None
    """Hash of the encoder's weights and batch-norm buffers; None for pixels."""
    encoder_after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Images with labels, and how encoders are evaluated on them.

    Examples
    --------
    >>> from dynamics import data
    >>> images = data.load("digits")
    >>> recipe = EvaluationRecipe(mode="knn")
    >>> result = Evaluation(dataset=images, statistics=None, recipe=recipe).pixels(seed=0)
    >>> result.top1 > 0.9, result.examples
    (True, 1442)
    """

    dataset: Dataset
    """All images, on the device."""
    statistics: ImageStatistics | None
    """Statistics of the encoder's training images, where `dataset` is a different data set."""
    recipe: EvaluationRecipe
    every_epoch: bool = False
    """Whether to score the test images after every epoch."""
    progress: Track | None = None
    """Shows how far the computation of features is."""
    after_epoch: AfterEpoch = lambda epoch, epochs, loss, top1: None

    @property
    def device(self) -> torch.device:
        """Where to compute."""
        return self.dataset.train_labels.device

    @property
    def encoder_statistics(self) -> ImageStatistics:
        """The statistics by which the encoder's inputs are normalised."""
        return networks.image_statistics(self.dataset if self.statistics is None else self.statistics)

    def chosen(self, seed: int) -> Int64[Tensor, " chosen"]:
        """Return which training examples a seed uses."""
        dataset, fraction = self.dataset, self.recipe.label_fraction
        if fraction == 1:
            return torch.arange(dataset.num_train, device=self.device)
        return choose_labels(dataset.train_labels, fraction, num_classes=dataset.num_classes, seed=seed)

    def of(self, run: snapshots.Run, features: str | None = None) -> ProbeResult:
        """Evaluate a finished run's encoder, or a baseline that it should exceed.

        Parameters
        ----------
        run
            A finished seed.
        features
            `random-initialisation` is the encoder before its first step, `pixels` the images; any other name is
        the trained encoder.

        Raises
        ------
        UserError
            When the weights are missing or damaged, `fraction` leaves too few labels, or a loss is not finite.
        """
        if features == PIXELS:
            return self.pixels(run.seed)
        untrained = features == UNTRAINED
        if untrained:
            recipe = networks.recipe_of(run)
            method = networks.untrained(run.method, recipe, self.encoder_statistics, seed=run.seed)
        else:
            method = networks.trained(run, self.encoder_statistics)
        if self.recipe.mode == "semi":
            return self._fine_tune(method, run.seed)
        before, state = state_hash(method.encoder), state_hash(method)
        train, test = (self._features(run, split, state, untrained=untrained) for split in SPLITS)
        result = self._frozen(train, test, run.seed)
        after = state_hash(method.encoder)
        if after != before:
            raise UserError(
                f"the encoder of {run.folder} must stay frozen, but its weights changed: report this"
            )
        return dataclasses.replace(result, encoder_before=before, encoder_after=after)

    def pixels(self, seed: int) -> ProbeResult:
        """Evaluate the pixels; they have no encoder to fine-tune, so `semi` trains a linear layer, too."""
        train, test = (features.split_images(self.dataset, split) for split in SPLITS)
        return self._frozen(train, test, seed)

    def _features(self, run: snapshots.Run, split: Split, state: str, *, untrained: bool) -> Tensor:
        """Return the features of a split; the network must have this hash."""
        made = features.of_run(
            run,
            self.dataset,
            split,
            device=self.device,
            statistics=self.statistics,
            progress=self.progress,
            untrained=untrained,
        )
        if made.state != state:
            raise UserError(
                f"the weights of {run.folder} changed during the evaluation: run the command again"
            )
        return torch.from_numpy(np.array(made.values)).to(self.device)

    def _examples(self, train: Tensor, test: Tensor, seed: int) -> tuple[Examples, Examples]:
        """Return the training examples that a seed uses and all test examples, with their labels."""
        chosen = self.chosen(seed)
        return (
            Examples(train[chosen], self.dataset.train_labels[chosen]),
            Examples(test, self.dataset.test_labels),
        )

    def _frozen(self, train: Tensor, test: Tensor, seed: int) -> ProbeResult:
        """Classify fixed features or pixels by nearest neighbours or a linear layer."""
        learnt, new = self._examples(train, test, seed)
        classes = self.dataset.num_classes
        if self.recipe.mode == "knn":
            bank, queries = learnt.values.flatten(1), new.values.flatten(1)
            votes = class_votes(bank, learnt.labels, queries, num_classes=classes, recipe=self.recipe.knn)
            top1, top5 = top1_top5(votes, new.labels)
            return ProbeResult(seed=seed, top1=top1, top5=top5, train_top1=None, examples=len(bank))
        layer = self._new_layer(train[0].numel(), seed)
        scaled = sgd.Standardise.of(learnt) if self.recipe.standardise else nn.Identity()
        return self._train(nn.Sequential(scaled, layer), [(layer, self.recipe.lr)], learnt, new, seed)

    def _fine_tune(self, method: Method, seed: int) -> ProbeResult:
        dataset = self.dataset
        views = method.views(method.recipe, self.encoder_statistics)
        train, test = self._examples(dataset.train_images, dataset.test_images, seed)
        light = light_views(dataset.image_size, self.recipe.augment)
        train = dataclasses.replace(train, look=views.clean, light=light)
        test = dataclasses.replace(test, look=views.clean)
        encoder = method.encoder.to(self.device)
        before = state_hash(encoder)
        layer = self._new_layer(encoder.num_features, seed)
        rates = [(encoder, self.recipe.encoder_lr), (layer, self.recipe.lr)]
        result = self._train(nn.Sequential(encoder, layer), rates, train, test, seed)
        return dataclasses.replace(result, encoder_before=before, encoder_after=state_hash(encoder))

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
    ) -> ProbeResult:
        network.to(self.device)
        count = len(train.labels)
        epochs = self.recipe.actual_epochs(count)
        scores: list[tuple[float, float | None]] = []

        def after_epoch(epoch: int, loss: float) -> None:
            if self.every_epoch or epoch == epochs:
                scores.append(sgd.score(network, test))
            self.after_epoch(epoch, epochs, loss, scores[-1][0] if scores else None)

        loss = sgd.fit(network, rates, train, seed=seed, recipe=self.recipe, after_epoch=after_epoch)
        return ProbeResult(
            seed=seed,
            top1=scores[-1][0],
            top5=scores[-1][1],
            train_top1=sgd.score(network, train)[0],
            examples=count,
            loss=tuple(loss),
            test_top1=tuple(top1 for top1, _ in scores) if self.every_epoch else None,
            test_top5=tuple(top5 for _, top5 in scores) if self.every_epoch else None,
        )
