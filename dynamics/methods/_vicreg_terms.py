# SPDX-License-Identifier: Apache-2.0
"""The three terms of VICReg (Bardes et al., 2022, arXiv:2105.04906, eqs. 1 to 5) as pure functions."""

import torch
from jaxtyping import Float
from torch import Tensor


def squared_distance(
    first: Float[Tensor, "batch output"], second: Float[Tensor, "batch output"]
) -> Float[Tensor, ""]:
    """Return the mean over images of the squared distance of their embeddings, s(Z, Z') of eq. 5; 0 or more."""
    return (first - second).square().sum(dim=1).mean()


def variance_hinge(
    embeddings: Float[Tensor, "batch output"], *, target: float = 1.0, eps: float = 1e-4
) -> Float[Tensor, ""]:
    """Return the mean over dimensions of max(0, target - sqrt(Var + eps)), v(Z) of eqs. 1 and 2.

    `target` (about) when all embeddings are the same, 0 when every dimension has at least that standard deviation
    (unbiased).
    """
    return (target - (embeddings.var(dim=0) + eps).sqrt()).relu().mean()


def squared_covariance(embeddings: Float[Tensor, "batch output"]) -> Float[Tensor, ""]:
    """Return the sum of squared covariances of different dimensions, over their number d, c(Z) of eqs. 3 and 4."""
    count, dimensions = embeddings.shape
    centred = embeddings - embeddings.mean(dim=0)
    covariance = centred.T @ centred / (count - 1)
    diagonal = torch.eye(dimensions, dtype=torch.bool, device=embeddings.device)
    return covariance.masked_fill(diagonal, 0).square().sum() / dimensions
