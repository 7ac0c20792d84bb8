# SPDX-License-Identifier: Apache-2.0
"""Eq. 5.2 as it is written, with an explicit inverse and determinants, one pair at a time."""

import numpy as np


def gaussian_kl(mean_y: np.ndarray, cov_y: np.ndarray, mean_z: np.ndarray, cov_z: np.ndarray) -> float:
    inverse = np.linalg.inv(cov_z)
    sign_y, log_det_y = np.linalg.slogdet(cov_y)
    sign_z, log_det_z = np.linalg.slogdet(cov_z)
    assert sign_y == sign_z == 1
    shift = mean_z - mean_y
    return 0.5 * float(
        np.trace(inverse @ cov_y) + shift @ inverse @ shift - len(shift) + log_det_z - log_det_y
    )


def random_gaussian(rng: np.random.Generator, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """A mean and a covariance whose eigenvalues lie between 0.1 and 10."""
    axes, _ = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))
    return rng.normal(size=dimensions), (axes * 10 ** rng.uniform(-1, 1, size=dimensions)) @ axes.T
