# SPDX-License-Identifier: Apache-2.0
"""MoCo's eq. 1, one query at a time."""

from typing import Any

import numpy as np
from torch import Tensor

from tests.references.momentum import momentum_copy
from tests.references.tico import unit


def info_nce(queries: np.ndarray, keys: np.ndarray, negatives: np.ndarray, temperature: float) -> Any:
    q, k = unit(queries), unit(keys)
    total: Any = 0.0
    for i in range(len(q)):
        positive = np.exp(sum(q[i] * k[i]) / temperature)
        others = sum(np.exp(sum(q[i] * negative) / temperature) for negative in negatives)
        total -= np.log(positive / (positive + others))
    return total / len(q)


def enqueue(queue: np.ndarray, cursor: int, keys: np.ndarray) -> tuple[np.ndarray, int]:
    """Put keys one by one in the place of the oldest."""
    result = queue.copy()
    for key in keys:
        result[cursor] = key
        cursor = (cursor + 1) % len(queue)
    return result, cursor


def terms(method: Any, frozen: Any, views: Tensor, labels: Tensor) -> dict[str, Any]:
    queries = method.embed(views[:1])[0].detach().numpy()
    keys = frozen.target(views[1]).detach().numpy()
    return {"loss": info_nce(queries, keys, frozen.keys.numpy(), method.recipe.temperature)}


def memory(before: Any, after: Any, views: Tensor) -> dict[str, np.ndarray]:
    """Return the queue, its cursor and the weights of the copy after a step."""
    keys = unit(before.target(views[1]).detach().numpy())
    queue, cursor = enqueue(before.keys.numpy(), int(before.cursor), keys)
    return {"keys": queue, "cursor": np.array(cursor), **momentum_copy(before, after)}
