# SPDX-License-Identifier: Apache-2.0
"""Blocks of code: what the build does with each, and that what it does not execute is at least a command."""

import importlib
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import tyro

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs/extensions"))

from blocks import NOTE, as_notebook, blocks, what_happens, with_note  # noqa: E402

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md")])
OURS = re.compile(
    r"^(?:python -m (?P<module>(?:runners|analysis|figures)[\w.]*)|dynamics (?P<name>[a-z-]+))\b(?P<rest>.*)$"
)


class Parsed(BaseException):
    """A command line was understood."""


def commands(code: str) -> list[tuple[str, list[str]]]:
    """Return module and arguments of every command of ours in a shell's block."""
    found = []
    for line in code.replace("\\\n", " ").splitlines():
        if match := OURS.match(line.split(" # ")[0].split("|")[0].strip()):
            found.append((match["module"] or match["name"], shlex.split(match["rest"], comments=True)))
    return found


SHOWN = [
    (path.relative_to(ROOT).as_posix(), module, arguments)
    for path in PAGES
    for language, word, code in blocks(path.read_text())
    if language == "sh" and what_happens(language, word) == "show"
    for module, arguments in commands(code)
]


@pytest.mark.parametrize(("page", "module", "arguments"), SHOWN, ids=lambda value: str(value)[:60])
def test_a_command_that_is_only_shown_is_understood(
    page: str, module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parse = tyro.cli

    def only_parse(*args: Any, **kwargs: Any) -> None:
        parse(*args, **kwargs)
        raise Parsed

    monkeypatch.setattr(tyro, "cli", only_parse)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-study.toml").write_text('methods = ["simclr"]\n')
    if module.startswith("analysis."):
        from analysis.framework import command

        name = module.removeprefix("analysis.")
        with pytest.raises(Parsed):
            command.parse(importlib.import_module(module).analyse, arguments, prog=name, description=None)
        return
    package = importlib.import_module(module)
    main = package.main if hasattr(package, "main") else importlib.import_module(f"{module}.__main__").main
    with pytest.raises(Parsed):
        main(arguments)


def test_every_page_has_only_blocks_that_are_known() -> None:
    for path in PAGES:
        for language, word, _ in blocks(path.read_text()):
            what_happens(language, word)


def test_a_page_becomes_cells() -> None:
    parts = ["python\n1 + 1", "sh\nls", "toml a.toml\nx = 1", "sh gpu\nls", "text\nx"]
    page = "# Page\n\n" + "".join(f"```{part}\n```\n\n" for part in parts)
    cells, counts = as_notebook(page, root=ROOT, folder=Path("somewhere"))
    assert counts == {"run": 2, "save": 1, "show": 1}
    assert cells.count("```{code-cell}") == 4  # with the one that makes the folder
    assert "%%commands\nls" in cells and "%%save a.toml" in cells and "```bash\nls\n```" in cells


def test_a_page_without_code_is_left_alone() -> None:
    page = "# Page\n\n```text\nx\n```\n"
    assert as_notebook(page, root=ROOT, folder=Path("somewhere"))[0] == page


def test_an_unknown_second_word_is_an_error() -> None:
    with pytest.raises(ValueError, match="must be a file or one of"):
        what_happens("sh", "tuesday")


def test_a_page_that_reads_a_published_study_says_so() -> None:
    page = '# Title\n\nText.\n\n```python\ndynamics.open_study("published/runs/x")\n```\n'
    assert with_note(page) == page.replace("# Title\n", f"# Title\n\n{NOTE}\n", 1)
    only_shown = page.replace("```python", "```text")
    assert with_note(only_shown) == only_shown
