"""A mistyped command line is answered in one line, by every command: what is wrong, and the nearest flag."""

import subprocess
import sys

import pytest

import analysis
from tests.forks import Forks

COMMANDS = {
    "runners.seeds": ["--method", "simclr", "--dry-run"],
    "runners.study": ["quick", "--dry-run"],
    "runners.sweep": ["--method", "simclr", "--over", "lr", "1e-3", "--dry-run"],
    "runners.status": [],
    "runners.ingest": ["--method", "m", "--correct", "c.npy", "--study", "s"],
    "runners.probe": ["--run", "absent"],
    "runners.report": [],
    "figures": [],
    **{f"analysis.{name}": [] for name in analysis.names()},
}


def call(command: str, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", command, *words], capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_flag_is_answered_in_one_line(command: str, forks: Forks) -> None:
    # tests/analysis/test_every_analysis.py starts each analysis in a process of its own
    run = forks.call if command.startswith("analysis.") else call
    status, _, said = run(command, *COMMANDS[command], "--no-such-flag", "3")
    assert (
        status == 2
        and said.count("\n") == 1
        and said.startswith("error: Unrecognized options: --no-such-flag")
    )
    assert f"python -m {command} --help" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--epochz", "3"], "--epochz, 3: did you mean --epochs?"),
        (["--epochs", "three"], "Error parsing --epochs: invalid literal for int() with base 10: 'three'."),
        (["--workers", "many"], "--workers must be INT|{auto}, got 'many'."),
        (
            ["--precision", "fp8"],
            "invalid choice 'fp8' for argument '--precision'. Expected one of ('auto', 'bf16'",
        ),
        (["more", "words"], "Unrecognized options: more, words."),
        (["--epochs"], "--epochs"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_is_wrong_is_named(
    words: list[str], said: str, encoding: str, forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    status, _, answer = forks.call(
        "runners.seeds", "--method", "simclr", "--preset", "quick", "--dry-run", *words
    )
    assert status == 2 and said in answer and answer.count("\n") == 1 and len(answer) < 500


@pytest.mark.parametrize("words", [[], ["--method"], ["--method", ""], ["--n", "2"], ["--method="]])
def test_a_missing_method_is_asked_for(words: list[str], forks: Forks) -> None:
    status, _, answer = forks.call("runners.seeds", *words)
    assert (
        status == 2
        and answer.startswith("error: --method must be given: use one of")
        and answer.count("\n") == 1
    )


def test_a_mistyped_method_flag_is_named(forks: Forks) -> None:
    status, _, answer = forks.call("runners.seeds", "--metod", "simclr")
    assert (status, answer) == (2, "error: Unrecognized options: --metod: did you mean --method?\n")


@pytest.mark.parametrize("words", [["--runs", "~/absent"], ["--runs=~/absent"]])
def test_the_home_folder_is_what_it_is_in_a_shell(
    words: list[str], forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder named `~` is made or looked for."""
    monkeypatch.setenv("HOME", "/proc/of-nobody")
    status, _, answer = forks.call("runners.status", *words)
    assert status == 2 and answer.startswith("error: no folder /proc/of-nobody/absent")
