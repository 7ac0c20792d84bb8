# SPDX-License-Identifier: Apache-2.0
"""The panel: K fixed training examples under M fixed augmentations, scored after every epoch.

Examples and augmentations are drawn once, from `panel_seed`, and are the same for all seeds; the examples
are the same for all methods. The average over seeds and augmentations of the indicator that is recorded here
is r_t(x) (memorization thesis, eq. 4.2). Test images that no seed is trained on are scored under the same
augmentations, and a seed may leave some of the panel out of its training: both tell memory from learning.
"""

import logging
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from dynamics.augment import Draw, Views
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.methods import Method
from dynamics.methods.base import Representation
from dynamics.methods.labels import LabelMethod
from dynamics.methods.views import ViewMethod
from dynamics.snapshots.schema import ARRAYS, RIVALS
from dynamics.streams import generator
from dynamics.training import diagnostics, stopping

LOGGER = logging.getLogger(__name__)

CHUNK, CHUNK_PIXELS = 4096, 2**18
"""Largest number of views that are rendered and scored at a time and, on a CPU, of their pixels: what the layers of a
network pass on stays in its caches (1024 views of 32 px in chunks of 256 take 0.55 times as long as at once)."""
CACHE_BYTES = 2**30
"""Rendered views are kept from epoch to epoch if they take at most this."""


class PanelScores(NamedTuple):
    """One epoch's verdicts."""

    arrays: dict[str, np.ndarray]
    """(view, augmentation, example), by their names in the snapshots: `correct`, `probability` and so on."""
    diagnostics: dict[str, float]
    """Diagnostics of collapse under the first augmentation (:mod:`dynamics.training.diagnostics`)."""


def arrays_of(method: Method) -> tuple[str, ...]:
    """Return the names of the arrays that a panel of a method is scored with.

    Examples
    --------
    >>> from dynamics import methods
    >>> from dynamics.methods.base import ImageStatistics
    >>> digits = ImageStatistics(num_classes=10, image_size=8, mean=(0.5,) * 3, std=(0.5,) * 3)
    >>> arrays_of(methods.load("supervised")(methods.recipe("supervised")(width=2), digits))
    ('correct', 'probability', 'margin', 'error_norm', 'predicted')
    """
    if type(method).judge is LabelMethod.judge:
        return "correct", "probability", "margin", "error_norm", "predicted"
    if type(method).judge is ViewMethod.judge and method.panel_views == 2:
        return "correct", "probability", "margin", "error_norm", *RIVALS
    return "correct", "probability"  # what a judge of one's own says is known of no rival


def draw_held_out(config: Recipe, num_test: int, *, num_views: int) -> Int64[Tensor, " example"]:
    """Draw the test images that are scored beside the panel, from `panel_seed`; fewer where a batch needs it.

    Raises
    ------
    UserError
        When there are fewer test images than `held_out_examples`, or they are no multiple of the panel's batch.

    Examples
    --------
    >>> len(draw_held_out(Recipe(panel_examples=64, panel_batch=32), 50, num_views=2))
    32
    """
    size, wanted = config.panel_examples, config.held_out_examples
    batch = min(config.panel_batch, size) if num_views > 1 else 1
    if wanted is None:
        wanted = min(size, num_test) // batch * batch
        if num_test and not wanted:
            LOGGER.warning(
                "no held-out images are scored: the %d test images are fewer than a panel batch, %d",
                num_test,
                batch,
            )
    if wanted > num_test:
        raise UserError(f"`held_out_examples` must be <= {num_test}, the number of test images, got {wanted}")
    if wanted % batch or (num_views > 1 and wanted > size < config.panel_batch):
        raise UserError(
            f"`held_out_examples` must be a multiple of the panel's batch ({batch}), got {wanted}"
        )
    return torch.randperm(num_test, generator=generator(config.panel_seed, "held-out-examples"))[:wanted]


