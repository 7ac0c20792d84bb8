# SPDX-License-Identifier: Apache-2.0
"""BYOL's eqs. 2 and 3: squared distances of unit vectors in both directions, added."""

from typing import Any

import numpy as np
from torch import Tensor

from tests.references.momentum import momentum_copy
from tests.references.tico import unit


def byol(predictions: np.ndarray, targets: np.ndarray) -> Any:
    total: Any = 0.0
    for view in range(2):
        guess, aim = unit(predictions[view]), unit(targets[1 - view])
        total += sum(sum((guess[i] - aim[i]) ** 2) for i in range(len(guess))) / len(guess)
    return total


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    predictions = np.stack([method.predictor(z).detach().numpy() for z in method.embed(views)])
    targets = np.stack([frozen.target(view).detach().numpy() for view in views])
    return {"loss": byol(predictions, targets)}


def memory(before: Any, after: Any, views: Tensor) -> dict[str, np.ndarray]:
    """Return the weights of the copy after a step."""
    return momentum_copy(before, after)
