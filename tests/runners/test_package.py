# SPDX-License-Identifier: Apache-2.0
"""The installed package: its commands, whatever files a user's folder holds, and what is published."""

import os
import site
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import analysis
from dynamics import starting
from runners import launch
from runners.__main__ import commands, find, listing, summary

ROOT = Path(__file__).parents[2]
SCRIPT = [sys.executable, "-P", "-c", "import sys; from runners.__main__ import main; sys.exit(main())"]
"""What an installed `dynamics` runs: the folder of the script, not the working folder, is where it looks first."""
TINY = ["--epochs", "2", "--train-examples", "128", "--width", "4", "--panel-examples", "64", "--n", "2"]


def call(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **starting.environment(), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=900
    )


def write_own(folder: Path, *names: str) -> None:
    """Write files of a user's with the names of our packages, which end whatever imports them."""
    for name in names:
        (folder / f"{name}.py").write_text(
            f"MINE = True\nif __name__ != '__main__': raise SystemExit('{name} of the user')\n"
        )


def test_every_command_is_found_by_its_file() -> None:
    found = {name: command.module for name, command in commands().items()}
    assert {f"analysis.{name}" for name in analysis.names()} <= {*found.values()}
    assert {"runners.seeds", "runners.study", "runners.report", "runners.explorer", "figures"} <= {
        *found.values()
    }
    assert not {"arguments", "progress", "everything", "grid", "launch", "framework", "papers"} & {*found}
    assert len({*found.values()}) == len(found)
    assert found["sweep"] == "runners.sweep" and found["analysis.sweep"] == "analysis.sweep"


def test_every_command_is_listed_in_a_line() -> None:
    lines = listing()
    for name, command in commands().items():
        said = summary(command)
        assert said and "python -m" not in said
        assert sum(line.split()[:1] == [name] for line in lines) == 1
    assert max(map(len, listing(60))) <= 60


@pytest.mark.parametrize("name", ["runners.seeds", "seeds"])
def test_a_module_names_its_command_as_well(name: str) -> None:
    assert find(name) == "runners.seeds"
    assert find("runners.arguments") is None and find("runners") is None


def test_an_unknown_command_names_the_nearest(tmp_path: Path) -> None:
    done = call(tmp_path, *SCRIPT, "sedes")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == "error: no command 'sedes': did you mean seeds? See dynamics --help\n"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["status", "--help"], ["learning", "--help"]])
def test_commands_that_train_nothing_load_no_torch(words: list[str], tmp_path: Path) -> None:
    code = (
        "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules))\n"
        "from runners.__main__ import main\nmain()"
    )
    done = call(tmp_path, sys.executable, "-P", "-c", code, *words)
    assert done.returncode == 0 and done.stdout.endswith("False\n"), done.stderr


def test_messages_name_the_command_as_it_was_typed(tmp_path: Path) -> None:
    assert call(tmp_path, *SCRIPT, "status", "--help").stdout.startswith("usage: dynamics status ")
    assert "train first (dynamics seeds --method simclr" in call(tmp_path, *SCRIPT, "status").stderr
    assert "See dynamics status --help" in call(tmp_path, *SCRIPT, "status", "--nothing").stderr
    assert (
        "train first (python -m runners.seeds"
        in call(tmp_path, sys.executable, "-m", "runners.status").stderr
    )


