# SPDX-License-Identifier: Apache-2.0
"""Kill a writer in the middle of its k-th change on disk, for every k, and look at what it leaves behind.

Run with crash.so preloaded: `survey.py snapshots|checkpoint SHIM FOLDER FIRST STRIDE`, for the crash points
FIRST, FIRST + STRIDE, ... Each writer and each inspection is a fork of this process, which has done it all
once, for what is slow only the first time. Prints how many crash points it tried; an inspection that finds
something wrong ends it with its traceback and status 1.
"""

import ctypes
import itertools
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

Acknowledge = Callable[[int], None]
Scenario = tuple[Callable[[Path, Acknowledge], None], Callable[[Path, list[int]], None]]
"""What writes to a folder and acknowledges steps; what inspects the folder, given the steps acknowledged."""


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a child process; return the child's wait status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def crash_at(
    point: int, shim: ctypes.CDLL, folder: Path, write: Callable[[Path, Acknowledge], None]
) -> tuple[bool, list[int]]:
    """Let a writer loose that dies at a crash point; return whether it did, and what it acknowledged."""
    ours, theirs = os.pipe()

    def work() -> None:
        shim.crash_arm(ctypes.c_long(point), str(folder).encode())
        write(folder, lambda step: os.write(theirs, bytes([step])) and None)

    status = forked(work)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        acknowledged = list(pipe.read())
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status != 0:
        sys.exit(f"the writer failed by itself at crash point {point}")
    return killed, acknowledged


def survey(shim: ctypes.CDLL, folder: Path, scenario: Scenario, *, first: int, stride: int) -> int:
    """Try crash points until the writer reaches its end; return how many there were."""
    write, inspect = scenario
    folder.mkdir(parents=True)
    write(folder, lambda step: None)
    killed = True
    for point in itertools.count(first, stride):
        if not killed:
            return (point - first) // stride - 1
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        killed, acknowledged = crash_at(point, shim, folder, write)
        if forked(lambda steps=acknowledged: inspect(folder, steps)) != 0:
            sys.exit(f"crash point {point}, after steps {acknowledged} were acknowledged: see above")
    raise AssertionError


if __name__ == "__main__":
    name, library, place, first, stride = sys.argv[1:]
    if name == "snapshots":
        from snapshots_scenario import SCENARIO
    else:
        from checkpoint_scenario import SCENARIO
    shim = ctypes.CDLL(library)
    tried = survey(shim, Path(place), SCENARIO, first=int(first), stride=int(stride))
    print(tried)
