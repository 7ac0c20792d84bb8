# SPDX-License-Identifier: Apache-2.0
"""What decides the bits of a run: one flat, frozen record per method, JSON both ways, with presets.

A field's docstring is its --help. A method's file extends :class:`Config` by its own fields and defaults
(the thesis's recipe); everything that does not change a run's numbers (folders, workers, device) is
an argument of a command line, not a field.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dynamics.console import UserError

Optimizer = Literal["adam", "sgd"]
Precision = Literal["auto", "bf16", "fp32"]


@dataclass(frozen=True, kw_only=True)
class Config:
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

    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    """What a preset changes for this method, beside :data:`PRESETS`."""

    def __post_init__(self) -> None:
        check_least(self, 1, "width", "epochs", "schedule_period", "panel_augmentations")
        check_least(self, 2, "batch_size", "panel_examples", "panel_batch")
        check_least(self, 0, "schedule_start", "panel_seed", "label_seed")
        if self.train_examples is not None:
            check_least(self, 1, "train_examples")
        check_from_zero(self, "lr", "weight_decay", kind="rate")
        if not 0 <= self.momentum < 1:
            raise UserError(f"{flag('momentum')} {self.momentum}: use 0 or more, below 1")

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # tuples become lists, as when read back

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Config":
        """Rebuild a config from :meth:`to_json`'s dictionary.

        Raises
        ------
        UserError
            When a field is missing or unknown: the record was written by another version.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        odd = sorted(fields.keys() ^ values.keys())
        if odd:
            raise UserError(f"this config and the code disagree on the fields {', '.join(odd)}: train again")
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**given)


PRESETS: dict[str, dict[str, Any]] = {
    # The memorization thesis: CIFAR-10; everything else is the methods' own default.
    "thesis": {},
    # Minutes on two cores: a few handwritten digits, a narrow network, rates that tell the story in tens of epochs.
    "quick": {
        "dataset": "digits",
        "train_examples": 384,
        "width": 12,
        "batch_size": 32,
        "panel_examples": 128,
        "panel_augmentations": 3,
        "panel_batch": 32,
    },
}


def preset(recipe: type[Config], name: str) -> Config:
    """Return a method's recipe under a preset.

    Raises
    ------
    UserError
        When no preset has that name.
    """
    if name not in PRESETS:
        raise UserError(f"no preset {name!r}: use one of {', '.join(PRESETS)}")
    return recipe(**{**PRESETS[name], **recipe.presets.get(name, {})})


SHARED_BY_A_STUDY = (
    "dataset",
    "train_examples",
    "panel_examples",
    "panel_replacement",
    "panel_seed",
    "label_seed",
)
"""Fields that all methods of a study must agree on, or their r_t are those of different examples."""


def flag(field: str) -> str:
    """Return how a field is spelled on the command line."""
    return f"--{field.replace('_', '-')}"


# What a recipe's __post_init__ calls, so that a value is refused before data are loaded or a network is built.


def check_least(recipe: object, least: int, *names: str) -> None:
    """Refuse counts below `least`."""
    for name in names:
        if getattr(recipe, name) < least:
            raise UserError(f"{flag(name)} {getattr(recipe, name)} is too small: use {least} or more")


def check_from_zero(recipe: object, *names: str, kind: str = "weight") -> None:
    """Refuse rates and weights (`kind`) that are negative or not finite."""
    for name in names:
        if not 0 <= getattr(recipe, name) < float("inf"):
            raise UserError(f"{flag(name)} {getattr(recipe, name)} is no {kind}: use a number from 0 up")


def check_above_zero(recipe: object, *names: str) -> None:
    """Refuse divisors that are zero, negative or not finite."""
    for name in names:
        if not 0 < getattr(recipe, name) < float("inf"):
            raise UserError(f"{flag(name)} {getattr(recipe, name)}: use a number above 0")


def check_share(recipe: object, *names: str) -> None:
    """Refuse what is no share of a whole."""
    for name in names:
        if not 0 <= getattr(recipe, name) <= 1:
            raise UserError(f"{flag(name)} {getattr(recipe, name)} is no share: use 0 to 1")


@contextmanager
def flags_named(recipe: object, renamed: Mapping[str, str]) -> Iterator[None]:
    """Let an error that begins with the name of a field begin with its flag, where something is built from a recipe.

    Parameters
    ----------
    recipe
        Holds the fields.
    renamed
        A recipe's field by the name that what is built has for it, where they differ.
    """
    try:
        yield
    except UserError as error:
        name, _, rest = str(error).partition(" ")
        field = renamed.get(name, name)
        if not hasattr(recipe, field):
            raise
        raise UserError(f"{flag(field)} {rest}") from None