@pytest.mark.parametrize("words", [["-m", "runners.report"], ["-m", "runners", "report"], ["-m", "figures"]])
def test_a_users_files_do_not_break_python_m(words: list[str], tmp_path: Path) -> None:
    write_own(tmp_path, "analysis", *([] if "figures" in words else ["figures"]))
    done = call(tmp_path, sys.executable, *words, "--help", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 0 and done.stdout.startswith("usage: "), done.stderr


@pytest.mark.parametrize("words", [["report"], ["binomial"], ["figures"], ["analysis.sweep"]])
def test_a_users_files_do_not_break_the_script(words: list[str], tmp_path: Path) -> None:
    write_own(tmp_path, "analysis", "figures", "runners", "dynamics", "torch", "tyro")
    done = call(tmp_path, *SCRIPT, *words, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: dynamics {words[0]} "), done.stderr


def test_a_users_own_analysis_stays_theirs_in_a_notebook(tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text("MINE = 1")
    code = "import dynamics, dynamics.study, analysis; print(analysis.MINE)"
    done = call(tmp_path, sys.executable, "-c", code)
    assert done.stdout == "1\n", done.stderr


def test_a_worker_that_a_launcher_starts_minds_no_file_where_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_own(tmp_path, "analysis", "figures", "runners", "dynamics", "torch")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    command = launch.worker_command(["absent"], tmp_path / "runs", {})
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "begin the study on one host" in done.stderr, done.stderr


def test_an_installed_package_needs_no_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/elsewhere", str(tmp_path)]))
    assert starting.environment() == {"PYTHONPATH": os.pathsep.join([str(tmp_path), "/elsewhere"])}
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path)])
    assert starting.environment() == {} and launch.python() == [sys.executable, "-P"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    for tool in ("build", "hatchling", "twine"):
        pytest.importorskip(tool, reason=f"needs {tool}: pip install 'training-dynamics[test]'")
    folder = tmp_path_factory.mktemp("published")
    done = call(
        folder, sys.executable, "-P", "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def of_packages() -> set[str]:
    """Return all files of the packages, as far as they are not made by running them."""
    files = (path for package in starting.PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_the_wheel_has_the_packages_and_nothing_else(published: Path) -> None:
    (wheel,) = published.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "dynamics = runners.__main__:main" in archive.read(entry_points).decode()
    assert names == of_packages()
    assert {
        "dynamics/presets/quick.toml",
        "dynamics/presets/cifar-small.toml",
        "dynamics/presets/thesis.toml",
        "dynamics/snapshots/FORMAT.md",
        "runners/explorer/explorer.html",
        "runners/explorer/explorer.css",
        "runners/explorer/explorer.js",
        "runners/report/style.css",
    } <= names


@pytest.mark.slow
def test_the_sdist_has_what_makes_and_tests_the_wheel(published: Path) -> None:
    (sdist,) = published.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert of_packages() <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "Makefile"} <= names
    assert {"tests/conftest.py", "tests/runners/test_package.py", "benchmarks/__main__.py"} <= names
    assert not [
        name for name in names if name.startswith((".git/", ".venv", "runs/", "results/", "docs/_build"))
    ]


@pytest.mark.slow
def test_what_is_published_is_well_formed(published: Path) -> None:
    done = call(
        published, sys.executable, "-P", "-m", "twine", "check", "--strict", *map(str, published.iterdir())
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_an_installed_wheel_makes_a_study_from_an_empty_folder(published: Path, tmp_path: Path) -> None:
    (wheel,) = published.glob("*.whl")
    home, folder = tmp_path / "venv", tmp_path / "empty"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    (libraries,) = home.glob("lib/python*/site-packages")
    # The libraries of this environment. Its .pth files are not read there, and so nothing leads to the checkout.
    (libraries / "libraries.pth").write_text(
        "".join(f"{one}\n" for one in sys.path if one.endswith("site-packages"))
    )
    python = str(home / "bin" / "python")
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
    ]
    subprocess.run([*install, str(wheel)], check=True, cwd=folder)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "OMP_NUM_THREADS": "1"
    }

    def run(*words: str) -> str:
        done = subprocess.run(
            words, cwd=folder, env=clean, capture_output=True, text=True, check=False, timeout=1000
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for package in starting.PACKAGES:
        imported = run(python, "-P", "-c", f"import {package}; print({package}.__file__)")
        assert Path(imported.strip()).is_relative_to(libraries)
    script = str(home / "bin" / "dynamics")
    assert "dynamics study quick" in run(script)
    write_own(folder, "analysis", "figures", "runners", "dynamics", "torch")
    printed = run(script, "study", "quick", *TINY, "--methods", "simclr", "supervised")
    assert "open the report: results/quick/report.html" in printed and "python -m" not in printed
    for name in ("report.html", "explorer.html", "learning.csv", "figures"):
        assert (folder / "results" / "quick" / name).exists()
    assert "simclr" in run(script, "status")
