"""Every public function shows how it is called; `make test` runs what it shows (--doctest-modules)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("dynamics", "analysis")
"""What people import; the rest are commands."""


def public_functions() -> Iterator[tuple[str, str]]:
    """Yield path and name of every function that a module offers, and its docstring's text."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name.startswith("_") and path.name != "__init__.py":
                continue
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield f"{path.relative_to(ROOT)}:{node.name}", ast.get_docstring(node) or ""


@pytest.mark.parametrize(
    ("where", "text"), [pytest.param(*found, id=found[0]) for found in public_functions()]
)
def test_a_public_function_has_an_example(where: str, text: str) -> None:
    assert ">>>" in text
