# SPDX-License-Identifier: Apache-2.0
"""How a chunk is stored, for zarr and directly, and by what its elements are known.

An epoch's chunks are encoded here and not by zarr, which hands each to threads of its own: a millisecond an array.
"""

import hashlib

import google_crc32c
import numpy as np
from jaxtyping import UInt8
from numcodecs.blosc import Blosc
from zarr.codecs import BloscCodec, Crc32cCodec

LEVEL = 3


def compressors(kind: np.dtype) -> list[BloscCodec | Crc32cCodec]:
    """Return zarr's codecs for an array of a type.

    Examples
    --------
    >>> [type(codec).__name__ for codec in compressors(np.dtype("bool"))]
    ['BloscCodec', 'Crc32cCodec']
    """
    return [
        BloscCodec(cname="zstd", clevel=LEVEL, shuffle="bitshuffle", typesize=kind.itemsize),
        Crc32cCodec(),
    ]


def encoded(values: np.ndarray) -> bytes:
    """Return the bytes of a chunk, which are those that zarr would write.

    Examples
    --------
    >>> len(encoded(np.zeros(1000, dtype=bool)))
    46
    """
    stored = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    packed = Blosc(cname="zstd", clevel=LEVEL, shuffle=Blosc.BITSHUFFLE).encode(stored)
    return packed + google_crc32c.value(packed).to_bytes(4, "little")


def decoded(stored: bytes, kind: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values of a chunk, which cannot be written to: they are the decoded bytes themselves.

    Raises
    ------
    ValueError
        If its bytes are not those that were written.

    Examples
    --------
    >>> decoded(encoded(np.arange(3)), np.dtype("int64"), (3,)).tolist()
    [0, 1, 2]
    """
    packed, checksum = stored[:-4], stored[-4:]
    if google_crc32c.value(packed).to_bytes(4, "little") != checksum:
        raise ValueError("the checksum does not fit")
    values = np.frombuffer(Blosc().decode(packed), kind.newbyteorder("<"))
    return values.reshape(shape).astype(kind, copy=False)


def digest(values: np.ndarray) -> UInt8[np.ndarray, " byte"]:
    """Return the BLAKE2b hash (16 bytes) of an array's elements: little-endian, last axis fastest.

    Examples
    --------
    >>> digest(np.array([True, False])).tobytes().hex()[:8]
    'ead9a09a'
    """
    stored = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return np.frombuffer(hashlib.blake2b(stored.data, digest_size=16).digest(), np.uint8)
