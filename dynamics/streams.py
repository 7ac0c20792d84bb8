# SPDX-License-Identifier: Apache-2.0
"""Random number streams: one for each (seed, purpose, epoch), derived by a counter.

A stream depends on nothing but these three coordinates, so an epoch can be repeated without its past, and changing one
seed leaves every other stream alone, bit for bit.
"""

import operator
from typing import Literal, SupportsIndex, get_args

import torch

from dynamics.config import MAX_EPOCH, MAX_SEED
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
    "held-out-examples",
    "hold-out",
]
"""Append new purposes at the end: the bits of a stream depend on the position of its purpose."""
PURPOSES: tuple[str, ...] = get_args(Purpose)

SEED_BITS, EPOCH_BITS, PURPOSE_BITS = MAX_SEED.bit_length(), MAX_EPOCH.bit_length(), 4


def generator(
    seed: SupportsIndex, purpose: Purpose, epoch: SupportsIndex = 0, *, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return a new generator at the start of the stream (seed, purpose, epoch).

    Parameters
    ----------
    seed
        0 to 65535.
    purpose
        What the numbers are for, one of :data:`PURPOSES`.
    epoch
        0 to 4095; any counter for streams that are not drawn every epoch.
    device
        Where the numbers are drawn. Bits agree between runs on one kind of device, not between kinds.

    Raises
    ------
    UserError
        If `seed` or `epoch` is out of range.

    Examples
    --------
    >>> draws = [torch.rand(2, generator=generator(7, "order", epoch)) for epoch in (1, 1, 2)]
    >>> torch.equal(draws[0], draws[1]), torch.equal(draws[0], draws[2])
    (True, False)
    """
    stream = torch.Generator(device=device)
    reseed(stream, seed, purpose, epoch)
    return stream


def reseed(stream: torch.Generator, seed: SupportsIndex, purpose: Purpose, epoch: SupportsIndex = 0) -> None:
    """Move an existing generator, from which a captured step may draw, to the start of another stream.

    PyTorch's CPU generator uses only the low 32 bits of its seed, and a hash into 32 bits would make some of a study's
    tens of thousands of streams coincide. The coordinates are therefore packed into 32 bits and scrambled by a
    bijection: no two streams share a generator seed.

    Parameters
    ----------
    stream
        The generator.
    seed, purpose, epoch
        As for :func:`generator`.

    Raises
    ------
    UserError
        If `seed` or `epoch` is out of range.

    Examples
    --------
    >>> stream = generator(7, "order", 1)
    >>> reseed(stream, 7, "order", 2)
    >>> stream.initial_seed() == generator(7, "order", 2).initial_seed()
    True
    """
    seed, epoch = operator.index(seed), operator.index(epoch)  # numpy's integers overflow below
    if not 0 <= seed <= MAX_SEED:
        raise UserError(f"a seed must be in [0, {MAX_SEED}], got {seed}")
    if not 0 <= epoch <= MAX_EPOCH:
        raise UserError(f"the counter of {purpose} must be in [0, {MAX_EPOCH}], got {epoch}")
    packed = (PURPOSES.index(purpose) << (SEED_BITS + EPOCH_BITS)) | (epoch << SEED_BITS) | seed
    stream.manual_seed(scramble(packed))


def scramble(value: int) -> int:
    """Map 32 bits to 32 bits, one to one, so that neighbouring counters give unrelated seeds.

    Each step (xor with a right shift, product with an odd number modulo 2^32) is invertible, hence so is the function.

    Examples
    --------
    >>> hex(scramble(1)), hex(scramble(2))
    ('0x688990c0', '0xd1132181')
    """
    value ^= value >> 16
    value = value * 0x7FEB352D & 0xFFFFFFFF
    value ^= value >> 15
    value = value * 0x846CA68B & 0xFFFFFFFF
    return value ^ value >> 16
