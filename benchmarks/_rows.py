# SPDX-License-Identifier: Apache-2.0
"""What a benchmark measures with, and what it hands back."""

import time
from dataclasses import dataclass, field

import torch

from analysis.framework.console import say


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number that was measured."""

    key: str
    """Name for programs, as augment.simclr.ours: targets are looked up by it."""
    what: str
    """The same for people."""
    value: float | None
    """None: not measured; the note says why."""
    unit: str
    low: float | None = None
    """Smallest of the rounds, or the ratio's worst round; None where there is one measurement."""
    high: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where and how long to measure."""

    device: torch.device
    quick: bool = False
    """Tiny sizes: shows that everything runs; the numbers mean nothing."""
    deadline: float = field(default=float("inf"))
    """Time of `time.monotonic` after which no further part is begun."""

    @property
    def cuda(self) -> bool:
        """Whether there is a GPU to measure on."""
        return self.device.type == "cuda"

    def time_for(self, part: str) -> bool:
        """Whether there is time left to begin a part; says so where there is none."""
        if time.monotonic() < self.deadline:
            say(f"  {part}")
            return True
        say(f"  {part}: left out, the time is up (give more --minutes)")
        return False


def missing(key: str, what: str, unit: str, why: str) -> Row:
    """Return the row of what could not be measured."""
    return Row(key=key, what=what, value=None, unit=unit, note=why)
