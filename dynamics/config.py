# SPDX-License-Identifier: Apache-2.0
"""What decides the bits of a run: one flat, frozen recipe per method, JSON both ways.

A field's docstring is its --help. A method's file extends :class:`Recipe` by its own fields and defaults
(the thesis's values); everything that does not change a run's numbers (folders, workers, device) is
an argument of a function or a command line, not a field.
"""

import dataclasses
import difflib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from dynamics.errors import UserError

Optimizer = Literal["adam", "sgd"]
Precision = Literal["auto", "bf16", "fp32"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Fields that every method has."""

    dataset: str = "cifar10"
    """Images to train on: a file of dynamics/data, without .py (cifar10, digits, folder, tiny-imagenet)."""
    train_examples: int | None = None
    """Train on this many images only (class-balanced, the same for every seed); all when absent."""

    encoder: str = "resnet18"
    """Network below the head: resnet18 (8 * width features) or n1 (256)."""
    width: int = 64
    """Channels of the first stage of resnet18, whose output has 8 times as many features; n1 has one width."""

    epochs: int = 200
    """Epochs of training, t_max."""
    batch_size: int = 256
    """Images per step, B; the last incomplete batch of an epoch is dropped."""
    optimizer: Optimizer = "adam"
    """Adam, or SGD with momentum."""
    lr: float = 3e-4
    """Largest learning rate."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 1e-4
    """L2 penalty, added to the gradient."""
    schedule_period: int = 200
    """Epochs from the largest rate to zero along the cosine; past it the rate rises again."""
    schedule_start: int = 0
    """Epochs before the schedule is stepped for the first time."""
    precision: Precision = "auto"
    """bf16 autocast or fp32 (on a GPU with TF32 inside convolutions, PyTorch's default); auto is bf16 on CUDA and
    fp32 elsewhere."""

    panel_examples: int = 1024
    """Fixed training examples that are scored after every epoch, K."""
    panel_augmentations: int = 10
    """Fixed augmentations of each of them, M; a method without augmentation uses 1."""
    panel_batch: int = 256
    """Examples that a view is compared with when its partner is looked for (methods of views)."""
    panel_replacement: bool = False
    """Draw the panel's examples with replacement, as the thesis did (some then appear twice)."""
    panel_seed: int = 0
    """Seed of the panel's examples and augmentations; the same for all copies of all methods."""
    label_seed: int = 0
    """Seed of the permutation of random labels; the same for all copies of both methods."""

    def __post_init__(self) -> None:
        check_min(self, 1, "width", "epochs", "schedule_period", "panel_augmentations")
        check_min(self, 2, "batch_size", "panel_examples", "panel_batch")
        check_min(self, 0, "schedule_start", "panel_seed", "label_seed")
        if self.train_examples is not None:
            check_min(self, 1, "train_examples")
        check_non_negative(self, "lr", "weight_decay")
        if not 0 <= self.momentum < 1:
            raise UserError(f"`momentum` must be in [0, 1), got {self.momentum}")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values.

        Examples
        --------
        >>> Recipe(lr=0.1).to_json()["lr"]
        0.1
        """
        return json.loads(json.dumps(dataclasses.asdict(self)))  # tuples become lists, as when read back

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Recipe":
        """Rebuild a recipe from :meth:`to_json`'s dictionary.

        A field that was added since takes its default, which is what the code did before there was a choice.

        Raises
        ------
        UserError
            When a field is unknown: the record was written by a newer version, or for another method.

        Examples
        --------
        >>> Recipe.from_json({"lr": 0.1}).lr
        0.1
        """
        return cls(**cls.known(_renamed(values)))

    @classmethod
    def known(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values as a recipe takes them (lists as tuples), once each is known to be a field.

        Raises
        ------
        UserError
            When one is no field of this recipe; names the nearest that is.
        """
        fields = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in fields:
                near = difflib.get_close_matches(name, fields, n=1)
                instead = f"did you mean `{near[0]}`?" if near else f"the fields are {', '.join(fields)}"
                raise UserError(
                    f"`{name}` is not a field of {cls.__module__.rpartition('.')[2]}'s recipe: {instead}"
                )
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


SHARED_BY_A_STUDY = (
    "dataset",
    "train_examples",
    "panel_examples",
    "panel_replacement",
    "panel_seed",
    "label_seed",
)
"""Fields that all methods of a study must agree on, or their r_t are those of different examples."""


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a record of version 0.1 to today's names: `panel_temperature` became `temperature`."""
    old = dict(values)
    temperature = old.pop("panel_temperature", None)
    return old if temperature is None or "temperature" in old else {**old, "temperature": temperature}


# What a recipe's __post_init__ calls, so that a value is refused before data are loaded or a network is built.


def check_min(recipe: object, least: int | float, *names: str) -> None:
    """Refuse fields below `least`."""
    _check(recipe, names, f">= {least}", lambda value: least <= value)


def check_non_negative(recipe: object, *names: str) -> None:
    """Refuse rates and weights that are negative or not finite."""
    _check(recipe, names, ">= 0", lambda value: 0 <= value < math.inf)


def check_positive(recipe: object, *names: str) -> None:
    """Refuse divisors that are zero, negative or not finite."""
    _check(recipe, names, "> 0", lambda value: 0 < value < math.inf)


def check_fraction(recipe: object, *names: str) -> None:
    """Refuse what does not lie between 0 and 1."""
    _check(recipe, names, "in [0, 1]", lambda value: 0 <= value <= 1)


def _check(recipe: object, names: tuple[str, ...], bound: str, holds: Callable[[Any], bool]) -> None:
    for name in names:
        if not holds(getattr(recipe, name)):
            raise UserError(f"`{name}` must be {bound}, got {getattr(recipe, name)}")


@contextmanager
def fields_renamed(**field_of: str) -> Iterator[None]:
    """Let an error about a parameter of what is built from a recipe name the recipe's field instead.

    Parameters
    ----------
    field_of
        The recipe's field by the name of the parameter.
    """
    try:
        yield
    except UserError as error:
        raise UserError(error.spelled(lambda name: f"`{field_of.get(name, name)}`")) from None
