"""Studies whose truth is known: answers of N seeds to K examples, with one thing varied at a time."""

import numpy as np


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
