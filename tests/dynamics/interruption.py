# SPDX-License-Identifier: Apache-2.0
"""A training that is killed after an epoch, as far as its files can tell."""

from collections.abc import Callable

from dynamics.training.job import EpochReport


class Stop(Exception):  # noqa: N818 - no error
    """A kill at a chosen moment."""


def stop_after(last: int) -> Callable[[EpochReport], None]:
    """Return what :func:`dynamics.training.loop.train` is to report to."""

    def stop(progress: EpochReport) -> None:
        if progress.epoch == last:
            raise Stop

    return stop
