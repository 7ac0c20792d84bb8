# SPDX-License-Identifier: Apache-2.0
"""Rivals of the positive: what the indicator of view methods depends on, whatever the mates.

Whether a view's positive is the nearest depends on the other examples of its batch, its mates. Counting over the whole
panel how many examples would be nearer frees the answer from them: a view with n rivals among the K - 1 other examples
is right among B - 1 mates drawn at random with probability C(K - 1 - n, B - 1) / C(K - 1, B - 1), for any B
(:func:`dynamics.mates.right_among_mates`).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int32, Int64
from torch import Tensor
from torch.nn import functional

COSINES = 2**24
"""Number of cosines that are held at a time."""


class Rivals(NamedTuple):
    """Numbers of examples that are in the way of each view's positive, 0 (none: right in any batch) to K - 1."""

    all: Int32[Tensor, "view example"]
    same_class: Int32[Tensor, "view example"]
    """Those among them that are of the example's own class."""


def count_rivals(
    embeddings: Float[Tensor, "view example output"], classes: Int64[Tensor, " example"]
) -> Rivals:
    """Count for each view the other examples with a view at least as similar to it, by cosine, as its positive.

    Parameters
    ----------
    embeddings
        Two views of K examples under one augmentation each, as the loss compares them.
    classes
        The class of each example.

    Examples
    --------
    >>> views = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.8, 0.6]]])
    >>> count_rivals(views, torch.tensor([3, 3])).all  # the views of the second image are not nearest to each other
    tensor([[0, 0],
            [0, 1]], dtype=torch.int32)
    """
    units = functional.normalize(embeddings.float(), dim=-1)
    every = torch.arange(len(classes), device=classes.device)
    rows = max(1, COSINES // (2 * len(classes)))
    counts: list[tuple[Tensor, Tensor]] = []
    for view, positive in ((0, 1), (1, 0)):
        for some in every.split(rows):
            asked = units[view, some]
            cosines = [asked @ units[0].T, asked @ units[1].T]
            # From the same products as the rivals' cosines: otherwise equal embeddings might not tie.
            to_positive = cosines[positive].gather(1, some.unsqueeze(1))
            # Not `>=`: what is no number is in the way of nothing, and would count as right in any batch.
            ahead = ~(torch.maximum(*cosines) < to_positive) & (every != some.unsqueeze(1))
            own_class = ahead & (classes == classes[some].unsqueeze(1))
            counts.append((ahead.sum(dim=1), own_class.sum(dim=1)))
    both = (torch.cat(part).view(2, -1).int() for part in zip(*counts, strict=True))
    return Rivals(*both)
