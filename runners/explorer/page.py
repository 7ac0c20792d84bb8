# SPDX-License-Identifier: Apache-2.0
"""The explorer's page: numbers, pictures, style and script in one file that may run nothing else."""

import base64
import hashlib
import html
import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis import examples
from analysis.framework import results as storage
from analysis.framework.console import in_flags, say
from analysis.framework.results import Result
from dynamics import files
from dynamics.errors import UserError
from dynamics.study import Study
from runners.explorer import sheets
from runners.explorer.numbers import Chosen, collect
from runners.explorer.texts import texts_of
from runners.report.page import EXPLORER, differs_from

MOST_BYTES = 1_450_000
"""Of a page with 1024 examples; the pictures of augmentations take what the rest leaves."""


def write(study: Study, folder: Path, *, data_root: Path, texts: Path | None = None) -> Path:
    """Write the explorer of a study to `folder` (results/<study>); return its path.

    Parameters
    ----------
    study
        The study.
    folder
        Where its results are: t-SNE maps of analysis.embedding are shown if they are of these seeds.
    data_root
        Folder that holds the images; where they are not there, examples are shown by name, and this is said.
    texts
        Table with a text for each example, shown where there is no picture, and beside the example that is looked at.

    Raises
    ------
    UserError
        If `texts` cannot be read or names no example of the study.
    """
    chosen = Chosen.of(study)
    data = collect(chosen, examples.analyse(study), _maps(study, folder))
    data |= {"texts": None if texts is None else texts_of(texts, chosen), "pictures": None, "views": []}
    try:
        data["pictures"] = sheets.thumbnails(chosen, data_root=data_root)
    except UserError as error:
        say(f"explorer without pictures: {in_flags(error)}")
    else:
        left = MOST_BYTES - len(document(data))
        data["views"], without = sheets.views(chosen, data_root=data_root, most_bytes=left)
        data["notes"] += without
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / EXPLORER
    files.atomic_write(path, document(data).encode())
    return path


def _maps(study: Study, folder: Path) -> Result | None:
    """Return the result of analysis.embedding, where it is there and of the study's seeds."""
    if not (folder / "embedding.json").exists():
        return None
    result = storage.read(folder, "embedding")
    return None if differs_from(result, study) else result


def document(data: Mapping[str, Any]) -> str:
    """Return the complete page.

    The content security policy names the hashes of its style and script, so that the page runs nothing else, whatever
    the names in it, and requests nothing.

    Examples
    --------
    >>> "</script><b>" in document({"study": "</script><b>"})
    False
    """
    style, script, body = (_part(f"explorer.{kind}") for kind in ("css", "js", "html"))
    policy = f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}"
    held = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>Examples of study {html.escape(str(data['study']))}</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n{body}\n"
        f'<script type="application/json" id="data">{held}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )


def _part(name: str) -> str:
    return importlib.resources.files("runners.explorer").joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
