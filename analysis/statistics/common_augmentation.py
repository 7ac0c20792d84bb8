# SPDX-License-Identifier: Apache-2.0
"""Whether an augmentation is easier for all examples alike, which one that is drawn for each example anew is not.

Variance components take the augmentations of an example for draws of its own, nested in it. Then their numbers mean
nothing, and answers can be exchanged between them. One transform for all examples (every image flipped) makes the mean
of its number differ from the others', which the components book as variance within examples: the part of the examples
comes out too small, even negative.
"""

import numpy as np
from jaxtyping import Shaped
from scipy import stats

ALIKE = 1e-6
"""p-value below which augmentations are taken for common ones: chance does not make it in any study."""


def common_effect(correct: Shaped[np.ndarray, "seed augmentation example"]) -> float:
    """Return the p-value of a common effect of the augmentations' numbers.

    It is that of augmentations in an analysis of variance of means over seeds (augmentation, example) without
    replication, with M - 1 and (M - 1)(K - 1) degrees of freedom (Searle, Casella and McCulloch 1992, ch. 4).

    Parameters
    ----------
    correct
        Answers of one epoch.

    Returns
    -------
    float
        Small where an augmentation number is easier for all examples; nan for one augmentation or example, or where
        nothing varies.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> drawn, flipped = rng.random((8, 3, 200)), np.array([0.8, 0.4, 0.1])[:, np.newaxis]
    >>> round(common_effect(drawn < 0.5), 2), common_effect(drawn < flipped) < ALIKE
    (0.05, True)
    """
    means = correct.mean(axis=0, dtype=np.float64)
    numbers, examples = means.shape
    if min(numbers, examples) < 2:
        return float("nan")
    of_number = means.mean(axis=1, keepdims=True)
    rest = means - of_number - means.mean(axis=0, keepdims=True) + means.mean()
    between = examples * float(np.square(of_number - means.mean()).sum()) / (numbers - 1)
    within = float(np.square(rest).sum()) / ((numbers - 1) * (examples - 1))
    if within == 0:
        return float("nan") if between == 0 else 0.0
    return float(stats.f.sf(between / within, numbers - 1, (numbers - 1) * (examples - 1)))
