# SPDX-License-Identifier: Apache-2.0
"""What methods share in which one view's prediction should meet the other view's embedding."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def cosine_of_others(
    predictions: Float[Tensor, "view batch output"], targets: Float[Tensor, "view batch output"]
) -> Float[Tensor, ""]:
    """Return the mean cosine of predictions with the other view's targets, -1 to 1; targets get no gradient."""
    other: Sequence[Tensor] = (targets[1], targets[0])
    means = [
        functional.cosine_similarity(prediction, target.detach(), dim=-1).mean()
        for prediction, target in zip(predictions, other, strict=True)
    ]
    return torch.stack(means).mean()
