# SPDX-License-Identifier: Apache-2.0
"""What happens to memory that a step has freed and that the next one asks for again: it stays with the process.

By default glibc gives large pieces back to the system as soon as they are free, and the system clears every page of
them before it hands them out again: a third of the time of scoring a panel on a CPU.
"""

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`: free bytes at the heap's end, and size of a piece, that are given back."""
TRIM, MMAP = 2**29, 2**25
"""512 MiB, and the largest size that glibc takes."""


def keep_freed() -> bool:
    """Let this process keep what it frees; return whether its C library can be told so (only glibc can)."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        return bool(libc.mallopt(M_MMAP_THRESHOLD, MMAP)) and bool(libc.mallopt(M_TRIM_THRESHOLD, TRIM))
    return False
