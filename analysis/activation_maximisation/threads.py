# SPDX-License-Identifier: Apache-2.0
"""How many cores work on one small batch: one, where dividing it costs more than it saves."""

import contextlib
from collections.abc import Iterator

import torch

WORTH_DIVIDING = 1_000_000
"""Numbers in the largest map of a batch, from which on several cores are faster than one. Below, threads wait
for each other at every layer, and where other programs run, for those: 8 times as long was measured."""


@contextlib.contextmanager
def suited_threads(numbers: int) -> Iterator[None]:
    """Let torch use one core inside where the largest map has few numbers; as before otherwise."""
    before = torch.get_num_threads()
    if numbers < WORTH_DIVIDING:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
