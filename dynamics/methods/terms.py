# SPDX-License-Identifier: Apache-2.0
"""Terms of losses that several methods share, as pure functions.

The three terms of VICReg (Bardes et al., 2022, arXiv:2105.04906, eqs. 1 to 5), TiCo's running matrix of second
moments (Zhu et al., 2022, arXiv:2206.10698), and the cosine of BYOL's and SimSiam's predictions with their targets.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def squared_distance(
    first: Float[Tensor, "batch output"], second: Float[Tensor, "batch output"]
) -> Float[Tensor, ""]:
    """Return the mean over images of the squared distance of their embeddings, s(Z, Z') of eq. 5; 0 or more.

    Examples
    --------
    >>> squared_distance(torch.zeros(2, 3), torch.ones(2, 3))
    tensor(3.)
    """
    return (first - second).square().sum(dim=1).mean()


def variance_hinge(
    embeddings: Float[Tensor, "batch output"], *, target: float = 1.0, eps: float = 1e-4
) -> Float[Tensor, ""]:
    """Return the mean over dimensions of max(0, target - sqrt(Var + eps)), v(Z) of eqs. 1 and 2.

    About `target` when all embeddings are the same, 0 when every dimension has at least that standard deviation
    (unbiased).

    Examples
    --------
    >>> f"{variance_hinge(torch.ones(4, 3)).item():.2f}", variance_hinge(torch.eye(2) * 2)
    ('0.99', tensor(0.))
    """
    return (target - (embeddings.var(dim=0) + eps).sqrt()).relu().mean()


def infinite_at_no_eps(eps: float) -> str:
    """Begin to explain why the gradient of :func:`variance_hinge` is infinite; empty where `eps` is above 0.

    Examples
    --------
    >>> infinite_at_no_eps(0.0), infinite_at_no_eps(1e-4)
    ('the gradient of a dimension that is constant is infinite at `variance_eps` 0: use 0.0001, or ', '')
    """
    if eps > 0:
        return ""
    return "the gradient of a dimension that is constant is infinite at `variance_eps` 0: use 0.0001, or "


def squared_covariance(embeddings: Float[Tensor, "batch output"]) -> Float[Tensor, ""]:
    """Return the sum of squared covariances of different dimensions, divided by their number d, c(Z) of eqs. 3 and 4.

    Examples
    --------
    >>> squared_covariance(torch.tensor([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]]))
    tensor(1.)
    """
    count, dimensions = embeddings.shape
    centred = embeddings - embeddings.mean(dim=0)
    covariance = centred.T @ centred / (count - 1)
    diagonal = torch.eye(dimensions, dtype=torch.bool, device=embeddings.device)
    return covariance.masked_fill(diagonal, 0).square().sum() / dimensions


def updated_moments(
    memory: Float[Tensor, "output output"], embeddings: Float[Tensor, "batch output"], *, decay: float
) -> Float[Tensor, "output output"]:
    """Return C <- decay C + (1 - decay) z^T z / n, without gradient.

    `decay` is the paper's beta, 0 (this batch alone) to 1 (C never changes).

    Examples
    --------
    >>> updated_moments(torch.zeros(1, 1), torch.tensor([[2.0], [4.0]]), decay=0.5)
    tensor([[5.]])
    """
    z = embeddings.detach()
    return decay * memory + (1 - decay) * (z.T @ z) / len(z)


def along_moments(
    embeddings: Float[Tensor, "batch output"], memory: Float[Tensor, "output output"]
) -> Float[Tensor, ""]:
    """Return the mean over images of z^T C z, 0 or more: low where embeddings avoid the directions of earlier ones.

    Examples
    --------
    >>> memory = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    >>> along_moments(torch.tensor([[0.0, 1.0]]), memory), along_moments(torch.tensor([[1.0, 0.0]]), memory)
    (tensor(0.), tensor(1.))
    """
    return torch.einsum("ni,ij,nj->n", embeddings, memory, embeddings).mean()


def cosine_of_others(
    predictions: Float[Tensor, "view batch output"], targets: Float[Tensor, "view batch output"]
) -> Float[Tensor, ""]:
    """Return the mean cosine of predictions with the other view's targets, -1 to 1; targets get no gradient.

    Examples
    --------
    >>> first, second = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> cosine_of_others(torch.stack([first, second]), torch.stack([second, first]))
    tensor(1.)
    """
    other: Sequence[Tensor] = (targets[1], targets[0])
    means = [
        functional.cosine_similarity(prediction, target.detach(), dim=-1).mean()
        for prediction, target in zip(predictions, other, strict=True)
    ]
    return torch.stack(means).mean()
