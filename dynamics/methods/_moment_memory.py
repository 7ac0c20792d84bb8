# SPDX-License-Identifier: Apache-2.0
"""TiCo's memory: a running matrix of second moments, and how much embeddings lie along it (arXiv:2206.10698)."""

import torch
from jaxtyping import Float
from torch import Tensor


def updated_moments(
    memory: Float[Tensor, "output output"], embeddings: Float[Tensor, "batch output"], *, decay: float
) -> Float[Tensor, "output output"]:
    """Return C <- decay C + (1 - decay) z^T z / n, without gradient.

    `decay` is the paper's beta, 0 (this batch alone) to 1 (it never changes).
    """
    z = embeddings.detach()
    return decay * memory + (1 - decay) * (z.T @ z) / len(z)


def along_moments(
    embeddings: Float[Tensor, "batch output"], memory: Float[Tensor, "output output"]
) -> Float[Tensor, ""]:
    """Return the mean over images of z^T C z, 0 or more: low where embeddings avoid the directions of earlier ones."""
    return torch.einsum("ni,ij,nj->n", embeddings, memory, embeddings).mean()
