# SPDX-License-Identifier: Apache-2.0
"""The moving average of weights, one number at a time."""

from typing import Any

import numpy as np


def momentum_copy(before: Any, after: Any) -> dict[str, np.ndarray]:
    """Return the copy's weights once it has followed the trained ones; `before` holds its old ones and the decay."""
    decay, trained = float(before.copy.decay), dict(after.named_parameters())
    result = {}
    for name, old in before.copy.named_parameters():
        new, old = trained[name].detach().numpy(), old.numpy()
        moved = [
            decay * a + (1 - decay) * b
            for a, b in zip(old.ravel().tolist(), new.ravel().tolist(), strict=True)
        ]
        result[f"copy.{name}"] = np.array(moved).reshape(old.shape)
    return result
