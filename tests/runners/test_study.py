"""From nothing to a report in one command, on the smallest study there is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import analysis
import figures
from runners.study import main


@pytest.mark.slow
def test_everything_is_made_and_nothing_is_made_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "runners.study", "--preset", "quick", "--n", "2", "--study", "small"]
    command += ["--methods", "simclr", "supervised", "--runs", str(tmp_path / "runs")]
    command += ["--results", str(tmp_path / "results")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "results" / "small"
    assert (folder / "report.html").stat().st_size < 15e6
    for name in analysis.names():
        assert (folder / f"{name}.csv").exists(), name
    for name in figures.names():
        assert len(list((folder / "figures").glob(f"figure-*-{name.replace('_', '-')}.*"))) == 2, name
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("weights.safetensors")}
    assert len(weights) == 4

    again = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert again.returncode == 0, again.stderr
    assert "4 seeds are whole, 0 to train" in again.stdout
    assert weights == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("weights.safetensors")}


def test_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preset", "quick", "--dry-run", "--runs", str(tmp_path / "runs")]) == 0
    assert "would train random-labels-aug/seed-0007 for 80 epochs" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
