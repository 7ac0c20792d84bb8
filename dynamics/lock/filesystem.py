# SPDX-License-Identifier: Apache-2.0
"""Whether a folder lies on a disk of this machine alone, where the operating system's locks hold."""

import os
from functools import lru_cache
from pathlib import Path

LOCAL = {
    "ext2", "ext3", "ext4", "xfs", "btrfs", "bcachefs", "f2fs", "jfs", "reiserfs", "zfs", "nilfs2", "tmpfs", "ramfs",
    "overlay", "squashfs", "erofs", "vfat", "exfat", "ntfs3", "apfs", "hfs",
}  # fmt: skip
"""Types of file systems that only one machine mounts. Others, and unknown ones, may be shared with other hosts."""
MOUNTS = Path("/proc/self/mountinfo")


def is_local(path: Path) -> bool:
    """Return whether only this machine mounts the file system that holds a path, whose end need not exist.

    Network and parallel file systems (NFS, Lustre, GPFS, BeeGFS, CIFS, FUSE ...) are not local; neither is one whose
    type is unknown. Without `/proc` (macOS) all but network mounts under `/Volumes` and `/net` are taken for local.

    Examples
    --------
    >>> is_local(Path("/proc/self/no-such-file"))
    False
    """
    real = Path(os.path.realpath(path))
    try:
        mounts = MOUNTS.read_bytes()
    except OSError:
        return not any(real.is_relative_to(place) for place in ("/Volumes", "/net", "/Network"))
    kind = _kind(str(real), mounts)
    return kind in LOCAL


def _kind(real: str, mountinfo: bytes) -> str:
    """Return the type of the file system that holds a path: that of the longest mount point above it."""
    longest, kind = "", ""
    for place, its_kind in _parsed(mountinfo):
        above = real == place or real.startswith(place.rstrip("/") + "/")
        if above and len(place) >= len(longest):  # of two at one place, the later covers the earlier
            longest, kind = place, its_kind
    return kind


@lru_cache(maxsize=4)
def _parsed(mountinfo: bytes) -> list[tuple[str, str]]:
    """Return mount points and types of file systems; spaces in names are escaped."""
    mounts = []
    for line in mountinfo.decode(errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        place = before.split(" ")[4]
        for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            place = place.replace(code, character)
        mounts.append((place, after.split(" ")[0]))
    return mounts
