# SPDX-License-Identifier: Apache-2.0
"""What launchers are given and say; real clusters are in tests/cluster."""

import builtins
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dynamics import study_file
from dynamics.errors import UserError
from dynamics.training.plan import Plan, make_plan, record
from runners import launch, seeds
from runners.launch import elsewhere, slurm
from tests.runners.test_seeds import call


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("30", 30), ("90:30", 91), ("4:00:00", 240), ("2-0", 2880), ("1-2:30", 1590), ("0:00:10", 1)],
)
def test_time_limits_are_those_of_sbatch(text: str, minutes: int) -> None:
    assert slurm._minutes(text) == minutes


@pytest.mark.parametrize("text", ["soon", "1:2:3:4", "-1", ""])
def test_other_time_limits_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="time must be such as 30"):
        slurm._minutes(text)


@pytest.mark.parametrize("text", ["gpu", "=1", "partition="])
def test_options_have_names_and_values(text: str) -> None:
    with pytest.raises(UserError, match="launcher_args must be name=value"):
        launch.options(text)


@pytest.mark.parametrize("launcher", ["slurm", "ray"])
def test_a_launcher_that_is_not_installed_is_said(
    launcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = builtins.__import__

    def without(name: str, *rest: object, **named: object) -> object:
        if name in ("submitit", "ray"):
            raise ImportError(name)
        return find(name, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    words = ["--method", "supervised", "--preset", "quick", "--runs", str(tmp_path), "--launcher", launcher]
    with pytest.raises(UserError, match=rf"pip install 'training-dynamics\[{launcher}\]'"):
        seeds.main(words)


def test_a_dry_run_lists_seeds_states_and_an_estimate(tmp_path: Path) -> None:
    assert call(tmp_path, "--method", "supervised", "--n", "1")[0] == 0
    for launcher in ("local", "slurm", "ray"):
        status, out, err = call(
            tmp_path, "--method", "supervised", "--n", "3", "--launcher", launcher, "--dry-run"
        )
        assert status == 0 and not err
        assert re.search(
            r"would train supervised/seed-0001 for 3 epochs in .*/seed-0001 \(about \d+ s\)", out
        )
        assert "hours of one worker" in out


def test_a_worker_gets_what_it_needs_and_paths_that_hold_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    submitted: list[list[str]] = []

    def submit(command: list[str], **given: object) -> launch.Submitted:
        submitted.append([*command, str(given["workers"])])
        return launch.Submitted(["1_0"], "log", lambda: False)

    monkeypatch.setattr(slurm, "submit", submit)
    words = ["--method", "supervised", "--preset", "quick", "--seeds", "2,4", "--launcher", "slurm"]
    assert seeds.main([*words, "--wait"]) == 1  # no worker is left, and nothing is complete
    [command] = submitted
    assert command[: len(launch.python())] == launch.python() and sys.executable in command
    assert command[len(launch.python()) :] == [
        *("-m", "runners.worker", "--study", "quick", "--runs", str(tmp_path / "runs")),
        *("--data-root", str(tmp_path / "data"), "--device", "auto", "--engine", "auto"),
        *("--methods", "supervised", "--seeds", "2,4", "2"),
    ]
    assert elsewhere._for_workers(Path("$SCRATCH/data")) == "$SCRATCH/data"
    assert [*study_file.read("runs/quick/study.toml").data] == ["digits"]


def test_a_class_of_a_notebook_cannot_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dynamics import methods

    monkeypatch.setitem(methods.CATALOGUE.registered, "mine", methods.load("supervised"))
    plan = make_plan(tmp_path, "s", "mine", study_file.preset("supervised", "quick"), [0])
    with pytest.raises(UserError, match="mine exists in this process alone"):
        elsewhere._check_importable(plan.missing)
    record(Plan([], []))
    assert not (tmp_path / "s").exists()


def test_a_job_that_must_end_lets_its_worker_save_and_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its signal arrives while it waits for the worker: waiting again in the handler never returned."""
    pytest.importorskip("submitit")
    ready = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(3)); time.sleep(60)"
    work = slurm.Work([sys.executable, "-c", ready])
    again: list[object] = []

    class RequeuedError(Exception):
        pass

    def requeue(*_: object) -> None:
        again.append(work.checkpoint())
        raise RequeuedError

    before = signal.signal(signal.SIGUSR2, requeue)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGUSR2)).start()
    began = time.monotonic()
    try:
        with pytest.raises(RequeuedError):
            work()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert time.monotonic() - began < slurm.SAVED / 2 and work._process is not None
    assert work._process.wait(10) in (3, -signal.SIGTERM)
    assert again[0].function.command == work.command  # type: ignore[attr-defined]


def test_jobs_of_slurm_import_our_packages_wherever_they_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    for tool, answer in (("sbatch", "Submitted batch job 7"), ("srun", "")):
        (tmp_path / tool).write_text(f"#!/bin/sh\necho {answer}\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    slurm.submit(["true"], workers=1, options={}, folder=tmp_path / "jobs", name="s")
    scripts = [path.read_text() for path in tmp_path.glob("jobs/*.sh")]
    started = f"{shlex.join(launch.python())} -u -m submitit.core._submit"
    assert scripts and all(started in script for script in scripts)


def test_an_actor_of_ray_needs_no_module_of_the_folder_where_it_starts(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "runners.py").write_text("raise SystemExit('runners of the user')")
    code = (
        "import pickle, sys; from ray import cloudpickle; from runners.launch import ray\n"
        "ray.by_value(); sent = cloudpickle.dumps(ray.Work)\n"
        "for name in [name for name in sys.modules if name.partition('.')[0] == 'runners']: del sys.modules[name]\n"
        "sys.meta_path = [one for one in sys.meta_path if 'Siblings' not in str(one)]\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "print(pickle.loads(sent).__name__, 'runners' in sys.modules)"
    )
    done = subprocess.run([*launch.python(), "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "Work False\n", done.stderr
