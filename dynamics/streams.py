# SPDX-License-Identifier: Apache-2.0
"""Where does every random number come from: one stream for each (seed, purpose, epoch), by a counter.

A stream depends on nothing but its three coordinates, so an epoch can be made again without its past
and one seed can be changed without a bit of another stream moving.
"""

from typing import Literal, get_args

import torch

from dynamics.errors import UserError

Purpose = Literal[
    "weights",
    "order",
    "augmentation",
    "panel-examples",
    "panel-augmentations",
    "labels",
    "control",
    "probe",
    "evaluation-split",
    "evaluation-augmentation",
]
"""New purposes go last: a stream's bits depend on its purpose's place."""
PURPOSES: tuple[str, ...] = get_args(Purpose)

SEED_BITS, EPOCH_BITS, PURPOSE_BITS = 16, 12, 4
MAX_SEED = 2**SEED_BITS - 1
MAX_EPOCH = 2**EPOCH_BITS - 1


def generator(
    seed: int, purpose: Purpose, epoch: int = 0, *, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a new generator at the start of the stream (seed, purpose, epoch).

    Parameters
    ----------
    seed
        0 to 65535.
    purpose
        What the numbers are for, one of :data:`PURPOSES`.
    epoch
        0 to 4095; for streams that are not drawn every epoch, any counter.
    device
        Where the numbers are made. Bits agree between runs on one kind of device, not between kinds.
    """
    stream = torch.Generator(device=device)
    reseed(stream, seed, purpose, epoch)
    return stream


def reseed(stream: torch.Generator, seed: int, purpose: Purpose, epoch: int = 0) -> None:
    """Put a generator that is there, and that a captured step may draw from, at the start of another stream.

    PyTorch's generator on the CPU looks at the low 32 bits of its seed only; a hash into them would let two
    of a study's tens of thousands of streams coincide. The coordinates are therefore packed into 32
    bits and scrambled by a bijection: two streams never share a generator seed.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UserError(f"seed {seed} is out of range: use 0 to {MAX_SEED}")
    if not 0 <= epoch <= MAX_EPOCH:
        raise UserError(f"{purpose} counter {epoch} is out of range: use 0 to {MAX_EPOCH}")
    packed = (PURPOSES.index(purpose) << (SEED_BITS + EPOCH_BITS)) | (epoch << SEED_BITS) | seed
    stream.manual_seed(scramble(packed))


def scramble(value: int) -> int:
    """Map 32 bits to 32 bits, one to one, so that neighbouring counters give unlike seeds.

    Each step (xor with a right shift, product with an odd number) can be undone, hence the whole can.
    """
    value ^= value >> 16
    value = value * 0x7FEB352D & 0xFFFFFFFF
    value ^= value >> 15
    value = value * 0x846CA68B & 0xFFFFFFFF
    return value ^ value >> 16
