# SPDX-License-Identifier: Apache-2.0
"""The hybrid of the slides: VICReg's invariance and halved variance, TiCo's contrast on plain embeddings."""

from typing import Any

import numpy as np
from torch import Tensor

from tests.references.tico import along, updated
from tests.references.vicreg import vicreg


def hybrid(
    first: np.ndarray, second: np.ndarray, updated_moments: np.ndarray, *, eps: float
) -> dict[str, Any]:
    parts = vicreg(first, second, eps=eps, convention="official")
    return {
        "invariance": parts["invariance"],
        "variance": parts["variance"],
        "contrast": along(first, updated_moments),
    }


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    recipe, (first, second) = method.recipe, method.embed(views).detach().numpy()
    constant = frozen.embed(views)[0].detach().numpy()
    moments = updated(frozen.moments.numpy(), constant, recipe.moment_decay)
    parts = hybrid(first, second, moments, eps=recipe.variance_eps)
    loss = (
        recipe.invariance_weight * parts["invariance"]
        + recipe.variance_weight * parts["variance"]
        + recipe.contrast_weight * parts["contrast"]
    )
    return {"loss": loss, **parts}


def memory(before: Any, after: Any, views: Tensor) -> dict[str, np.ndarray]:
    """Return the matrix that a step leaves behind."""
    first = before.embed(views)[0].detach().numpy()
    return {"moments": updated(before.moments.numpy(), first, before.recipe.moment_decay)}
