# SPDX-License-Identifier: Apache-2.0
"""Fenced blocks of pages, and what is done with each when the site is built. Tests read pages without Sphinx.

Pages stay plain Markdown. A block's first word after the fence says what it is, its second word what happens to it:

- ``python`` and ``sh`` blocks are executed, by myst-nb in the page's kernel;
- with a second word that has a dot or a slash (``toml my-study.toml``) a block is saved as that file, and shown
  with its name;
- with another second word (``sh cluster``) a block needs what a machine may lack, and is only shown: the word names it,
  and has to be one of NEEDS; a test parses its commands all the same;
- a file that is included (``{include} path``) is read first, and its blocks are the page's;
- all other blocks (``text``, ``toml``) are only shown.
"""

import re
from collections import Counter
from pathlib import Path

NEEDS = {
    "checkout": "a checkout of the project",
    "cluster": "a cluster",
    "download": "a network",
    "gpu": "a GPU",
    "install": "package registries",
    "hours": "hours",
}
"""Why a block is only shown."""
INCLUDED = re.compile(r"^```\{include\} (\S+)\n```$", re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)(?: +(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NOTEBOOK = """---
file_format: mystnb
kernelspec: {{name: python3}}
mystnb: {{execution_timeout: 900}}
---
```{{code-cell}}
:tags: [remove-cell]
import os, pathlib, shutil, subprocess
from IPython.core.magic import register_cell_magic

@register_cell_magic
def commands(line, cell):
    kernels = {{"MPLBACKEND", "FORCE_COLOR", "CLICOLOR_FORCE"}}  # of a notebook, and no terminal's
    environment = {{key: value for key, value in os.environ.items() if key not in kernels}}
    done = subprocess.run(
        ["bash", "-e", "-c", cell], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(done.stdout.replace(f"{{os.getcwd()}}/", ""), end="")  # where a page was built is nobody's business
    if done.returncode:
        raise RuntimeError(f"status {{done.returncode}}: {{done.stdout}}")

@register_cell_magic
def save(line, cell):
    path = pathlib.Path(line.strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(cell)

folder = pathlib.Path({folder!r})
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
os.chdir(folder)
for name in ("published", "dynamics/presets"):
    link = folder / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(pathlib.Path({root!r}) / name)
```

"""
"""What goes before a page that is executed: it works in a folder of its own, beside the published studies."""
NOTE = """```{note}
The study on this page is a published one, which a checkout of the project has in `published/`. For your own, write its
folder, `runs/<study>`, instead of `published/runs/cifar-small`; in commands `--study <study>`, and no `--runs`.
```
"""
SHELL, SAVE = "%%commands\n", "%%save "


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Return language, second word and content of every fenced block of a page."""
    return [(language, word or "", code) for language, word, code in BLOCK.findall(page)]


def what_happens(language: str, word: str) -> str:
    """Return what is done with a block: "run", "save" or "show"."""
    if "." in word or "/" in word:
        return "save"
    if language in ("python", "sh") and not word:
        return "run"
    if word and word not in NEEDS:
        raise ValueError(
            f"the second word of a block must be a file or one of {', '.join(NEEDS)}, got {word!r}"
        )
    return "show"


def with_note(page: str) -> str:
    """Return a page that says below its title whose study it reads, if its code reads a published one."""
    if not any(
        "published/" in code for language, word, code in blocks(page) if what_happens(language, word) == "run"
    ):
        return page
    title, _, rest = page.partition("\n")
    return f"{title}\n\n{NOTE}\n{rest}"


def as_notebook(page: str, *, root: Path, folder: Path) -> tuple[str, Counter[str]]:
    """Return a page whose blocks are cells that are executed, and how many blocks are run, saved and shown."""
    counts: Counter[str] = Counter()

    def cell(found: re.Match[str]) -> str:
        language, word, code = found[1], found[2] or "", found[3]
        what = what_happens(language, word)
        if what != "show" or language in ("python", "sh"):
            counts[what] += 1
        if what == "show":
            return f"```{'bash' if language == 'sh' else language}\n{code}```"
        start = f"{SAVE}{word}\n" if what == "save" else SHELL if language == "sh" else ""
        tags = ":tags: [remove-output]\n" if what == "save" else ""
        return f"```{{code-cell}}\n{tags}{start}{code}```"

    found = BLOCK.sub(cell, page)
    if not counts["run"] and "{code-cell}" not in found:
        return found, counts
    return NOTEBOOK.format(folder=str(folder), root=str(root)) + found, counts
