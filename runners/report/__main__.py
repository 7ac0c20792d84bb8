# SPDX-License-Identifier: Apache-2.0
"""Write the page of a study from its results: python -m runners.report [--study NAME] [--analyse]."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.where import Where, open_study
from dynamics.errors import UserError
from runners import report
from runners.everything import analyse_all, check_analyses


@dataclass(frozen=True, kw_only=True)
class Options(Where):
    """Which study, and whether its results are still to be made."""

    analyse: bool = False
    """Run all analyses that apply first, and draw all figures: for a study that was recorded or ingested."""
    analyses: tuple[str, ...] | None = None
    """With --analyse: analyses to run, instead of all that apply."""
    data_root: Path = Path("data")
    """With --analyse: folder that holds the data sets, for analyses of networks."""
    device: str = "auto"
    """With --analyse: where networks compute."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit status."""
    options = cli(Options, argv, prog="python -m runners.report", description=__doc__)
    study = open_study(options)
    folder = options.results / study.name
    check_analyses(options.analyses or ())
    if options.analyse:
        complete = analyse_all(
            study, folder, data_root=options.data_root, device=options.device, only=options.analyses
        )
        return int(not complete)
    if options.analyses is not None:
        raise UserError("`analyses` goes with `analyse`")
    path = report.write(study, folder)
    say(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
