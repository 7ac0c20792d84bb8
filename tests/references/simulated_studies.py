"""Studies whose truth is known: answers of N seeds to K examples, with one thing varied at a time."""

from typing import NamedTuple

import numpy as np
from scipy import stats


def equal_examples(rng: np.random.Generator, *, seeds: int, examples: int, p: float) -> np.ndarray:
    """Homogeneous: every answer is right with probability p. (seed, example)."""
    return rng.random((seeds, examples)) < p


def unequal_examples(
    rng: np.random.Generator, *, seeds: int, examples: int, p: float, rho: float
) -> np.ndarray:
    """Examples have probabilities from a beta distribution with mean p and intraclass correlation rho."""
    scale = (1 - rho) / rho
    return rng.random((seeds, examples)) < rng.beta(p * scale, (1 - p) * scale, size=examples)


def unequal_seeds(rng: np.random.Generator, *, seeds: int, examples: int, p: float, sd: float) -> np.ndarray:
    """Homogeneous examples; the seeds' accuracies are normal around p, kept within 0.02 and 0.98."""
    accuracy = np.clip(rng.normal(p, sd, size=(seeds, 1)), 0.02, 0.98)
    return rng.random((seeds, examples)) < accuracy


def dependent_augmentations(
    rng: np.random.Generator, *, seeds: int, augmentations: int, examples: int, p: float, rho: float
) -> np.ndarray:
    """Homogeneous examples; under one seed the augmentations of an example have correlation rho.

    (seed, augmentation, example).
    """
    scale = (1 - rho) / rho
    own = rng.beta(p * scale, (1 - p) * scale, size=(seeds, 1, examples))
    return rng.random((seeds, augmentations, examples)) < own


class Crossed(NamedTuple):
    """Answers of seeds that differ, to augmentations that matter, of examples in classes."""

    correct: np.ndarray
    """(seed, augmentation, example)."""
    p: np.ndarray
    """(augmentation, example): the probability of a right answer of a new seed."""
    labels: np.ndarray


def crossed(
    rng: np.random.Generator,
    *,
    seeds: int,
    augmentations: int,
    examples: int,
    example: float = 0.0,
    augmentation: float = 0.0,
    seed: float = 0.0,
    luck: float = 0.0,
    threshold: float = 0.0,
    classes: int = 10,
    class_: float = 0.0,
    favour: float = 0.0,
) -> Crossed:
    """An answer is right where a sum of normal effects is above a threshold; each argument is an effect's sd.

    `luck` is a seed's with an example, `favour` a seed's with a class, `class_` what all seeds share of a class. The
    noise of one answer has sd 1, so that marginal probabilities are normal distribution functions.
    """
    labels = np.arange(examples) % classes
    fixed = rng.normal(scale=example, size=(1, examples)) + rng.normal(
        scale=augmentation, size=(augmentations, examples)
    )
    fixed = fixed + rng.normal(scale=class_, size=classes)[labels]
    moving = rng.normal(scale=seed, size=(seeds, 1, 1)) + rng.normal(scale=luck, size=(seeds, 1, examples))
    moving = moving + rng.normal(scale=favour, size=(seeds, 1, classes))[:, :, labels]
    noise = rng.normal(size=(seeds, augmentations, examples))
    scale = np.sqrt(1 + seed**2 + luck**2 + favour**2)
    return Crossed(fixed + moving + noise > threshold, stats.norm.cdf((fixed - threshold) / scale), labels)
