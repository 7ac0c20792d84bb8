# SPDX-License-Identifier: Apache-2.0
"""Write the report of a study from its results: python -m runners.report [--study NAME]."""

import sys
from collections.abc import Sequence

from analysis.framework import console
from analysis.framework.console import say
from analysis.framework.flags import cli
from analysis.framework.where import Where, open_study
from runners import report


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    where = cli(Where, argv, prog="python -m runners.report", description=__doc__)
    study = open_study(where)
    path = report.write(study, where.results / study.name)
    say(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    console.run(lambda: main(sys.argv[1:]))
