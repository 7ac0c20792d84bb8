# SPDX-License-Identifier: Apache-2.0
"""Gradients to the last digit: the imaginary part of f(x + ih) / h, without any difference of near numbers."""

from collections.abc import Callable

import numpy as np

STEP = 1e-40


def gradients(function: Callable[..., complex], *arrays: np.ndarray) -> list[np.ndarray]:
    """Differentiate by every entry of every array; `function` must be made of analytic parts (no conjugate)."""
    result = []
    for position, array in enumerate(arrays):
        gradient = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            shifted = [a.astype(complex) for a in arrays]
            shifted[position][index] += 1j * STEP
            gradient[index] = np.imag(function(*shifted)) / STEP
        result.append(gradient)
    return result