def left_out(config: Recipe, examples: Int64[Tensor, " example"], *, seed: int) -> Int64[Tensor, " left_out"]:
    """Draw the panel's examples that a seed is not trained on, the fraction `hold_out` of those that differ.

    Examples
    --------
    >>> len(left_out(Recipe(hold_out=0.25), torch.tensor([5, 7, 7, 9, 2]), seed=0))
    1
    """
    different = examples.unique()
    shuffled = different[torch.randperm(len(different), generator=generator(seed, "hold-out"))]
    return shuffled[: round(config.hold_out * len(different))]


def draw_examples(config: Recipe, num_train: int) -> Int64[Tensor, " example"]:
    """Draw the panel's K training examples from `panel_seed`, without replacement unless the recipe asks for it.

    A larger panel begins with the examples of a smaller one. The sizes must have passed :func:`check`.

    Examples
    --------
    >>> draw_examples(Recipe(panel_examples=6), 100)[:4].equal(draw_examples(Recipe(panel_examples=4), 100))
    True
    """
    stream = generator(config.panel_seed, "panel-examples")
    if config.panel_replacement:
        return torch.randint(num_train, (config.panel_examples,), generator=stream)
    return torch.randperm(num_train, generator=stream)[: config.panel_examples]


@dataclass(kw_only=True)
class Panel:
    """The fixed examples under their fixed augmentations, ready to be scored.

    `images` (uint8), `labels` (those used in training) and `draws[augmentation][view]` have the panel's
    examples as their first axis and are on the device.
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

    @property
    def chunk(self) -> int:
        """Number of views that are rendered and scored at a time."""
        if self.images.device.type != "cpu":
            return CHUNK
        return min(CHUNK, max(1, CHUNK_PIXELS // self.images.shape[-1] ** 2))

    def render(self, augmentation: int, view: int) -> Tensor:
        """Return one view of all examples under one augmentation, the same bits every time."""
        key = (augmentation, view)
        if key in self._rendered:
            return self._rendered[key]
        draw = self.draws[augmentation][view]
        size = self.chunk
        rendered = torch.cat(
            [
                self.views.render(self.images[i : i + size], draw[i : i + size])
                for i in range(0, len(self.images), size)
            ]
        )
        views, augmentations, _ = self.shape
        if views * augmentations * rendered.numel() * rendered.element_size() <= CACHE_BYTES:
            self._rendered[key] = rendered
        return rendered

    @torch.inference_mode()
    def score(self, method: Method, *, diagnose: bool = True) -> PanelScores:
        """Score every view of every example with the network in eval mode.

        The network is left unchanged: batch norm's statistics are used, not updated.

        Parameters
        ----------
        method
            The network.
        diagnose
            Whether to measure collapse, and to refuse outputs and probabilities that show that training has diverged.
        """
        was_training = method.training
        method.eval()
        verdicts: dict[str, list[Tensor]] = {name: [] for name in arrays_of(method)}
        collapse: dict[str, float] = {}
        try:
            for group in self._groups():
                stopping.check()
                seen = self._represent(method, group)
                if diagnose and 0 in group:
                    collapse = diagnostics.diagnose(seen.features[0], seen.outputs[0])
                for outputs in seen.outputs:
                    judged: Any = method.judge(outputs, self.labels)
                    found: dict[str, Tensor] = {}
                    if RIVALS[0] in verdicts:
                        found = dict(
                            zip(RIVALS, cast(ViewMethod, method).rivals(outputs, self.labels), strict=True)
                        )
                    for name, values in verdicts.items():
                        values.append(found[name] if name in found else getattr(judged, name))
        finally:
            method.train(was_training)
        arrays = {name: torch.stack(values, dim=1).cpu().numpy() for name, values in verdicts.items()}
        arrays = {name: values.astype(ARRAYS[name].dtype, copy=False) for name, values in arrays.items()}
        probability = arrays["probability"]
        if diagnose and not ((probability >= 0) & (probability <= 1)).all():
            raise UserError(
                f"{type(method).__name__}.judge must return probabilities in [0, 1], "
                f"got {probability.min()} to {probability.max()}"
            )
        return PanelScores(arrays, collapse)

    def _groups(self) -> list[range]:
        """Return the augmentations that pass the network together: as many as fit into a chunk, or one."""
        views, augmentations, examples = self.shape
        together = max(1, self.chunk // (views * examples))
        return [
            range(first, min(first + together, augmentations)) for first in range(0, augmentations, together)
        ]

    def _represent(self, method: Method, group: range) -> Representation:
        """Return features and outputs with the axes augmentation, view, example, feature."""
        views = range(self.shape[0])
        images = torch.cat([self.render(augmentation, view) for augmentation in group for view in views])
        parts = [method.represent(chunk) for chunk in images.split(self.chunk)]
        joined = (torch.cat(part) for part in zip(*parts, strict=True))
        return Representation(*(values.unflatten(0, (len(group), len(views), -1)) for values in joined))


def check(config: Recipe, *, num_train: int, num_test: int, num_views: int) -> None:
    """Check a panel's sizes against each other and against the data, before anything is computed.

    Raises
    ------
    UserError
        When K examples cannot be drawn without replacement, or are not a multiple of the panel's batch, test images
        are too few, or what is left of the training images is no batch.

    Examples
    --------
    >>> check(Recipe(panel_examples=100, panel_batch=48), num_train=300, num_test=100, num_views=2)
    Traceback (most recent call last):
    dynamics.errors.UserError: panel_examples must be a multiple of panel_batch (48), got 100
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
    draw_held_out(config, num_test, num_views=num_views)
    if config.hold_out == 0:
        return
    examples = draw_examples(config, num_train)
    out, different = len(left_out(config, examples, seed=0)), len(examples.unique())
    if not 0 < out < different:
        raise UserError(
            f"`hold_out` must leave out some of the {different} examples of the panel, and not all, "
            f"got {config.hold_out}"
        )
    if config.batch_size > num_train - out:
        raise UserError(
            f"`batch_size` must be <= {num_train - out}, the training images that `hold_out` {config.hold_out} leaves, "
            f"got {config.batch_size}"
        )


