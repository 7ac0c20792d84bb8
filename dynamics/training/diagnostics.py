# SPDX-License-Identifier: Apache-2.0
"""Diagnostics of collapse: to one vector for all images (complete), or to few dimensions (dimensional).

Computed after every epoch on the panel under its first augmentation, in milliseconds, and stored with the scalars.

| scalar | definition | collapsed | healthy |
| --- | --- | --- | --- |
| feature_std, embedding_std | mean over dimensions of the standard deviation, see below | 0 | near 1 |
| feature_std_min, embedding_std_min | minimum over dimensions of the same | 0 | above 0 |
| feature_rank, embedding_rank | RankMe, the effective number of dimensions | 1 | up to min(K, d) |
| embedding_scale | mean over dimensions of the standard deviation, in the embedding's units | 0 | any positive value |
| alignment | mean squared distance of the two views of an image, 0 to 4 | 0 | small |
| uniformity | log of the mean potential between images, 0 or less | 0 | low |

A collapsed network is perfectly aligned, so alignment is informative only together with uniformity. A network may
also shrink all embeddings to a point without changing their directions: only embedding_scale shows that.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from dynamics.errors import UserError

OF_ONE_VIEW = ("feature_std", "feature_std_min", "feature_rank")
OF_TWO_VIEWS = (
    "embedding_scale",
    "embedding_std",
    "embedding_std_min",
    "embedding_rank",
    "alignment",
    "uniformity",
)


def names(views: int) -> tuple[str, ...]:
    """Return the names of the scalars that :func:`diagnose` returns for a panel with 1 or 2 views.

    Examples
    --------
    >>> names(1)
    ('feature_std', 'feature_std_min', 'feature_rank')
    """
    return OF_ONE_VIEW if views == 1 else OF_ONE_VIEW + OF_TWO_VIEWS


def diagnose(
    features: Float[Tensor, "view example feature"], outputs: Float[Tensor, "view example output"]
) -> dict[str, float]:
    """Measure features, and embeddings where there are two views of each example.

    Raises
    ------
    UserError
        When an output is infinite or NaN: finite weights may still be too large.

    Examples
    --------
    >>> features = torch.eye(4).expand(1, 4, 4)
    >>> {name: round(value, 3) for name, value in diagnose(features, features).items()}
    {'feature_std': 0.866, 'feature_std_min': 0.866, 'feature_rank': 4.0}
    """
    if not (features.isfinite().all() & outputs.isfinite().all()):
        raise UserError(
            "the network has diverged: its outputs for the panel are no longer finite: lower `lr`"
        )
    scalars = [*dimension_std(features[0]), effective_rank(features[0])]
    if len(outputs) > 1:
        scalars += [scale(outputs[0]), *dimension_std(outputs[0]), effective_rank(outputs[0])]
        scalars += [alignment(outputs[0], outputs[1]), uniformity(outputs[0])]
    values: list[float] = torch.stack(scalars).tolist()  # one wait for the device, not one per number
    return dict(zip(names(len(outputs)), values, strict=True))


def dimension_std(
    vectors: Float[Tensor, "example feature"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return mean and minimum over dimensions of the standard deviation of unit vectors, times sqrt(d).

    1 for vectors that are spread evenly over the sphere; 0 when all are the same (Chen and He, 2021,
    arXiv:2011.10566, section 4.1, who report the mean without the factor).

    Examples
    --------
    >>> mean, minimum = dimension_std(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    >>> round(mean.item(), 3), round(minimum.item(), 3)
    (0.707, 0.0)
    """
    unit = functional.normalize(vectors.double(), dim=-1)
    spread = unit.std(dim=0, correction=0) * vectors.shape[1] ** 0.5
    return spread.mean(), spread.min()


def scale(vectors: Float[Tensor, "example feature"]) -> Float[Tensor, ""]:
    """Return the mean over dimensions of the standard deviation, in the vectors' units; 0 when all are the same.

    Examples
    --------
    >>> scale(torch.tensor([[3.0], [5.0]])).item()
    1.0
    """
    return vectors.double().std(dim=0, correction=0).mean()


def effective_rank(vectors: Float[Tensor, "example feature"]) -> Float[Tensor, ""]:
    """Return RankMe: exp of the entropy of the singular values, 1 to min(K, d) (arXiv:2210.02885, eq. 1).

    The matrix is not centred, as in the paper: vectors with a large common mean have a rank near 1. The singular
    values are the square roots of the eigenvalues of the smaller Gram matrix, in float64.

    Examples
    --------
    >>> round(effective_rank(torch.eye(5)).item(), 3), round(effective_rank(torch.ones(5, 5)).item(), 2)
    (5.0, 1.0)
    """
    matrix = vectors.double()
    gram = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    fraction = singular / singular.sum().clamp(min=torch.finfo(torch.float64).tiny)
    return torch.special.entr(fraction).sum().exp()


def alignment(
    first: Float[Tensor, "example output"], second: Float[Tensor, "example output"]
) -> Float[Tensor, ""]:
    """Return the mean squared distance of unit vectors of the same images (Wang and Isola, 2020, arXiv:2005.10242).

    Examples
    --------
    >>> alignment(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]])).item()
    2.0
    """
    unit = [functional.normalize(vectors.double(), dim=-1) for vectors in (first, second)]
    return (unit[0] - unit[1]).square().sum(dim=1).mean()


def uniformity(vectors: Float[Tensor, "example output"]) -> Float[Tensor, ""]:
    """Return the log of the mean of exp(-2 d^2) over pairs of different images, d the distance of unit vectors.

    0 when all are the same; the lower, the more evenly they cover the sphere, with -4 as the limit of evenly
    spread vectors in many dimensions (Wang and Isola, 2020, eq. 2, with their t = 2).

    Examples
    --------
    >>> round(uniformity(torch.eye(3)).item(), 3)
    -4.0
    """
    unit = functional.normalize(vectors.double(), dim=-1)
    cosine = unit @ unit.T
    exponent = -2 * (2 - 2 * cosine).clamp(min=0)
    count = len(vectors)
    itself = torch.eye(count, dtype=torch.bool, device=vectors.device)
    total = exponent.masked_fill(itself, -torch.inf).flatten().logsumexp(dim=0)
    return total - torch.tensor(count * (count - 1), dtype=torch.float64, device=total.device).log()
