"""Which commit is recorded: that of this code's own checkout, and of no other repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dynamics
from dynamics import provenance

ROOT = Path(dynamics.__file__).resolve().parents[1]


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *identity, *words], cwd=folder, env=clean, check=True, capture_output=True)


def version_in(site: Path, **environment: str) -> str:
    """Return what a copy of the package that lies in `site` says of itself."""
    code = "from dynamics import provenance; print(provenance.code_version())"
    env = {**os.environ, "PYTHONPATH": str(site), **environment}
    return subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_repository_around_an_installed_package_is_not_its_own(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "dynamics", site / "dynamics", ignore=ignored)
    (tmp_path / "file").write_text("theirs")
    git(tmp_path, "init")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "theirs")
    assert version_in(site) == dynamics.__version__
    git(site, "init")  # even a repository at the very place, while it does not hold the package
    assert version_in(site) == dynamics.__version__
    git(site, "add", ".")
    git(site, "commit", "-m", "ours")
    assert version_in(site).startswith(f"{dynamics.__version__}+")


def test_the_environment_does_not_mislead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = provenance.code_version()
    git(tmp_path, "init")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert provenance.code_version() == before
