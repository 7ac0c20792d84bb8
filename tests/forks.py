"""Commands in forks: processes of their own, that need not wait for libraries to be imported.

A fork has a status, a standard output and standard errors of its own, and imports our code anew; PyTorch and other
libraries, which take seconds, are there already. Whether a command imports all that it uses is for real processes to
show: one for each command is started in tests/runners/test_mistyped.py and tests/analysis/test_every_analysis.py.
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 300.0
"""Time that a command may take."""
LIBRARIES = (
    "torch", "torchvision", "xarray", "pandas", "zarr", "scipy.stats", "sklearn", "matplotlib", "seaborn", "tyro",
    "rich",
)  # fmt: skip


class Forks:
    """A process that has imported the libraries, and runs each command in a fork of itself.

    It is a process apart because a fork of one that has threads, as tests have, may block.
    """

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip

    def call(self, command: str, *words: str, folder: Path = ROOT) -> tuple[int | None, str, str]:
        """Run a command with this process's environment; return status (None if it hung), output and errors."""
        assert self._server.stdin is not None and self._server.stdout is not None
        request = {"command": command, "words": words, "folder": str(folder), "environment": {**os.environ}}
        print(json.dumps(request), file=self._server.stdin, flush=True)
        status, out, err = json.loads(self._server.stdout.readline())
        return status, out, err

    def close(self) -> None:
        """End the process."""
        self._server.kill()  # it has nothing to finish
        self._server.communicate()


def in_fork(
    command: str, words: list[str], folder: Path, environment: Mapping[str, str], *, seconds: float = SECONDS
) -> tuple[int | None, str, str]:
    """Run a command in a child of this process; return status, output and errors."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            be_command(command, words, folder, environment, out.fileno(), err.fileno())
        status = ended(child, seconds)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return (status, *texts)


def be_command(
    command: str, words: list[str], folder: Path, environment: Mapping[str, str], out: int, err: int
) -> None:
    """Become a command, as far as a process can."""
    status = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.environ.clear()
        os.environ.update(environment)
        encoding = environment.get("PYTHONIOENCODING") or "utf-8"
        sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding=encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.argv = [command, *words]
        runpy.run_module(
            command if command.count(".") else f"{command}.__main__", run_name="__main__", alter_sys=True
        )
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            sys.stderr.write(stop.code + "\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def ended(child: int, seconds: float) -> int | None:
    """Wait for a child; return its status, or None if it had to be killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    """Answer requests, one a line, until there are no more."""
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        found = in_fork(request["command"], request["words"], Path(request["folder"]), request["environment"])
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