def build(
    config: Recipe,
    views: Views,
    *,
    num_views: int,
    images: Tensor,
    labels: Tensor,
    examples: Int64[Tensor, " example"],
) -> Panel:
    """Build the panel of a run, of training or of held-out images.

    The draws are those of the panel's K examples; of more or fewer examples, the i-th has those of the (i mod K)-th.

    Parameters
    ----------
    config
        Gives M, the panel's batch and `panel_seed`.
    views
        The method's distribution of views; where it is deterministic, one augmentation stands for all M.
    num_views
        1, or 2 for methods that look for the positive.
    images, labels
        The training or test set, on the device.
    examples
        Indices into it, from :func:`draw_examples` or :func:`draw_held_out`.

    Examples
    --------
    >>> from dynamics.augment import SimCLRViews
    >>> images, labels = torch.zeros(20, 3, 8, 8, dtype=torch.uint8), torch.zeros(20, dtype=torch.int64)
    >>> recipe = Recipe(panel_examples=4, panel_augmentations=3)
    >>> examples = draw_examples(recipe, len(images))
    >>> build(recipe, SimCLRViews(), num_views=2, images=images, labels=labels, examples=examples).shape
    (2, 3, 4)
    """
    augmentations = 1 if views.deterministic else config.panel_augmentations
    chosen = examples.to(images.device)

    def draw(augmentation: int, view: int) -> Draw:
        # Drawn on the CPU, so that the panel is the same on every machine; each augmentation and view has a
        # counter, so that a larger M begins with the augmentations of a smaller one.
        stream = generator(config.panel_seed, "panel-augmentations", 2 * augmentation + view)
        drawn = views.draw(config.panel_examples, images.shape[-1], generator=stream)
        return drawn[torch.arange(len(examples)) % config.panel_examples].to(images.device)

    return Panel(
        images=images[chosen],
        labels=labels[chosen],
        views=views,
        draws=[[draw(m, v) for v in range(num_views)] for m in range(augmentations)],
    )
