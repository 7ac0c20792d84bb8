# SPDX-License-Identifier: Apache-2.0
"""Whether a safetensors file is as it was written, to the last bit.

The format itself notices no damage. A file is sealed by a SHA-256 in its header's metadata: the hash of the
whole file with the 64 digits of the hash itself set to zero.
"""

import hashlib

_KEY = b'"sha256":"'
BLANK = "0" * 64
"""What a file that is to be sealed has in its metadata under `sha256`."""


def seal(blob: bytes) -> tuple[memoryview, ...]:
    """Fill in the hash of a safetensors file whose metadata has `sha256` = :data:`BLANK`.

    Returns
    -------
    tuple of memoryview
        The sealed file in three pieces, to be written one after the other.

    Raises
    ------
    ValueError
        When the header has no place for the hash.
    """
    start = _place(blob)
    if start is None:
        raise ValueError("the header's metadata has no blank sha256")
    view, stop = memoryview(blob), start + len(BLANK)
    return view[:start], memoryview(_sum(blob, start).encode()), view[stop:]


def is_sealed(blob: bytes) -> bool:
    """Whether a file carries its own hash: False for a damaged file as for one that was never sealed."""
    start = _place(blob)
    return start is not None and blob[start : start + len(BLANK)] == _sum(blob, start).encode()


def _place(blob: bytes) -> int | None:
    """Find the hash in the header, which is JSON: no unescaped quote stands inside one of its strings."""
    header = blob[8 : 8 + int.from_bytes(blob[:8], "little")]
    at = header.find(_KEY)
    return None if at < 0 else 8 + at + len(_KEY)


def _sum(blob: bytes, start: int) -> str:
    view = memoryview(blob)
    total = hashlib.sha256(view[:start])
    total.update(BLANK.encode())
    total.update(view[start + len(BLANK) :])
    return total.hexdigest()
