# SPDX-License-Identifier: Apache-2.0
"""Recipes: everything that determines a run's numbers except its seed, as one flat, frozen dataclass per method.

A field's docstring is its help text on the command line. A method's file extends :class:`Recipe` with its own fields
and defaults (the memorization thesis's values). What does not change a run's numbers (folders, workers, device) is an
argument of a function or a flag, not a field.
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
from dynamics.kinds import check_fields

Optimizer = Literal["adam", "sgd"]
Precision = Literal["auto", "bf16", "fp32"]
MAX_SEED, MAX_EPOCH = 2**16 - 1, 2**12 - 1
"""What the streams of random numbers have bits for (:mod:`dynamics.streams`)."""
MAX_INTEGER = 2**31 - 1
"""Maximum absolute value of any integer field; products of larger sizes would overflow."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Fields that every method has.

    Examples
    --------
    >>> Recipe(lr=0.1).lr
    0.1
    >>> Recipe(lr=-1.0)
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: lr must be >= 0, got -1.0
    """

    dataset: str = "cifar10"
    """Data set to train on: the name of a file in dynamics/data (cifar10, digits, folder, tiny-imagenet)."""
    train_examples: int | None = None
    """Number of training images to use (class-balanced, the same for every seed); None for all of them."""

    encoder: str = "resnet18"
    """Network below the projection head: resnet18 (8 * width features) or n1 (256 features)."""
    width: int = 64
    """Channels of the first stage of resnet18, which outputs 8 times as many features; n1 ignores it."""

    epochs: int = 200
    """Number of training epochs, t_max."""
    batch_size: int = 256
    """Images per step, B; the last incomplete batch of an epoch is dropped."""
    optimizer: Optimizer = "adam"
    """Adam, or SGD with momentum."""
    lr: float = 3e-4
    """Maximum learning rate."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 1e-4
    """L2 penalty, added to the gradient."""
    schedule_period: int = 200
    """Epochs in which the cosine takes the learning rate from its maximum to zero; afterwards it rises again."""
    schedule_start: int = 0
    """Epochs at the maximum learning rate before the cosine begins."""
    precision: Precision = "auto"
    """bf16 autocast, or fp32 (on a GPU with TF32 in convolutions, PyTorch's default); auto is bf16 on CUDA, and for
    images of 16 pixels a side or more on a CPU that has units for it (AMX, AVX-512); a run keeps what it began with."""

    panel_examples: int = 1024
    """Number of fixed training examples that are scored after every epoch, K."""
    panel_augmentations: int = 10
    """Number of fixed augmentations of each panel example, M; a method without augmentation uses 1."""
    panel_batch: int = 256
    """Batch size on the panel: the examples among whose views the nearest one is searched for (view methods)."""
    panel_replacement: bool = False
    """Draw the panel's examples with replacement, as the memorization thesis did (some then appear twice)."""
    held_out_examples: int | None = None
    """Number of fixed test images that are scored under the same augmentations; by default as many as `panel_examples`
    or as there are (where the positive is looked for, a multiple of `panel_batch`); 0 for none."""
    hold_out: float = 0.0
    """Fraction of the panel's examples, drawn for each seed, that a seed is not trained on: what of r_t(x) is memory
    of x is the difference between networks with and without it (analysis.memorization)."""
    panel_seed: int = 0
    """Seed of the panel's examples and augmentations; the same for all seeds of all methods."""
    label_seed: int = 0
    """Seed of the permutation that makes the random labels, and of wrong labels; the same for all seeds and methods."""
    flip_labels: float = 0.0
    """Fraction of the training images that get a wrong label, drawn at random, where a method learns from true ones."""

    def __post_init__(self) -> None:
        check_fields(self)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, int) and abs(number) > MAX_INTEGER:
                    raise UserError(f"`{field.name}` must be <= {MAX_INTEGER}, got {number}")
        check_min(self, 1, "width", "epochs", "schedule_period", "panel_augmentations")
        check_min(self, 2, "batch_size", "panel_examples", "panel_batch")
        check_min(self, 0, "schedule_start", "panel_seed", "label_seed")
        for name, minimum in (("train_examples", 1), ("held_out_examples", 0)):
            if getattr(self, name) is not None:
                check_min(self, minimum, name)
        check_non_negative(self, "lr", "weight_decay")
        if not 0 <= self.momentum < 1:
            raise UserError(f"`momentum` must be in [0, 1), got {self.momentum}")
        for name in ("hold_out", "flip_labels"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"`{name}` must be in [0, 1), got {getattr(self, name)}")

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
        """Rebuild a recipe from the dictionary that :meth:`to_json` returned.

        A field that the dictionary lacks takes its default: what the code did before the field was added
        (:func:`of_today` sets those where that was something else).

        Raises
        ------
        UserError
            If a field is unknown, because a newer version or another method wrote it.

        Examples
        --------
        >>> Recipe.from_json({"lr": 0.1}).lr
        0.1
        """
        return cls(**cls.known(of_today(renamed(values))))

    @classmethod
    def known(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Check that all names are fields, and return their values as a recipe takes them (lists as tuples).

        Raises
        ------
        UserError
            If a name is not a field of this recipe; the message suggests the closest field.

        Examples
        --------
        >>> Recipe.known({"epoch": 5})
        Traceback (most recent call last):
            ...
        dynamics.errors.UserError: epoch is not a field of every method's recipe: did you mean epochs?
        """
        fields = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in fields:
                near = difflib.get_close_matches(name, fields, n=1)
                instead = f"did you mean `{near[0]}`?" if near else f"the fields are {', '.join(fields)}"
                raise UserError(f"`{name}` is not a field of {_owner(cls)} recipe: {instead}")
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


SHARED_BY_A_STUDY = (
    "dataset",
    "train_examples",
    "panel_examples",
    "panel_replacement",
    "held_out_examples",
    "panel_seed",
    "label_seed",
    "flip_labels",
)
"""Fields that all methods of a study must agree on; otherwise their r_t would be those of different examples."""


def _owner(recipe: type[Recipe]) -> str:
    """Return whose recipe a class is, for messages: that of the method whose file defines it."""
    package, _, file = recipe.__module__.rpartition(".")
    if recipe is Recipe:
        return "every method's"
    return f"{file.replace('_', '-')}'s" if package == "dynamics.methods" else f"{recipe.__name__}, this"


def of_today(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded config with the fields that were added since, whose values say what was done before.

    Examples
    --------
    >>> of_today({"panel_examples": 64})
    {'panel_examples': 64, 'held_out_examples': 0, 'hold_out': 0.0, 'flip_labels': 0.0}
    """
    before: dict[str, Any] = {"held_out_examples": 0, "hold_out": 0.0, "flip_labels": 0.0}
    if "panel_examples" not in values:  # not a recipe of this program
        return dict(values)
    return {**values, **{name: value for name, value in before.items() if name not in values}}


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the fields of version 0.1: `panel_temperature` became `temperature`.

    Examples
    --------
    >>> renamed({"lr": 0.1, "panel_temperature": 0.07})
    {'lr': 0.1, 'temperature': 0.07}
    """
    old = dict(values)
    temperature = old.pop("panel_temperature", None)
    return old if temperature is None or "temperature" in old else {**old, "temperature": temperature}


# A recipe's __post_init__ calls these, so that a value is refused before data are loaded or a network is built.


def check_min(recipe: object, minimum: int | float, *names: str) -> None:
    """Raise a :class:`UserError` unless the named fields are >= `minimum`.

    Examples
    --------
    >>> check_min(Recipe(), 1, "epochs", "width")
    """
    _check(recipe, names, f">= {minimum}", lambda value: minimum <= value)


def check_non_negative(recipe: object, *names: str) -> None:
    """Raise a :class:`UserError` unless the named fields are finite and >= 0.

    Examples
    --------
    >>> check_non_negative(Recipe(), "lr", "weight_decay")
    """
    _check(recipe, names, ">= 0", lambda value: 0 <= value < math.inf)


def check_positive(recipe: object, *names: str) -> None:
    """Raise a :class:`UserError` unless the named fields are finite and > 0.

    Examples
    --------
    >>> check_positive(Recipe(weight_decay=0.0), "weight_decay")
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: weight_decay must be > 0, got 0.0
    """
    _check(recipe, names, "> 0", lambda value: 0 < value < math.inf)


def check_fraction(recipe: object, *names: str) -> None:
    """Raise a :class:`UserError` unless the named fields lie in [0, 1].

    Examples
    --------
    >>> check_fraction(Recipe(momentum=0.9), "momentum")
    """
    _check(recipe, names, "in [0, 1]", lambda value: 0 <= value <= 1)


def _check(recipe: object, names: tuple[str, ...], bound: str, holds: Callable[[Any], bool]) -> None:
    for name in names:
        if not holds(getattr(recipe, name)):
            raise UserError(f"`{name}` must be {bound}, got {getattr(recipe, name)}")


@contextmanager
def fields_renamed(**field_of: str) -> Iterator[None]:
    """Translate errors about an object's parameters into errors about the fields of the recipe that it is built from.

    Parameters
    ----------
    field_of
        The name of the recipe's field, by the name of the parameter.

    Examples
    --------
    >>> with fields_renamed(rate="lr"):
    ...     raise UserError("`rate` must be >= 0, got -1.0")
    Traceback (most recent call last):
        ...
    dynamics.errors.UserError: lr must be >= 0, got -1.0
    """
    try:
        yield
    except UserError as error:
        raise UserError(error.spelled(lambda name: f"`{field_of.get(name, name)}`")) from None
