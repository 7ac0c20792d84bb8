# SPDX-License-Identifier: Apache-2.0
"""Short texts of examples that are no images, from a table."""

from pathlib import Path

from dynamics.errors import UserError
from dynamics.ingest.frames import read_raw
from dynamics.ingest.scores import keys_of
from runners.explorer.numbers import Chosen

LONGEST = 200
"""Characters of a text that are shown."""


def texts_of(path: Path, chosen: Chosen) -> list[str]:
    r"""Return the text of each example that is shown; "" where the table has none.

    Parameters
    ----------
    path
        .csv, .jsonl or .parquet with a column `text`, and one for ids or indices.
    chosen
        What the page shows.

    Raises
    ------
    UserError
        If the table cannot be read, lacks a column, or names no example.

    Examples
    --------
    >>> import tempfile
    >>> from analysis.framework.example import example_study
    >>> path = Path(tempfile.mkdtemp(), "texts.csv")
    >>> _ = path.write_text("id,text\n2,a sentence\n")
    >>> texts_of(path, Chosen.of(example_study()))[1:4]
    ['', 'a sentence', '']
    """
    frame = read_raw(path)
    if "text" not in frame.columns:
        raise UserError(f"{path} must have a column text, got {', '.join(map(str, frame.columns))}")
    texts = {
        str(name): text[:LONGEST] if isinstance(text, str) else ""
        for name, text in zip(keys_of(frame, path), frame["text"], strict=True)
    }
    run = chosen.study.runs[chosen.methods[0]][0]
    found = [
        texts.get(str(run.examples[place]) if run.ids is None else run.ids[place], "")
        for place in chosen.places
    ]
    if not any(found):
        raise UserError(f"{path} names no example of the study: use its ids, or indices in its training data")
    return found
