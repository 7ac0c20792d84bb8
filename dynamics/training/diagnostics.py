# SPDX-License-Identifier: Apache-2.0
"""How far has a network collapsed: to one vector for all images (complete), or to few dimensions (dimensional).

Computed after every epoch on the panel under its first augmentation, in milliseconds, and kept with the scalars.

| scalar | of | collapsed | sound |
| --- | --- | --- | --- |
| feature_std, embedding_std | mean over dimensions of the standard deviation, see below | 0 | near 1 |
| feature_std_min, embedding_std_min | the dimension with the smallest | 0 | above 0 |
| feature_rank, embedding_rank | RankMe, the effective number of dimensions | 1 | up to min(K, d) |
| embedding_scale | mean over dimensions of the standard deviation, in the embedding's own units | 0 | of any size |
| alignment | mean squared distance of the two views of an image, 0 to 4 | 0 | small |
| uniformity | log of the mean potential between images, 0 or less | 0 | low |

A collapsed network is perfectly aligned, so alignment says something only beside uniformity. A network
may also shrink all embeddings to a point without changing their directions: that is seen in embedding_scale alone.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

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
    """Return the names of the scalars that :func:`diagnose` gives for a panel of so many views."""
    return OF_ONE_VIEW if views == 1 else OF_ONE_VIEW + OF_TWO_VIEWS


def diagnose(
    features: Float[Tensor, "view example feature"], outputs: Float[Tensor, "view example output"]
) -> dict[str, float]:
    """Measure what a network makes of a panel; embeddings only where there are two views to compare."""
    found = [*dimension_std(features[0]), effective_rank(features[0])]
    if len(outputs) > 1:
        found += [scale(outputs[0]), *dimension_std(outputs[0]), effective_rank(outputs[0])]
        found += [alignment(outputs[0], outputs[1]), uniformity(outputs[0])]
    values: list[float] = torch.stack(found).tolist()  # one wait for the device, not one a number
    return dict(zip(names(len(outputs)), values, strict=True))


def dimension_std(
    vectors: Float[Tensor, "example feature"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return mean and minimum over dimensions of the standard deviation of unit vectors, times sqrt(d).

    1 for vectors that are spread evenly over the sphere; 0 when all are the same (Chen and He, 2021,
    arXiv:2011.10566, section 4.1, who look at the mean without the factor).
    """
    unit = functional.normalize(vectors.double(), dim=-1)
    spread = unit.std(dim=0, correction=0) * vectors.shape[1] ** 0.5
    return spread.mean(), spread.min()


def scale(vectors: Float[Tensor, "example feature"]) -> Float[Tensor, ""]:
    """Return the mean over dimensions of the standard deviation, in the vectors' own units; 0 for a single point."""
    return vectors.double().std(dim=0, correction=0).mean()


def effective_rank(vectors: Float[Tensor, "example feature"]) -> Float[Tensor, ""]:
    """Return RankMe: exp of the entropy of the singular values, 1 to min(K, d) (arXiv:2210.02885, eq. 1).

    The matrix is not centred, as in the paper: vectors that share a large mean have a rank near 1. The
    singular values are roots of the eigenvalues of the smaller Gram matrix, in float64.
    """
    matrix = vectors.double()
    gram = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    share = singular / singular.sum().clamp(min=torch.finfo(torch.float64).tiny)
    return torch.special.entr(share).sum().exp()


def alignment(
    first: Float[Tensor, "example output"], second: Float[Tensor, "example output"]
) -> Float[Tensor, ""]:
    """Return the mean squared distance of unit vectors of the same images (Wang and Isola, 2020, arXiv:2005.10242)."""
    unit = [functional.normalize(vectors.double(), dim=-1) for vectors in (first, second)]
    return (unit[0] - unit[1]).square().sum(dim=1).mean()


def uniformity(vectors: Float[Tensor, "example output"]) -> Float[Tensor, ""]:
    """Return the log of the mean of exp(-2 d^2) over pairs of different images, d the distance of unit vectors.

    0 when all are the same; the lower, the more evenly they cover the sphere, with -4 as the limit of evenly
    spread vectors of many dimensions (Wang and Isola, 2020, eq. 2, with their t = 2).
    """
    unit = functional.normalize(vectors.double(), dim=-1)
    cosine = unit @ unit.T
    exponent = -2 * (2 - 2 * cosine).clamp(min=0)
    count = len(vectors)
    own = torch.eye(count, dtype=torch.bool, device=vectors.device)
    total = exponent.masked_fill(own, -torch.inf).flatten().logsumexp(dim=0)
    return total - torch.tensor(count * (count - 1), dtype=torch.float64, device=total.device).log()
