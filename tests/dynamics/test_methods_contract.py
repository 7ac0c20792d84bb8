"""Every method that is found keeps the contract (tests/dynamics/contract.py), and methods do not know each other."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from dynamics import methods
from tests.dynamics.contract import CHECKS, NotApplicableError

FOLDERS = [Path(folder) for folder in methods.__path__]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", methods.names())
def test_contract(name: str, check: Callable[[str], None]) -> None:
    try:
        check(name)
    except NotApplicableError as reason:
        pytest.skip(str(reason))


def imported(source: str) -> set[str]:
    """Return all modules of dynamics.methods that a method's file imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = "dynamics.methods" if node.level else ""
            base = ".".join(part for part in (package, node.module) if part)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {name.split(".")[2] for name in names if name.startswith("dynamics.methods.")}
    return found


def strangers(source: str) -> set[str]:
    others = {name.replace("-", "_") for name in methods.names()}
    return imported(source) & others


def files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in folder.glob("*.py"))


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_methods_do_not_know_each_other(path: Path) -> None:
    assert not strangers(path.read_text())


@pytest.mark.parametrize(
    "line",
    [
        "import dynamics.methods.vicreg",
        "from dynamics.methods import vicreg",
        "from dynamics.methods.vicreg import vicreg_terms",
        "from .vicreg import vicreg_terms",
        "from . import vicreg",
        "def f():\n    from dynamics.methods.vicreg import vicreg_terms",
    ],
)
def test_an_acquaintance_is_seen(line: str) -> None:
    assert strangers(line) == {"vicreg"}


def test_what_is_shared_is_allowed() -> None:
    assert not strangers("from dynamics.methods.terms import variance_hinge")
