# SPDX-License-Identifier: Apache-2.0
"""Execute the blocks of every page, in order, in one folder for each page, and show what they print (see blocks.py)."""

from collections import Counter
from pathlib import Path
from typing import Any

from blocks import INCLUDED, SAVE, SHELL, as_notebook, with_note
from docutils import nodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    if app.env.doc2path(docname).suffix != ".md":
        return
    folder, here = Path(app.outdir).parent / "work" / docname, Path(app.env.doc2path(docname)).parent
    source[0] = INCLUDED.sub(lambda found: (here / found[1]).read_text(), source[0])
    source[0], counts = as_notebook(with_note(source[0]), root=ROOT, folder=folder)
    app.env.metadata[docname]["blocks"] = dict(counts)


def _without_magic(app: Sphinx, document: nodes.document) -> None:
    """Show a block as it stands on the page: a shell's commands, a file's content under its name."""
    for block in document.findall(nodes.literal_block):
        text = block.astext()
        if text.startswith(SHELL):
            block["language"] = "bash"
            block[:] = [nodes.Text(text.removeprefix(SHELL))]
            block.rawsource = block.astext()
        elif text.startswith(SAVE):
            first, _, code = text.partition("\n")
            name = first.removeprefix(SAVE)
            block["language"] = {".py": "python", ".toml": "toml"}.get(Path(name).suffix, "text")
            block[:] = [nodes.Text(code)]
            block.rawsource = code
            caption = nodes.paragraph("", "", nodes.literal("", name), classes=["file-name"])
            block.parent.insert(block.parent.index(block), caption)


def _count(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        total: Counter[str] = Counter()
        for metadata in app.env.metadata.values():
            total.update(metadata.get("blocks") or {})
        print(f"blocks of code: {total['run']} executed, {total['save']} saved, {total['show']} shown only")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect this to Sphinx."""
    app.connect("source-read", _read)
    app.connect("doctree-read", _without_magic)
    app.connect("build-finished", _count)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
