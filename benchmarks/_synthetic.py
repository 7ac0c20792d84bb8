# SPDX-License-Identifier: Apache-2.0
"""On which runs are reading and analyses timed: answers drawn so that they resemble those of the thesis's networks.

    P(x^ is right after epoch t) = Phi(ability(t) - difficulty(x^))

Difficulties of augmented examples x^ are Gaussian, in part their example's and in part their own; both views of a
pair share them. Ability rises so that the mean over x^ is the thesis's E[r_t] (its figure 4.1, interpolated over
log t). A network is right where a uniform number of its own, one for each view, is below P; half of these numbers
are drawn anew after every epoch, so that answers last from epoch to epoch as those of networks do. Learning curves,
spread of r_t and share between augmentations come out near the thesis's; classes do not differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt16
from scipy.special import ndtr, ndtri

from analysis.papers.memorization.printed import FIGURE_4_1, SEEDS
from dynamics import methods, snapshots
from dynamics.study_file import preset
from dynamics.training import diagnostics

TRAINING_SET, CLASSES = 50_000, 10
LEVELS = 2**16 - 1
"""Probabilities are told apart so finely: two bytes of random bits an answer."""


class Difficulty(NamedTuple):
    """How the difficulties of a method's augmented examples spread."""

    sd: float
    between_augmentations: float
    """Share of the variance that lies between the augmentations of one example, 0 to 1."""


DIFFICULTIES = {
    "simclr": Difficulty(2.8, 0.94),
    "supervised": Difficulty(2.0, 0.05),
    "random-labels": Difficulty(0.33, 0.0),
    "random-labels-aug": Difficulty(0.55, 0.08),
}
"""Chosen so that r_t spreads over the examples as in the thesis's figures 4.4 and 4.5."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of a method is recorded."""

    seeds: int
    epochs: int
    views: int
    augmentations: int
    examples: int

    @property
    def answers(self) -> int:
        """Elements of `correct`, over all seeds."""
        return self.seeds * self.epochs * self.views * self.augmentations * self.examples

    def __str__(self) -> str:
        axes = (self.seeds, self.epochs, self.views, self.augmentations, self.examples)
        return " x ".join(map(str, axes))


def thesis_sizes(method: str, *, quick: bool = False) -> Sizes:
    """Return the sizes of a method in the thesis's study; tiny ones of the same kind where quick."""
    recipe = preset(method, "thesis")
    whole = Sizes(
        seeds=SEEDS,
        epochs=recipe.epochs,
        views=methods.load(method).panel_views,
        augmentations=recipe.panel_augmentations if method != "random-labels" else 1,
        examples=recipe.panel_examples,
    )
    if not quick:
        return whole
    few = min(whole.augmentations, 3)
    return replace(whole, seeds=3, epochs=whole.epochs // 20 + 2, augmentations=few, examples=64)


def learning_curve(method: str, epochs: int) -> Float64[np.ndarray, " epoch"]:
    """Return the thesis's E[r_t], stretched or squeezed to so many epochs."""
    points = FIGURE_4_1[method]
    when = np.linspace(1, max(points), epochs)
    means = [float(value) for value in points.values()]
    return np.interp(np.log(when), np.log(list(points)), means)


def thresholds(method: str, sizes: Sizes) -> UInt16[np.ndarray, "epoch augmentation example"]:
    """Return P(x^ is right) of every augmented example after every epoch, times :data:`LEVELS`."""
    rng = np.random.default_rng(0)
    sd, between = DIFFICULTIES[method]
    shape = (sizes.augmentations, sizes.examples)
    parts = (rng.normal(size=sizes.examples) * (1 - between) ** 0.5, rng.normal(size=shape) * between**0.5)
    difficulty = (sd * (parts[0] + parts[1])).astype(np.float32)
    found = np.empty((sizes.epochs, *shape), dtype=np.uint16)
    # The mean of Phi(a - d) over Gaussian d is Phi(a / sqrt(1 + sd^2)).
    abilities = ndtri(learning_curve(method, sizes.epochs)) * (1 + sd**2) ** 0.5
    for place, ability in zip(found, abilities, strict=True):
        place[...] = np.rint(LEVELS * ndtr(np.float32(ability) - difficulty))
    return found


def answers(
    limits: UInt16[np.ndarray, "epoch augmentation example"], views: int, seed: int
) -> Bool[np.ndarray, "epoch view augmentation example"]:
    """Draw the answers of one network; the same for the same seed."""
    rng = np.random.default_rng([seed, 1])
    shape = (views, *limits.shape[1:])

    def drawn() -> np.ndarray:
        return rng.integers(LEVELS, size=shape, dtype=np.uint16)

    luck = drawn()
    correct = np.empty((len(limits), *shape), dtype=np.bool_)
    for place, limit in zip(correct, limits, strict=True):
        np.less(luck, limit, out=place)
        anew = rng.integers(2, size=shape, dtype=np.bool_)
        np.copyto(luck, drawn(), where=anew)
    return correct


def all_answers(method: str, sizes: Sizes) -> Iterator[Bool[np.ndarray, "epoch view augmentation example"]]:
    """Draw the answers of a method, seed by seed."""
    limits = thresholds(method, sizes)
    return (answers(limits, sizes.views, seed) for seed in range(sizes.seeds))


def scalar_names(method: str) -> tuple[str, ...]:
    """Name what training records of a method beside its answers."""
    kind = methods.load(method)
    return (*kind.terms, "learning_rate", *diagnostics.names(kind.panel_views))


def write(runs: Path, study: str, method: str, sizes: Sizes) -> None:
    """Write a method's seeds as finished runs, without probabilities: no analysis reads them.

    Examples and true labels are the same for methods of equal sizes.
    """
    rng = np.random.default_rng(2)
    examples = rng.permutation(max(TRAINING_SET, sizes.examples))[: sizes.examples]
    true, given = _labels(method, sizes.examples, rng)
    recipe = replace(preset(method, "thesis"), epochs=sizes.epochs)
    for seed, correct in enumerate(all_answers(method, sizes)):
        scalars = {name: rng.lognormal(size=sizes.epochs) for name in scalar_names(method)}
        snapshots.write_finished(
            snapshots.seed_folder(runs, study, method, seed),
            method=method,
            seed=seed,
            correct=correct,
            scalars=scalars,
            examples=examples,
            labels=given,
            true_labels=true,
            config=recipe.to_json(),
            provenance={"source": "synthetic"},
        )


def _labels(
    method: str, count: int, rng: np.random.Generator
) -> tuple[Int64[np.ndarray, " example"], Int64[np.ndarray, " example"]]:
    """Return true labels, the same for every method, and those that it is trained on."""
    true = np.arange(count) % CLASSES
    return true, rng.permutation(true) if methods.load(method).labels == "permuted" else true
