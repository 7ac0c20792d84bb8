"""Variables, signals and odd values that a user's machine comes with."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from analysis.framework import console
from dynamics import methods, snapshots
from dynamics.config import Recipe
from dynamics.training import pool
from dynamics.training.job import Job
from tests.runners.test_seeds import TINY, heed_interrupts

SEEDS = [sys.executable, "-m", "runners.seeds", *TINY, "--method", "supervised"]


def call(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [*SEEDS, *words], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=900
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {
            "ZARR_DEFAULT_ZARR_FORMAT": "2",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "GIT_DIR": "/dev/null",
            "FORCE_COLOR": "1",
            "TZ": "Pacific/Kiritimati",
            "PYTHONWARNINGS": "error",
        },
        {
            "HOME": "",
            "XDG_CACHE_HOME": "",
            "LANG": "C",
            "LC_ALL": "C",
            "PYTHONIOENCODING": "ascii",
            "TERM": "dumb",
        },
    ],
    ids=lambda environment: "+".join(environment),
)
def test_training_does_not_mind(environment: dict[str, str], tmp_path: Path) -> None:
    done = call(tmp_path, "--n", "1", **environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "\x1b" not in done.stdout
    (folder,) = tmp_path.glob("runs/quick/supervised/seed-*")
    assert snapshots.state(folder).kind == "complete" and not snapshots.verify(folder)


@pytest.mark.parametrize("package", ["dynamics", "analysis.learning", "runners.status"])
def test_on_windows_one_sentence_says_why_nothing_runs(package: str) -> None:
    code = f"import rich.live, runpy, sys; sys.platform = 'win32'; runpy.run_module({package!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "Linux and macOS" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--device meta", "--device meta cannot be used"),
        ("--width 99999999999999999999", "--width must be <= 2147483647"),
        ("--encoder vgg --dry-run", "no encoder 'vgg'"),
        ("--dataset mnist --dry-run", "no data set 'mnist'"),
        ("--seeds ,", "--seeds must be numbers and ranges"),
    ],
)
def test_odd_values_are_refused_before_anything_runs(words: str, said: str, tmp_path: Path) -> None:
    done = call(tmp_path, *words.split())
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "signals", [[signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT] * 5], ids=lambda s: f"{len(s)}x{s[0].name}"
)
def test_every_way_to_stop_says_how_to_go_on(signals: list[signal.Signals], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*SEEDS, "--n", "1", "--epochs", "4000"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True, preexec_fn=heed_interrupts, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    folder = tmp_path / "runs/quick/supervised/seed-0000"
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and not (folder.exists() and snapshots.state(folder).committed >= 2):
        time.sleep(0.05)
    for one in signals:
        os.killpg(process.pid, one) if one is signal.SIGINT else process.send_signal(one)
        time.sleep(0.02)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130 and not err, err
    assert "To go on: python -m runners.seeds" in out
    assert snapshots.state(folder).holder is None


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["runners.seeds", "analysis.learning", "figures"])
def test_a_command_that_is_stopped_while_it_imports_ends_in_one_line(
    command: str, signum: signal.Signals, tmp_path: Path
) -> None:
    """Its first seconds ended in a traceback of some import."""
    for library in ("tyro", "matplotlib"):
        (tmp_path / f"{library}.py").write_text(
            "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
        )
    process = subprocess.Popen(
        [sys.executable, "-m", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_interrupts, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "importing\n"
    for _ in range(5):
        process.send_signal(signum)
    while process.poll() is None:  # those may have come between a line and its sleep, which goes on then
        time.sleep(0.1)
        process.send_signal(signum)
    _, err = process.communicate()
    assert process.returncode == 130 and err == "interrupted\n"


def test_a_worker_is_born_deaf_to_ctrl_c() -> None:
    """While it imported PyTorch it died of one, with a traceback."""
    worker = pool._start("cpu")
    os.kill(worker.process.pid, signal.SIGINT)
    pool._introduce(worker, pool.Source(data_root=Path("data")))
    pool._send(worker, None)
    assert worker.leave() == 0


def test_a_worker_that_cannot_be_sent_its_objects_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[pool._Worker] = []
    start = pool._start
    monkeypatch.setattr(pool, "_start", lambda device: started.append(start(device)) or started[-1])  # type: ignore[func-returns-value]
    monkeypatch.setitem(methods.CATALOGUE.registered, "locked", threading.Lock())
    job = Job(method="locked", recipe=Recipe(), seed=0, folder=Path("absent"))
    with pytest.raises(TypeError):
        pool.run_jobs(
            [job], source=pool.Source(data_root=Path("data")), devices=["cpu"], workers=1, on_event=print
        )
    assert started[0].process.poll() is not None


def test_a_command_under_nohup_outlives_its_terminal() -> None:
    """The signal that nohup ignores was handled anew."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with pytest.raises(SystemExit):
        console.run(lambda: None)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
