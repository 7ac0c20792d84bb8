# SPDX-License-Identifier: Apache-2.0
"""Hand a study over to other programs.

python -m runners.export --study demo --to parquet
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from analysis import examples
from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.where import Where, open_study
from dynamics import export, files
from dynamics.errors import UserError
from dynamics.study import Study


@dataclass(frozen=True, kw_only=True)
class Export(Where):
    """Which study, and for whom; written to results/<study>/export/."""

    to: Literal["parquet", "csv", "cleanlab"]
    """parquet, csv: a table of all answers of each method (runners.ingest reads it back), and examples, the table of
    analysis.examples. cleanlab: of each method that learns from labels the label issues, as CleanLearning.fit takes
    them."""


def label_issues(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return which labels of the panel look wrong to a method, in the columns of cleanlab's label issues.

    `is_label_issue`: after the last epoch less than half of the answers are the label; `label_quality`: mean over
    epochs and seeds of the label's probability (confidence), 0 to 1, or where none was recorded of being right (area).

    Parameters
    ----------
    table
        Of analysis.examples.
    method
        A method with labels.
    """
    known = table[table[f"{method}.label"].notna()]
    quality = next(name for name in (f"{method}.confidence", f"{method}.area") if name in known)
    found = {
        "is_label_issue": known[f"{method}.r"].astype(float) < 0.5,
        "label_quality": known[quality].astype(float),
        "given_label": known[f"{method}.label"].astype(int),
        "example": known["example"],
    }
    return pd.DataFrame(found | ({"id": known["id"]} if "id" in known else {})).reset_index(drop=True)


def write(study: Study, folder: Path, to: str) -> list[Path]:
    """Write the files of a format; return their paths."""
    if to == "parquet" and not find_spec("pyarrow"):
        raise UserError("`to` parquet needs pyarrow: pip install pyarrow, or use csv")
    table = examples.analyse(study).table
    tables: dict[str, Iterable[pd.DataFrame]] = {}
    if to == "cleanlab":
        with_labels = [method for method in study.methods if f"{method}.label" in table]
        if not with_labels:
            raise UserError(f"no method of study {study.name} learns from labels that are known")
        tables |= {f"{method}.label-issues.csv": [label_issues(table, method)] for method in with_labels}
        for method, (issues,) in zip(with_labels, tables.values(), strict=True):
            if len(issues) < (size := study.runs[method][0].shape[2]):
                say(
                    f"{method}: {len(issues)} of {size} examples, those with the answers of all seeds and epochs"
                )
    else:
        tables |= {f"{method}.{to}": export.answers(study, method) for method in study.methods}
        tables[f"examples.{to}"] = [table]
    save = _save_parquet if to == "parquet" else _save_csv
    files.make_folder(folder)
    with files.full_disk_explained(folder):
        return [_aside(folder / name, partial(save, parts=parts)) for name, parts in tables.items()]


def _aside(path: Path, save: Callable[[Path], None]) -> Path:
    """Write a file aside and then give it its place."""
    aside = path.with_name(path.name + files.ASIDE)
    save(aside)
    return aside.replace(path)


def _save_csv(path: Path, parts: Iterable[pd.DataFrame]) -> None:
    for place, part in enumerate(parts):
        part.to_csv(path, index=False, mode="w" if place == 0 else "a", header=place == 0)


def _save_parquet(path: Path, parts: Iterable[pd.DataFrame]) -> None:
    import pyarrow
    from pyarrow import parquet

    writer = None
    for part in parts:
        halves = part.select_dtypes(np.float16).columns
        rows = pyarrow.Table.from_pandas(part.astype(dict.fromkeys(halves, np.float32)), preserve_index=False)
        writer = writer or parquet.ParquetWriter(path, rows.schema)
        writer.write_table(rows)
    if writer is not None:
        writer.close()


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    options = cli(Export, argv, prog="python -m runners.export", description=__doc__)
    study = open_study(options)
    for path in write(study, options.results / study.name / "export", options.to):
        say(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
