# SPDX-License-Identifier: Apache-2.0
"""A worker process: it trains the seeds that it is sent, one after the other, until there are none.

It keeps its data set, and what the seeds of a recipe share, from job to job. Started by :mod:`dynamics.training.pool`.
"""

import contextlib
import ctypes
import logging
import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import torch

from dynamics import data, starting
from dynamics.errors import UserError, explained
from dynamics.lock import Locked, Lost
from dynamics.snapshots import Superseded
from dynamics.training import loop, stopping
from dynamics.training.job import Job
from dynamics.training.pool import CATALOGUES, Source
from dynamics.training.workbench import Workbenches

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`: how much free memory at the heap's end, and which sizes, go back to the system."""
TRIM, MMAP = 2**29, 2**25
"""512 MiB, and 32 MiB, the largest threshold that glibc accepts."""


def _main(pipe_end: int, lifeline: int) -> NoReturn:
    """Work at the other end of a pipe, then exit at once: all that matters is on the disk."""
    # Ctrl-C reaches every process of the group; the parent decides what to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    starting.heed(stopping.ask)
    logging.basicConfig(format="note: %(message)s", level=logging.WARNING)
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    torch.set_num_threads(1)  # the bits of a seed must not depend on how many are trained at a time
    pipe = Connection(pipe_end)
    with contextlib.suppress(BrokenPipeError, EOFError):  # the parent has ended
        source, device, registered = _received(pipe)
        for catalogue, (objects, code) in zip(CATALOGUES, registered, strict=True):
            catalogue.registered.update(objects)
            catalogue.code.update(code)
        if device == "cpu":
            keep_freed()
        _work(pipe, source, device)
    pipe.close()
    sys.stderr.flush()
    os._exit(0)


def _received(pipe: Connection) -> Any:
    return pickle.loads(pipe.recv_bytes())  # made by the parent: no file is ever unpickled


def _die_with_parent(lifeline: int) -> None:
    """End the worker when the parent has ended, however it did: the worker would never be used again."""
    os.read(lifeline, 1)  # nothing is ever written: this returns when the parent's end is closed
    os._exit(1)


def _work(pipe: Connection, source: Source, device: str) -> None:
    loaded: dict[str, data.Dataset] = {}
    workbenches = Workbenches()
    while (job := _received(pipe)) is not None:
        try:
            pipe.send(_train(job, loaded, workbenches, source, device, pipe))
        except stopping.Stopped:
            return


def _train(
    job: Job,
    loaded: dict[str, data.Dataset],
    workbenches: Workbenches,
    source: Source,
    device: str,
    pipe: Connection,
) -> tuple[str, str | None]:
    """Train one job, reporting its epochs; return how it ended."""
    try:
        name = job.recipe.dataset
        if name not in loaded:
            loaded[name] = data.load(name, data_root=source.data_root)
        loop.train(
            job,
            loaded[name],
            device=torch.device(device),
            report=lambda done: pipe.send(("epoch", done)),
            engine=source.engine,
            replace_epochs=source.replace_epochs,
            workbenches=workbenches,
            log=source.log,
        )
    except (BrokenPipeError, stopping.Stopped):
        raise
    except Lost as error:
        return "failed", str(error.args[0])
    except (Locked, Superseded) as error:
        return "held", str(error.args[0])
    except UserError as error:
        return "failed", str(error.args[0])  # parameters still in backticks
    except (OSError, MemoryError) as error:
        return "failed", explained(error)
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}{_traceback(job)}"
    return "done", None


def _traceback(job: Job) -> str:
    """Write down where an unforeseen error came from; say where that is, if it could be written."""
    log = job.folder.with_suffix(".error.log")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc())
    except OSError:
        return ""
    return f" (traceback in {log})"


def keep_freed() -> bool:
    """Let this process keep memory that it frees; return whether its C library supports that (only glibc does).

    By default glibc returns large blocks to the system as soon as they are free, and the system clears their pages
    before they are used again: a third of the time of scoring a panel on a CPU.

    Examples
    --------
    >>> keep_freed() in (True, False)
    True
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        return bool(libc.mallopt(M_MMAP_THRESHOLD, MMAP)) and bool(libc.mallopt(M_TRIM_THRESHOLD, TRIM))
    return False


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
