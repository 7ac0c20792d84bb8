# SPDX-License-Identifier: Apache-2.0
"""SimSiam's eqs. 1 to 4: minus the cosine of each prediction with the other view, halved and added."""

from typing import Any

import numpy as np
from torch import Tensor

from tests.references.tico import mean_cosine


def simsiam(predictions: np.ndarray, targets: np.ndarray) -> Any:
    return -mean_cosine(predictions[0], targets[1]) / 2 - mean_cosine(predictions[1], targets[0]) / 2


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    predictions = np.stack([method.predictor(z).detach().numpy() for z in method.embed(views)])
    return {"loss": simsiam(predictions, frozen.embed(views).detach().numpy())}
