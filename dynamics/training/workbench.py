# SPDX-License-Identifier: Apache-2.0
"""All that the seeds of a recipe share on a device: networks, optimiser, data, panel, the captured step.

It is built once and then used for one seed after the other, so that images are moved, the panel's views are rendered
and a step is compiled or captured only once. A seed is loaded by writing its weights and its optimiser's state into
the existing tensors, the only ones that a captured step accesses.
"""

import gc
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from dynamics import methods, networks
from dynamics.config import Recipe
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.methods import Method
from dynamics.snapshots.schema import ARRAYS
from dynamics.streams import generator, reseed
from dynamics.training import capture, panel, precision, stopping
from dynamics.training.capture import Engine

LARGEST_LOSS, LARGEST_WEIGHT = 1e12, 1e6
"""Beyond these training has diverged, though its numbers are still finite."""


class Workbench:
    """Everything that seeds of one recipe share on one device; holds one seed at a time.

    Parameters
    ----------
    name
        The method.
    recipe
        Its hyperparameters.
    dataset
        From :func:`dynamics.networks.training_data`.
    device
        Where to compute.
    engine
        How steps are repeated; from :func:`dynamics.training.capture.choose`.
    """

    def __init__(
        self, name: str, recipe: Recipe, dataset: Dataset, *, device: torch.device, engine: Engine
    ) -> None:
        self.name, self.recipe, self.dataset, self.device = name, recipe, dataset, device
        self.method = _method(name, recipe, dataset, device)
        if not self.method.captured:
            engine = "eager"
        self.optimizer = self.method.optimizer(on_device=engine != "eager" or device.type == "cuda")
        self.images = dataset.train_images.to(device)
        self.labels = networks.training_labels(type(self.method), recipe, dataset).to(device)
        build = partial(
            panel.build,
            recipe,
            self.method.views(recipe, networks.image_statistics(dataset)),
            num_views=self.method.panel_views,
        )
        self.examples = panel.draw_examples(recipe, len(self.images))
        self.panel = build(images=self.images, labels=self.labels, examples=self.examples)
        self.held_out_examples = panel.draw_held_out(
            recipe, len(dataset.test_images), num_views=self.method.panel_views
        )
        self.held_out = build(
            images=dataset.test_images[self.held_out_examples].to(device),
            labels=networks.held_out_labels(type(self.method), recipe, dataset)[self.held_out_examples].to(
                device
            ),
            examples=torch.arange(len(self.held_out_examples)),
        )
        self._render = self.panel.views.render
        self._draws = generator(0, "augmentation", device=device)
        self._batch = torch.zeros(recipe.batch_size, dtype=torch.int64, device=device)
        self._sums = torch.zeros(len(self.method.terms), dtype=torch.float64, device=device)
        if device.type == "cuda":
            if device.index is not None:
                torch.cuda.set_device(device)  # streams and captures belong to the current device
            torch.backends.cudnn.benchmark = True  # all steps have the same shapes
        if engine == "compiled":
            capture.compile_networks(self.method)
            self._render = torch.compile(self._render, dynamic=False)
        self._step = capture.repeated(self._one_step, engine, draws=self._draws, name=name)

    @property
    def steps(self) -> int:
        """Number of steps per epoch."""
        return len(self.trained_on(0)) // self.recipe.batch_size

    def trained_on(self, seed: int) -> Int64[Tensor, " train_example"]:
        """Return the training images that a seed sees: all but those of the panel that it leaves out."""
        seen = torch.ones(len(self.images), dtype=torch.bool)
        if self.recipe.hold_out:
            seen[panel.left_out(self.recipe, self.examples, seed=seed)] = False
        return seen.nonzero().squeeze(1)

    def coordinates(self, seed: int) -> dict[str, np.ndarray]:
        """Return what the snapshots of a seed say of the examples, by name."""
        known: dict[str, Tensor] = {
            "example": self.examples,
            "label": self.panel.labels.cpu(),
            "true_label": self.dataset.train_labels[self.examples],
        }
        if self.recipe.hold_out:
            known["in_training"] = torch.isin(self.examples, self.trained_on(seed))
        if len(self.held_out_examples):
            known["held_out_example"] = self.held_out_examples
            known["held_out_label"] = self.held_out.labels.cpu()
            known["held_out_true_label"] = self.dataset.test_labels[self.held_out_examples]
        return {name: values.numpy() for name, values in known.items()}

    def untrained(self) -> dict[str, np.ndarray]:
        """Return the answers of the loaded network, which has just begun, as coordinates of the snapshots."""
        found = {"untrained_correct": self.panel.score(self.method, diagnose=False).arrays["correct"]}
        if len(self.held_out_examples):
            held_out = self.held_out.score(self.method, diagnose=False).arrays["correct"]
            found["held_out_untrained_correct"] = held_out
        return found

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays that :meth:`score` returns."""
        names = panel.arrays_of(self.method)
        held_out = (f"held_out_{name}" for name in names if f"held_out_{name}" in ARRAYS)
        return (*names, *(held_out if len(self.held_out_examples) else ()))

    def score(self) -> panel.PanelScores:
        """Score the panel, and the images that are held out."""
        scores = self.panel.score(self.method)
        if len(self.held_out_examples):
            held_out = self.held_out.score(self.method, diagnose=False).arrays
            scores.arrays.update({f"held_out_{name}": values for name, values in held_out.items()})
        return scores._replace(arrays={name: scores.arrays[name] for name in self.arrays})

    def begin(self, seed: int) -> None:
        """Load the initial state of a seed."""
        fresh = networks.untrained(self.name, self.recipe, self.dataset, seed=seed)
        self.load(fresh.state_dict(), {})

    def load(self, weights: dict[str, Any], optimizer: dict[int, dict[str, Tensor]]) -> None:
        """Load a seed's weights, and its optimiser's state by parameter (zeros where it is absent)."""
        self.method.load_state_dict(weights)
        _restore(self.optimizer, optimizer)

    def run_epoch(self, seed: int, epoch: int) -> dict[str, float]:
        """Train the loaded seed for one epoch; return the means of the loss's terms and the learning rate.

        Raises
        ------
        UserError
            When training has diverged: the loss or a weight is not finite, or larger than any that is trained.
        """
        for _ in self.launch(seed, epoch):
            stopping.check()
        means = (self._sums / self.steps).tolist()
        scalars = dict(zip(self.method.terms, means, strict=True))
        for what, value, largest in (
            ("the loss", abs(scalars["loss"]), LARGEST_LOSS),
            *((f"the term {name}", abs(value), sys.float_info.max) for name, value in scalars.items()),
            ("the largest weight", _largest(self.method.parameters()), LARGEST_WEIGHT),
            ("the largest statistic", _largest(self.method.buffers()), torch.finfo(torch.float32).max),
        ):
            if not value <= largest:
                raise UserError(f"{what} is {value:.3g} in epoch {epoch}: {self.method.why_not_finite()}")
        return {**scalars, "learning_rate": self.method.learning_rate(epoch)}

    def launch(self, seed: int, epoch: int) -> Iterator[None]:
        """Launch an epoch's steps, one per iteration, without waiting for the device."""
        _set_rates(self.optimizer, self.recipe.lr, self.method.learning_rate(epoch))
        self.method.start_epoch(epoch)
        size, steps = self.recipe.batch_size, self.steps
        seen = self.trained_on(seed)
        order = seen[torch.randperm(len(seen), generator=generator(seed, "order", epoch))]
        batches = order[: steps * size].view(steps, size).to(self.device)
        reseed(self._draws, seed, "augmentation", epoch)
        self._sums.zero_()
        for batch in batches:
            self._batch.copy_(batch)
            self._step()
            yield

    def _one_step(self) -> None:
        """Do one optimiser step on new views of the images in `_batch`; add the loss's terms to `_sums`."""
        images, labels = self.images[self._batch], self.labels[self._batch]
        count = self.method.training_views
        repeated = images.repeat(count, 1, 1, 1)
        draw = self.panel.views.draw(
            len(repeated), images.shape[-1], generator=self._draws, device=self.device
        )
        views = self._render(repeated, draw).unflatten(0, (count, -1))
        terms = self.method.loss(views, labels)
        self.optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()
        self.optimizer.step()
        self.method.after_step()
        self._sums += torch.stack([terms[name].detach() for name in self.method.terms])


