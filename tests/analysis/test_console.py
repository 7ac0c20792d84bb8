"""What a command does when its output cannot be shown: the work goes on, and its status is that of the work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analysis.studies import STUDY, rising, write

WORK = """
import sys, time
from analysis.framework import console
def main():
    for line in range(20_000):
        console.say(f"line {line} ± 1")
    open(sys.argv[1], "w").write("done")
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


def test_a_terminal_without_the_sign_shows_another(tmp_path: Path) -> None:
    done = shell("$PYTHON work.py made", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 3 and done.stdout.startswith("line 0 ? 1\n") and not done.stderr


def test_an_analysis_saves_before_it_shows(tmp_path: Path) -> None:
    import numpy as np

    write(tmp_path / "runs", "simclr", rising(np.random.default_rng(0)))
    line = f"$PYTHON -m analysis.binomial --study {STUDY} --runs runs --results results | true; exit ${{PIPESTATUS[0]}}"
    done = shell(line, tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.suffix for path in (tmp_path / "results" / STUDY).iterdir()} == {".csv", ".json", ".npz"}
