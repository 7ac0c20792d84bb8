"""What a command does when its output cannot be shown: the work goes on, and its status is that of the work."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.framework.console import show
from analysis.framework.table import Column, Table
from runners.report.markup import table as as_page
from tests.analysis.studies import STUDY, rising, write

WORK = """
import sys
from pathlib import Path
from analysis.framework import console
def main():
    for line in range(20_000):
        console.say(f"line {line} ± 1")
    Path(sys.argv[1]).write_text("done")
    return 3
console.run(main)
"""


def shell(line: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "work.py").write_text(WORK)
    env = {**os.environ, **environment, "PYTHON": sys.executable}
    return subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("reader", ["| head -2", "> /dev/full", ">&-", "| true"])
def test_the_work_goes_on_when_nobody_reads(reader: str, tmp_path: Path) -> None:
    done = shell(f"$PYTHON work.py made {reader}; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (tmp_path / "made").read_text() == "done"
    assert (done.returncode, done.stderr) == (3, "")


def test_a_long_value_does_not_make_a_long_message(tmp_path: Path) -> None:
    done = shell(f"$PYTHON -m runners.probe --run {'9' * 5000}", tmp_path)
    said = ("use a shorter name", "error: no run in 9")  # since Python 3.14 no path is too long to be absent
    assert done.returncode == 2 and any(one in done.stderr for one in said) and len(done.stderr) < 1200


@pytest.mark.parametrize(
    "error", ["MemoryError", "MemoryError('1 TiB')", "OSError(24, 'Too many open files')"]
)
def test_too_little_of_something_is_one_line(error: str, tmp_path: Path) -> None:
    code = f"from analysis.framework import console\ndef main(): raise {error}\nconsole.run(main)"
    (tmp_path / "little.py").write_text(code)
    done = shell("$PYTHON little.py", tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "use fewer --workers" in done.stderr


@pytest.mark.parametrize("reader", ["| true", "> /dev/full"])
def test_the_help_may_be_left_unread(reader: str, tmp_path: Path) -> None:
    done = shell(f"$PYTHON -m analysis.binomial --help {reader}; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_the_sign_shows_another(tmp_path: Path) -> None:
    done = shell("$PYTHON work.py made", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 3 and done.stdout.startswith("line 0 ? 1\n") and not done.stderr


def test_an_analysis_saves_before_it_shows(tmp_path: Path) -> None:
    write(tmp_path / "runs", "simclr", rising(np.random.default_rng(0)))
    line = f"$PYTHON -m analysis.binomial --study {STUDY} --runs runs --results results | true; exit ${{PIPESTATUS[0]}}"
    done = shell(line, tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.suffix for path in (tmp_path / "results" / STUDY).iterdir()} == {".csv", ".json", ".npz"}


@pytest.mark.parametrize("command", ["analysis.learning", "runners.status", "figures --list"])
def test_tables_in_files_have_no_escapes(command: str, tmp_path: Path) -> None:
    write(tmp_path / "runs", "simclr", rising(np.random.default_rng(0)))
    done = shell(f"$PYTHON -m {command} > shown; cat shown", tmp_path, FORCE_COLOR="1")
    assert done.returncode == 0 and "\x1b" not in done.stdout and "┃" in done.stdout


def test_a_folder_that_is_gone_is_said_before_a_library_says_something_else(tmp_path: Path) -> None:
    """It was "Cannot load libtorch_cpu.so"."""
    line = "mkdir gone && cd gone && rmdir ../gone && $PYTHON -m runners.seeds --method simclr --n 1"
    done = shell(line, tmp_path)
    assert done.returncode and done.stderr == "error: the current folder is gone: change to one that exists\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("ImportError('libx.so: failed to map segment from shared object')", "(libx.so: failed to map"),
        ("MemoryError()", "(MemoryError)"),
    ],
)
def test_too_little_memory_for_the_libraries_is_one_line(error: str, said: str, tmp_path: Path) -> None:
    """Under the `ulimit -v` of a login node it was the traceback of an import of torch."""
    start = "from dynamics import starting\nstarting.end_quietly(command=True)\n"
    (tmp_path / "little.py").write_text(f"{start}raise {error}")
    done = shell("$PYTHON little.py", tmp_path)
    assert (
        done.returncode == 1 and done.stderr.count("\n") == 1 and "raise the limit `ulimit -v`" in done.stderr
    )
    assert done.stderr.startswith("error: too little memory to load libraries ") and said in done.stderr
    (tmp_path / "little.py").write_text(f"{start}import nothing_of_that_name")
    assert "Traceback" in shell("$PYTHON little.py", tmp_path).stderr


def test_a_table_without_rows_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It was a box with a head and nothing below."""
    table = Table(caption="tests", columns=[Column("a", "a")], rows=[], notes=["never reached"])
    show(table)
    assert capsys.readouterr().out == "tests: no rows\nnever reached\n"
    assert "<table" not in (page := str(as_page(table))) and "Tests: no rows" in page and "never" in page


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("places")
    write(folder / "runs", "simclr", rising(np.random.default_rng(0)))
    (folder / "file").write_text("in the way")
    np.save(folder / "correct.npy", np.ones((1, 2, 1, 3), bool))
    os.mkfifo(folder / "pipe")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("analysis.learning --runs runs --results file", "file"),
        ("analysis.learning --runs runs --results /dev/null", "/dev/null"),
        ("analysis.learning --runs runs --results /proc/absent", "/proc/absent"),
        (f"analysis.learning --runs runs --results {'x' * 300}", "use a shorter name"),
        ("analysis.learning --runs file", "no folder file"),
        ("analysis.learning --runs /dev/null", "no folder /dev/null"),
        ("runners.ingest --method m --study s --correct pipe --runs other", "pipe is not a regular file"),
        ("runners.ingest --method m --study s --correct runs --runs other", "runs is not a regular file"),
        ("runners.ingest --method m --study s --correct correct.npy --runs file", "file"),
        (f"runners.ingest --method {'m' * 300} --study s --correct correct.npy --runs other", "use a shorter name"),
        (f"runners.ingest --method m --study {'s' * 300} --correct correct.npy --runs other", "at most 255 characters"),
        ("runners.seeds --method supervised --preset quick --runs file", "file"),
        ("runners.status --runs file", "no folder file"),
        ("figures --results file", "no folder file"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_used_is_one_line(command: str, said: str, places: Path) -> None:
    name, *words = command.split()
    done = subprocess.run(
        [sys.executable, "-m", name, *words],
        cwd=places,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and said in done.stderr and done.stderr.count("\n") == 1
    assert (places / "file").read_text() == "in the way" and Path(os.devnull).is_char_device()
