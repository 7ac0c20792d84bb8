# SPDX-License-Identifier: Apache-2.0
"""Checksums for safetensors files, whose format does not detect damage.

A file is sealed by a SHA-256 in its header's metadata: the hash of the complete file in which the 64 digits of the hash
itself are zeros.
"""

import hashlib

_KEY = b'"sha256":"'
BLANK = "0" * 64
"""Placeholder in the metadata of a file that is to be sealed, under `sha256`."""


def seal(blob: bytes) -> tuple[memoryview, ...]:
    """Fill in the hash of a safetensors file whose metadata has `sha256` = :data:`BLANK`.

    Returns
    -------
    tuple of memoryview
        The sealed file in three consecutive parts, so that nothing large is copied.

    Raises
    ------
    ValueError
        If the header has no place for the hash.

    Examples
    --------
    >>> import numpy as np
    >>> from safetensors.numpy import save
    >>> is_sealed(b"".join(seal(save({"weight": np.ones(3)}, metadata={"sha256": BLANK}))))
    True
    """
    start = _place(blob)
    if start is None:
        raise ValueError("the header's metadata has no blank sha256")
    view, stop = memoryview(blob), start + len(BLANK)
    return view[:start], memoryview(_sum(blob, start).encode()), view[stop:]


def is_sealed(blob: bytes) -> bool:
    """Whether a file's content matches the hash in its header; False also for a file that was never sealed.

    Examples
    --------
    >>> is_sealed(b"not a safetensors file")
    False
    """
    start = _place(blob)
    return start is not None and blob[start : start + len(BLANK)] == _sum(blob, start).encode()


def _place(blob: bytes) -> int | None:
    """Find the hash in the header, which is JSON: its strings contain no unescaped quote that could mislead."""
    header = blob[8 : 8 + int.from_bytes(blob[:8], "little")]
    at = header.find(_KEY)
    return None if at < 0 else 8 + at + len(_KEY)


def _sum(blob: bytes, start: int) -> str:
    view = memoryview(blob)
    total = hashlib.sha256(view[:start])
    total.update(BLANK.encode())
    total.update(view[start + len(BLANK) :])
    return total.hexdigest()
