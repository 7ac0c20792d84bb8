# SPDX-License-Identifier: Apache-2.0
"""All analyses that apply to a study, all figures and the page, whoever trained it."""

import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path

import analysis
from analysis.framework import command, evaluations
from analysis.framework.console import in_flags, say
from analysis.framework.networks import applies as has_networks
from dynamics.errors import UserError
from dynamics.study import Study
from figures.__main__ import draw_all
from runners import explorer, report


def analyse_all(
    study: Study, folder: Path, *, data_root: Path, device: str, only: Sequence[str] | None = None
) -> bool:
    """Run the analyses that apply to a study, or those in `only`, draw the figures and write the pages.

    What cannot be analysed is said, and the others go on.

    Returns
    -------
    bool
        Whether all that applies was analysed.
    """
    failed, unmakeable = [], [] if has_networks(study) is None else [evaluations.NAME]
    for name in sorted(only or analysis.names(), key=_takes_long):
        module = importlib.import_module(f"analysis.{name}")
        if (reason := command.why_not(module, study)) is not None:
            say(f"\nanalysis {name} is left out: {in_flags(UserError(reason))}")
            unmakeable.append(name)
            continue
        say(f"\nanalysis {name}" + (", of networks: it may take minutes" if _takes_long(name) else ""))
        # Analyses of networks need the images and a device; the others need neither.
        options = {"data_root": data_root, "device": device}
        accepted = inspect.signature(module.analyse).parameters
        try:
            found = module.analyse(study, **{key: value for key, value in options.items() if key in accepted})
        except UserError as error:
            say(f"not possible: {in_flags(error)}")
            failed.append(name)
            continue
        command.finish(found, folder)
    say("\nfigures")
    draw_all(folder, unmakeable=unmakeable)
    try:
        explorer.write(study, folder, data_root=data_root)
    except UserError as error:
        say(f"no explorer: {in_flags(error)}")
    page = report.write(study, folder)
    say(f"\nnumbers in {folder}, figures in {folder / 'figures'}, open the report: {page}")
    if failed:
        say(f"not analysed: {', '.join(failed)} (said above)")
    return not failed


def check_analyses(asked: Sequence[str]) -> None:
    """Refuse what is no analysis.

    Raises
    ------
    UserError
        If one is not.

    Examples
    --------
    >>> check_analyses(["binomial"])
    """
    if unknown := [name for name in asked if name not in analysis.names()]:
        raise UserError(f"no analysis {unknown[0]!r}: use some of {', '.join(analysis.names())}")


def _takes_long(name: str) -> int:
    """Return the order in which analyses are made: those of answers take seconds, of networks more, ascent most."""
    module = importlib.import_module(f"analysis.{name}")
    return ("device" in inspect.signature(module.analyse).parameters) + getattr(
        module, "TAKES_LONGEST", False
    )
