"""Studies whose truth is known: answers of N seeds to K examples, with one thing varied at a time."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from dynamics.mates import right_among_mates


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


def two_panels(
    rng: np.random.Generator, *, seeds: int, examples: int, gap: float, augmentations: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Mean answers (seed, example) on training and on held-out examples, both new in every study.

    Examples differ, seeds differ in how much they know (0.5 on average of what is held out) and in their gap.
    """
    ability, memory = rng.normal(0.5, 0.05, size=(seeds, 1)), rng.normal(gap, 0.03, size=(seeds, 1))
    p = [ability + extra + rng.normal(0, 0.12, size=examples) for extra in (memory, 0.0)]
    one, other = (rng.binomial(augmentations, np.clip(values, 0, 1)) / augmentations for values in p)
    return one, other


def twins(
    rng: np.random.Generator, m: np.ndarray, *, seeds: int, augmentations: int = 1, base: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Mean answers of seeds that differ and that know 0.7 of the examples each, and which ones: (seed, example)."""
    seen = rng.random((seeds, len(m))) < 0.7
    p = np.clip(base + np.where(seen, m, 0) + rng.normal(0, 0.05, size=(seeds, 1)), 0, 1)
    return rng.binomial(augmentations, p) / augmentations, seen


def among_mates(
    rng: np.random.Generator, share: float, *, seeds: int, examples: int, augmentations: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Answers among fixed mates, to a part of whose agreement these lead, and among random ones.

    (seed, augmentation, example) each.
    """
    total = 0.03
    own = 0.5 + np.sqrt((1 - share) * total) * rng.choice([-1, 1], examples)
    of_mates = np.sqrt(share * total) * rng.choice([-1, 1], examples)
    expected = own + 0.1 * rng.normal(size=(seeds, 1, 1)) + np.zeros((seeds, augmentations, examples))
    return rng.random(expected.shape) < expected + of_mates, np.clip(expected, 0, 1)


def retrieved(
    rng: np.random.Generator, *, seeds: int, examples: int, batch: int
) -> tuple[np.ndarray, np.ndarray]:
    """Answers of seeds that look for the second view of each example, among fixed mates and among random ones.

    What seeds share are the examples' places; each moves them, and the views, a little. (seed, 1, example) each.
    """
    places = rng.normal(size=(examples, 4))
    moved = places + 0.3 * rng.normal(size=(seeds, examples, 4))
    views = moved[:, np.newaxis] + 0.45 * rng.normal(size=(seeds, 2, examples, 4))
    views /= np.linalg.norm(views, axis=-1, keepdims=True)
    asked = views[:, 0]
    cosines = np.maximum(asked @ views[:, 0].swapaxes(1, 2), asked @ views[:, 1].swapaxes(1, 2))
    to_positive = (asked * views[:, 1]).sum(axis=-1, keepdims=True)
    ahead = (cosines >= to_positive) & ~np.eye(examples, dtype=bool)
    mates = np.equal.outer(np.arange(examples) // batch, np.arange(examples) // batch)
    right = ~(ahead & mates).any(axis=-1)
    expected = right_among_mates(examples, batch)[ahead.sum(axis=-1)]
    return right[:, np.newaxis], expected[:, np.newaxis]
