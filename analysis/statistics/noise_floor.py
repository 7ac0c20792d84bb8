# SPDX-License-Identifier: Apache-2.0
"""The thesis's mean absolute error when all examples are equally hard, which is not 0.

The error of eq. 4.9 compares sorted r with sorted noise of N trials. For equally hard examples it is

- the *floor*, where r also counts N trials: about 0.005 for a thousand examples and 30 seeds;
- about ten times more where r averages N * M independent answers: r is then less noisy than the noise.

An error is evidence of differences between examples only where it is above both. As examples begin to differ,
the second one falls before it rises, so an error between them has two readings; the intraclass correlation
has one.
"""

from dataclasses import dataclass

import numpy as np

from analysis.statistics.thesis_noise import noise_curve


@dataclass(frozen=True, kw_only=True)
class ExpectedDistance:
    """Mean absolute error between sorted r of equally hard examples and sorted noise."""

    mean: float
    """0 to 1."""
    sd: float
    """From one pair of curves to another."""


def expected_distance(
    examples: int, *, trials: int, noise_trials: int, p0: float, rng: np.random.Generator, draws: int = 200
) -> ExpectedDistance:
    """Simulate the error for equally hard examples whose r averages `trials` independent answers.

    With `trials` = `noise_trials` this is the floor: the error between two independent curves of noise. With
    M augmentations, `trials` = N * M is the other extreme: augmentations of one example under one seed count
    as independent. Real ones are not, so the error of equally hard examples lies between the two.

    Parameters
    ----------
    examples
        K.
    trials
        Answers behind each r.
    noise_trials
        N of the noise; the thesis takes the number of seeds.
    p0
        Probability of a correct answer, 0 to 1; the error is 0 at both ends.
    rng
        Source of the draws.
    draws
        Pairs of curves; the mean is known to sd / sqrt(draws).

    Raises
    ------
    ValueError
        When `draws` is below 2 or there are no examples.

    Examples
    --------
    >>> found = expected_distance(1000, trials=30, noise_trials=30, p0=0.5, rng=np.random.default_rng(0))
    >>> round(found.mean, 3)
    0.005
    """
    if draws < 2 or examples < 1:
        raise ValueError(f"need at least 1 example and 2 draws, got {examples} and {draws}")
    distances = np.array(
        [
            np.abs(
                noise_curve(examples, trials, p0, rng) - noise_curve(examples, noise_trials, p0, rng)
            ).mean()
            for _ in range(draws)
        ]
    )
    return ExpectedDistance(mean=float(distances.mean()), sd=float(distances.std(ddof=1)))
