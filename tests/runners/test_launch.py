# SPDX-License-Identifier: Apache-2.0
"""What launchers are given and say; real clusters are in tests/cluster."""

import builtins
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

from dynamics import study_file
from dynamics.errors import UserError
from dynamics.training.plan import Plan, make_plan, record
from runners import launch, seeds, study, sweep
from runners.launch import elsewhere, ray, slurm
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


@pytest.mark.parametrize(
    ("launcher", "said", "message"),
    [
        ("local", {"launcher_args": "partition=gpu"}, "launcher_args needs launcher slurm or ray"),
        ("slurm", {"ray_address": "10.0.0.1:6379"}, "ray_address needs launcher ray"),
        ("ray", {"launcher_args": "num_gpus"}, "launcher_args must be name=value"),
    ],
)
def test_nothing_is_said_to_a_launcher_that_is_not_asked(
    launcher: str, said: dict[str, str], message: str
) -> None:
    """Seeds were trained here, though a partition was named."""
    with pytest.raises(UserError, match=message):
        launch.check(launcher, **{"launcher_args": "", "ray_address": None} | said)  # type: ignore[arg-type]


def test_a_value_may_hold_a_comma() -> None:
    assert launch.options('constraint="a100,h100",mem=4G') == {"constraint": "a100,h100", "mem": "4G"}
    with pytest.raises(UserError, match="quotation mark"):
        launch.options('constraint="a100')


SMALL = [
    "--preset",
    "quick",
    "--epochs",
    "1",
    "--train-examples",
    "64",
    "--width",
    "2",
    "--panel-examples",
    "32",
]


@pytest.mark.parametrize("launcher", ["slurm", "ray"])
def test_no_worker_is_too_few(launcher: str, tmp_path: Path) -> None:
    words = ["--method", "simclr", *SMALL, "--runs", str(tmp_path), "--launcher", launcher]
    with pytest.raises(UserError, match="workers must be at least 1, got 0"):
        seeds.main([*words, "--workers", "0"])


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (sweep, ["--method", "simclr", *SMALL, "--over", "lr", "0.001", "0.002"]),
        (study, ["quick", "--methods", "simclr", *SMALL[2:]]),
    ],
)
def test_what_is_left_to_others_is_not_analysed(
    command: ModuleType, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A sweep called all settings failed, and overwrote the table of an earlier one."""
    monkeypatch.chdir(tmp_path)
    submitted = launch.Submitted(["1_0"], "log", lambda: False, lambda: "")
    monkeypatch.setattr(slurm, "submit", lambda *_, **__: submitted)
    assert command.main([*words, "--study", "s", "--launcher", "slurm"]) == 0
    assert "the same command analyses what they have trained" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


class Scheduler:
    """Programs of Slurm that answer what a test wants."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        self.answer("srun", "true")

    def answer(self, program: str, script: str) -> None:
        (self.folder / program).write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / program).chmod(0o755)


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    pytest.importorskip("submitit")
    (tmp_path / "bin").mkdir()
    return Scheduler(tmp_path / "bin", monkeypatch)


def test_no_controller_is_not_a_wrong_option(scheduler: Scheduler, tmp_path: Path) -> None:
    scheduler.answer("sbatch", "echo 'sbatch: fatal: Could not establish a configuration source' >&2; exit 1")
    with pytest.raises(UserError, match="no controller answers"):
        slurm.submit(["true"], workers=1, options={}, folder=tmp_path / "jobs", name="s")


def test_what_slurm_refuses_is_said_in_its_words_and_leaves_nothing(
    scheduler: Scheduler, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scheduler.answer("sbatch", "echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1")
    with pytest.raises(
        UserError, match=r"refuses the jobs \(error: invalid partition .*\): change launcher_args"
    ) as said:
        slurm.submit(
            ["true"], workers=2, options={"partition": "nowhere"}, folder=tmp_path / "jobs", name="s"
        )
    assert said.value.args[0].count("invalid partition") == 1
    assert not [*(tmp_path / "jobs").iterdir()]
    assert "sbatch" not in capfd.readouterr().err


@pytest.mark.parametrize("number", ["x", "0", "-1"])
def test_the_number_of_jobs_at_a_time_is_one(number: str, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    with pytest.raises(UserError, match="array_parallelism must be at least 1"):
        slurm.submit(["true"], workers=1, options={"array_parallelism": number}, folder=tmp_path, name="s")


def test_slurms_reason_for_waiting_is_said(scheduler: Scheduler, tmp_path: Path) -> None:
    scheduler.answer("sbatch", "echo Submitted batch job 7")
    submitted = slurm.submit(["true"], workers=2, options={}, folder=tmp_path / "jobs", name="s")
    for answer, reason in (
        ("PENDING PartitionConfig\\nPENDING Resources", "PartitionConfig, Resources"),
        ("PENDING None", ""),
        ("RUNNING None\\nPENDING Resources", ""),
        ("", ""),
    ):
        scheduler.answer("squeue", f"printf '{answer}'")
        assert submitted.held_up() == reason
    scheduler.answer("squeue", "exit 1")
    assert submitted.held_up() == ""


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "two"])
def test_what_an_actor_needs_is_a_number(number: str) -> None:
    with pytest.raises(UserError, match="num_cpus must be a number >= 0"):
        ray._number("num_cpus", number)


def test_a_cluster_that_does_not_answer_is_found_out_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(UserError, match=rf"ray_address 127.0.0.1:{port}: no cluster answers"):
            ray._check_answers(f"127.0.0.1:{port}")
        assert time.monotonic() - began < 10
    for other in (None, "auto", "ray://127.0.0.1:1"):
        ray._check_answers(other)


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


@pytest.mark.slow
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
        return launch.Submitted(["1_0"], "log", lambda: False, lambda: "Resources")

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
