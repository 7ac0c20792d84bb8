# SPDX-License-Identifier: Apache-2.0
"""The run folders as a queue: of a list of seeds, the next one that is neither complete nor held by another process."""

from collections.abc import Callable, Iterable

from dynamics import snapshots
from dynamics.lock import holder
from dynamics.training.job import Job


class Queue:
    """The seeds of a list that are left to train, in their order; any number of processes may share the folders.

    Parameters
    ----------
    jobs
        The seeds.
    elsewhere
        Called with each seed that turns out to be complete: another process has trained it.
    """

    def __init__(self, jobs: Iterable[Job], elsewhere: Callable[[Job], None]) -> None:
        self.left = list(jobs)
        self._elsewhere = elsewhere

    def take(self) -> Job | None:
        """Remove and return the first seed that is free; None if there is none now.

        It is not locked yet: a process that is a moment faster may lock it, see :meth:`put_back`.
        """
        for job in list(self.left):
            if snapshots.is_finished(job.folder):
                self.left.remove(job)
                self._elsewhere(job)
            elif _is_free(job):
                self.left.remove(job)
                return job
        return None

    def put_back(self, job: Job) -> None:
        """Return a seed that another process has locked in the meantime."""
        self.left.append(job)


def _is_free(job: Job) -> bool:
    try:
        return holder(job.folder) is None
    except OSError:  # whoever takes it says what is wrong there
        return True
