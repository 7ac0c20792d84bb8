# SPDX-License-Identifier: Apache-2.0
"""How long would an epoch of ours take with somebody else's loop: timed on fewer images where all take too long."""

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch

from benchmarks._timing import seconds_of


class Peer(Protocol):
    """A loop that ours is compared with."""

    def train_epoch(self) -> float:
        """Train one epoch; return the mean loss."""

    def score(self) -> Any:
        """Do what follows an epoch: the panel, if it has one."""


class Pace:
    """A call that gives the seconds of an epoch; the loop is built at the first, so that it holds nothing before.

    It runs in our process, so that on a GPU cuDNN looks for the fastest algorithms for others, too.

    Parameters
    ----------
    build
        Makes the loop.
    device
        Waited for.
    times
        How many times as many images an epoch of ours has. The steps count so often; the panel is whole.
    """

    def __init__(self, build: Callable[[], Peer], *, device: torch.device, times: float) -> None:
        self.build = build
        self.device = device
        self.times = times
        self.peer: Peer | None = None
        self.allocated: int | None = None
        """Most memory of the GPU that its first epoch used, in bytes; None on the CPU."""

    def __call__(self) -> float:
        """Run an epoch; return the seconds that one of all images would take."""
        if self.peer is not None:
            return self._seconds(self.peer)
        cuda = self.device.type == "cuda"
        before = torch.cuda.memory_allocated(self.device) if cuda else 0
        if cuda:
            torch.cuda.reset_peak_memory_stats(self.device)
        self.peer = self.build()
        seconds = self._seconds(self.peer)
        if cuda:
            self.allocated = torch.cuda.max_memory_allocated(self.device) - before
        return seconds

    def _seconds(self, peer: Peer) -> float:
        with warnings.catch_warnings():
            # Newer Pythons warn of forking a process with threads; loaders do it all the same.
            warnings.simplefilter("ignore", DeprecationWarning)
            training = seconds_of(peer.train_epoch, self.device)
            panel = seconds_of(peer.score, self.device)
        return training * self.times + panel
