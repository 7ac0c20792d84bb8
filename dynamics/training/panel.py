# SPDX-License-Identifier: Apache-2.0
"""Which examples of a fixed panel does a network get right: K training examples under M augmentations.

Examples and augmentations are drawn once, from `panel_seed`, and are the same for all seeds; the examples
are the same for all methods (memorization thesis, eq. 4.2: the average over seeds and augmentations of the
indicator that is recorded here is r_t(x)).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float16, Int64
from torch import Tensor

from dynamics.augment import Draw, Views
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.methods import Method
from dynamics.methods.base import Judgement, Representation
from dynamics.streams import generator
from dynamics.training import diagnostics

RENDER_CHUNK = 4096
"""Views that are rendered and scored at a time."""
CACHE_BYTES = 2**30
"""Rendered views are kept between epochs while they take less than this."""


class Scores(NamedTuple):
    """One epoch's verdicts, in the axes of the snapshots."""

    correct: Bool[np.ndarray, "view augmentation example"]
    probability: Float16[np.ndarray, "view augmentation example"]
    diagnostics: dict[str, float]
    """Spread and rank of what the network makes of the first augmentation (:mod:`dynamics.training.diagnostics`)."""


def draw_examples(config: Recipe, num_train: int) -> Int64[Tensor, " example"]:
    """Draw the panel's K training examples from `panel_seed`: without replacement unless asked otherwise.

    A longer panel begins with a shorter one's examples. The sizes are those that :func:`check` passed.
    """
    stream = generator(config.panel_seed, "panel-examples")
    if config.panel_replacement:
        return torch.randint(num_train, (config.panel_examples,), generator=stream)
    return torch.randperm(num_train, generator=stream)[: config.panel_examples]


@dataclass(kw_only=True)
class Panel:
    """The fixed examples under their fixed augmentations, ready to be scored.

    `images` (uint8), `labels` (those used in training) and `draws[augmentation][view]` have the panel's
    examples as their first axis and lie on the device.
    """

    images: Tensor
    labels: Tensor
    views: Views
    draws: list[list[Draw]]
    _rendered: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Sizes of the axes view, augmentation, example."""
        return len(self.draws[0]), len(self.draws), len(self.images)

    def render(self, augmentation: int, view: int) -> Tensor:
        """Return one view of all examples under one augmentation, the same bits every time."""
        key = (augmentation, view)
        if key in self._rendered:
            return self._rendered[key]
        draw = self.draws[augmentation][view]
        chunks = range(0, len(self.images), RENDER_CHUNK)
        rendered = torch.cat(
            [self.views.render(self.images[i : i + RENDER_CHUNK], draw[i : i + RENDER_CHUNK]) for i in chunks]
        )
        views, augmentations, _ = self.shape
        if views * augmentations * rendered.numel() * rendered.element_size() <= CACHE_BYTES:
            self._rendered[key] = rendered
        return rendered

    @torch.inference_mode()
    def score(self, method: Method) -> Scores:
        """Score every view of every example with the network in eval mode.

        The network is left as it was: batch norm's statistics are used, not updated.
        """
        was_training = method.training
        method.eval()
        verdicts: list[Judgement] = []
        measured: dict[str, float] = {}
        try:
            for group in self._groups():
                seen = self._represent(method, group)
                if 0 in group:
                    measured = diagnostics.diagnose(seen.features[0], seen.outputs[0])
                verdicts += [method.judge(outputs, self.labels) for outputs in seen.outputs]
        finally:
            method.train(was_training)
        correct = torch.stack([verdict.correct for verdict in verdicts], dim=1)
        probability = torch.stack([verdict.probability for verdict in verdicts], dim=1)
        return Scores(correct.cpu().numpy(), probability.half().cpu().numpy(), measured)

    def _groups(self) -> list[range]:
        """Return augmentations that go through the network together: as many as a chunk takes, or one."""
        views, augmentations, examples = self.shape
        together = max(1, RENDER_CHUNK // (views * examples))
        return [
            range(first, min(first + together, augmentations)) for first in range(0, augmentations, together)
        ]

    def _represent(self, method: Method, group: range) -> Representation:
        """Return features and outputs with the axes augmentation, view, example, feature."""
        views = range(self.shape[0])
        images = torch.cat([self.render(augmentation, view) for augmentation in group for view in views])
        parts = [method.represent(chunk) for chunk in images.split(RENDER_CHUNK)]
        whole = (torch.cat(part) for part in zip(*parts, strict=True))
        return Representation(*(values.unflatten(0, (len(group), len(views), -1)) for values in whole))


def check(config: Recipe, *, num_train: int, num_views: int) -> None:
    """Compare a panel's sizes with each other and with the data, before anything is computed.

    Raises
    ------
    UserError
        When K examples cannot be drawn without replacement, or do not split into the panel's batches.
    """
    size = config.panel_examples
    if size > num_train and not config.panel_replacement:
        raise UserError(
            f"`panel_examples` must be <= {num_train}, the number of training images, got {size}: "
            "use fewer, or `panel_replacement=True`"
        )
    batch = min(config.panel_batch, size)
    if num_views > 1 and size % batch:
        raise UserError(f"`panel_examples` must be a multiple of `panel_batch` ({batch}), got {size}")


def build(
    config: Recipe,
    views: Views,
    *,
    num_views: int,
    images: Tensor,
    labels: Tensor,
    examples: Int64[Tensor, " example"],
) -> Panel:
    """Build the panel of a run.

    Parameters
    ----------
    config
        Gives M, the panel's batch and `panel_seed`.
    views
        The method's distribution of views; where it has no randomness, one augmentation stands for all M.
    num_views
        1, or 2 where partners are looked for.
    images, labels
        The training set, on the device.
    examples
        Indices into it, from :func:`draw_examples`.

    """
    augmentations = 1 if views.deterministic else config.panel_augmentations
    chosen = examples.to(images.device)

    def draw(augmentation: int, view: int) -> Draw:
        # Drawn on the CPU, so that the panel is the same on every machine; a counter of its own for each
        # augmentation and view, so that a larger M begins with a smaller one's augmentations.
        stream = generator(config.panel_seed, "panel-augmentations", 2 * augmentation + view)
        return views.draw(len(examples), images.shape[-1], generator=stream).to(images.device)

    return Panel(
        images=images[chosen],
        labels=labels[chosen],
        views=views,
        draws=[[draw(m, v) for v in range(num_views)] for m in range(augmentations)],
    )