@dataclass
class Workbenches:
    """Keeps the workbench that was used last, for the next seed of the same recipe."""

    _key: tuple[Any, ...] | None = None
    _bench: Workbench | None = field(default=None, repr=False)

    def get(
        self, name: str, recipe: Recipe, dataset: Dataset, *, device: torch.device, engine: Engine
    ) -> Workbench:
        """Return the workbench of a recipe; the last one is replaced if it was built for another."""
        key = (name, recipe, dataset.fingerprint, device, engine)
        if self._bench is None or key != self._key:
            if self._bench is not None:
                self._key = self._bench = None
                gc.collect()  # frees device memory before the next is built: modules are in reference cycles
            self._bench = Workbench(name, recipe, dataset, device=device, engine=engine)
            self._key = key
        return self._bench


def _method(name: str, recipe: Recipe, dataset: Dataset, device: torch.device) -> Method:
    method = methods.load(name)(recipe, networks.image_statistics(dataset))
    method.bf16 = precision.resolve(recipe, device, image_size=dataset.image_size) == "bf16"
    method.to(device)
    if device.type == "cuda" or method.bf16:
        method.to(memory_format=torch.channels_last)  # the layout that matrix units read without transposing
    return method.train()


def _largest(tensors: Iterable[Tensor]) -> float:
    """Return the largest absolute value in some tensors; NaN if one is NaN, 0 if there is none."""
    largest = [
        tensor.detach().abs().amax().float()
        for tensor in tensors
        if tensor.is_floating_point() and tensor.numel()
    ]
    return torch.stack(largest).max().item() if largest else 0.0


def _set_rates(optimizer: torch.optim.Optimizer, base: float, scheduled: float) -> None:
    """Set the learning rates of an epoch; a captured step reads them from tensors."""
    for group in optimizer.param_groups:
        rate = base if group.get("fixed") else scheduled
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _restore(optimizer: torch.optim.Optimizer, states: dict[int, dict[str, Tensor]]) -> None:
    """Write a state into the optimiser's tensors; those that it lacks become zero, as before the first step."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for place, parameter in enumerate(parameters):
        current, saved = optimizer.state[parameter], states.get(place, {})
        for name in current.keys() - saved.keys():
            current[name].zero_()
        for name, value in saved.items():
            if name in current:
                current[name].copy_(value)
            elif value.shape == parameter.shape:  # a fused kernel needs the parameter's memory layout as well
                current[name] = torch.empty_like(parameter).copy_(value)
            else:  # Adam counts its steps on the CPU unless it is fused
                current[name] = value.to(
                    parameter.device if optimizer.defaults["fused"] else "cpu", copy=True
                )
