# SPDX-License-Identifier: Apache-2.0
"""Write a page to look at a study's examples: linked plots, pictures, curves and classes, epoch by epoch.

It is one file, results/<study>/explorer.html, that any browser opens without a network; a selection that is downloaded
from it is what --keep reads.

python -m runners.explorer --study NAME
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.where import Where, open_study
from runners import explorer


@dataclass(frozen=True, kw_only=True)
class Options(Where):
    """Which study, and where its images or texts are."""

    data_root: Path = Path("data")
    """Folder that holds the images that the study was trained on; digits needs none."""
    texts: Path | None = None
    """Table (.csv, .jsonl, .parquet) with a text for each example, shown where there is no picture."""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    options = cli(Options, argv, prog="python -m runners.explorer", description=__doc__)
    study = open_study(options)
    path = explorer.write(
        study, options.results / study.name, data_root=options.data_root, texts=options.texts
    )
    say(f"explorer: {path} ({path.stat().st_size / 1e6:.2f} MB)")


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
