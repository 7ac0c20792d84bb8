# SPDX-License-Identifier: Apache-2.0
"""Top-1 and top-5 accuracy from the scores of classes: logits or votes."""

from jaxtyping import Float, Float64, Int64
from torch import Tensor

MIN_CLASSES = 6
"""Minimum number of classes for top-5 accuracy; with fewer it would be 1 whatever is learnt."""


def accuracy(
    scores: Float[Tensor, "seed example class"], labels: Int64[Tensor, " example"], *, top: int = 1
) -> Float64[Tensor, " seed"]:
    """Return the fraction of examples whose class has one of the `top` largest scores, 0 to 1.

    A class counts as below those that tie with it, so equal scores are never right.

    Examples
    --------
    >>> import torch
    >>> scores = torch.tensor([[[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]])
    >>> accuracy(scores, torch.tensor([0, 1])).tolist(), accuracy(scores, torch.tensor([0, 1]), top=2).tolist()
    ([0.5], [1.0])
    """
    true = scores.gather(2, labels.expand(scores.shape[:2]).unsqueeze(2))
    not_below = (scores >= true).sum(dim=2) - 1
    return (not_below < top).double().mean(dim=1)


def top1_top5(
    scores: Float[Tensor, "example class"], labels: Int64[Tensor, " example"]
) -> tuple[float, float | None]:
    """Return top-1 and top-5 accuracy, 0 to 1; top-5 is None where there are fewer than six classes.

    Examples
    --------
    >>> import torch
    >>> top1_top5(torch.eye(7), torch.arange(7)), top1_top5(torch.eye(3), torch.arange(3))
    ((1.0, 1.0), (1.0, None))
    """
    top1, top5 = (float(accuracy(scores[None], labels, top=top)) for top in (1, 5))
    return top1, top5 if scores.shape[1] >= MIN_CLASSES else None
