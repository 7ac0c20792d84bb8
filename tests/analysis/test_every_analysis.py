# SPDX-License-Identifier: Apache-2.0
"""What holds for every analysis: tables that render everywhere, a command line that follows from `analyse`."""

import dataclasses
import html
import importlib
import inspect
import subprocess
import sys
import typing
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import analysis
from analysis.activation_maximisation.settings import AscentSettings
from analysis.embedding import MapSettings
from analysis.framework import console, results
from analysis.framework.command import why_not
from analysis.framework.example import example_study
from analysis.framework.results import Result
from analysis.framework.sweeps import Sweep
from analysis.framework.table import Table, write
from dynamics.errors import UserError
from dynamics.study import Study
from tests.analysis import small_networks

QUICK: dict[str, dict[str, Any]] = {
    "activations": {"settings": AscentSettings(tiles=2, steps=1), "device": "cpu"},
    "binomial": {"permutations": 9},
    "divergence": {"device": "cpu"},
    "embedding": {"settings": MapSettings(share=0.05, at_least=0, iterations=250), "device": "cpu"},
    "probes": {"seeds": 1, "device": "cpu"},
}
WHERE = {"--study", "--runs", "--results"}
NETWORKS = {"--data-root", "--device", "--methods"}
FLAGS_BEFORE = {
    "activations": NETWORKS | {"--preset", "--canvas", "--steps", "--tiles", "--random-state", "--seed"},
    "alignment": {"--reference", "--epochs"},
    "divergence": NETWORKS | {"--split", "--seeds"},
    "embedding": NETWORKS
    | {"--share", "--at-least", "--perplexity", "--iterations", "--random-state", "--no-floors", "--seed"},
    "probes": NETWORKS | {"--seeds"},
    "views": {"--epochs"},
}
"""Flags of version 0.1, beside WHERE: scripts of others rely on them."""


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"analysis.{name}")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Study:
    runs = small_networks.write(tmp_path_factory.mktemp("every") / "runs", seeds=(1,))
    return small_networks.opened(runs)


@pytest.fixture(scope="module")
def found(networks: Study) -> Callable[[str], Result]:
    """Analyse the first of two studies that has something for an analysis."""

    @cache
    def analyse(name: str) -> Result:
        module = module_of(name)
        reasons = []
        for study in (example_study(), networks):
            if (reason := why_not(module, study)) is None:
                result: Result = module.analyse(study, **QUICK.get(name, {}))
                return result
            reasons.append(reason)
        pytest.skip("; ".join(reasons))

    return analyse


@pytest.mark.parametrize("name", analysis.names())
def test_arguments_of_another_type_are_refused_in_one_line(name: str) -> None:
    """A path for a study, a float for a number of permutations, a text for a list: nothing is computed."""
    analyse = module_of(name).analyse
    study, *others = inspect.signature(analyse).parameters
    sweep = Sweep(name="mine", method="simclr", runs=Path("runs"), settings=())
    first = sweep if name == "sweep" else example_study()
    for wrong in ("runs/quick", None, [example_study()]):
        with pytest.raises(UserError, match=f"^{study} must be .*, got "):
            analyse(wrong)
    for parameter in others:
        for wrong in (1.5, object(), [object()], {"a": 1}, float("nan")):
            with pytest.raises(UserError, match=f"^{parameter} must be .*, got "):
                analyse(first, **{parameter: wrong})


@pytest.mark.slow
@pytest.mark.parametrize("name", analysis.names())
def test_tables_render_everywhere(
    name: str, found: Callable[[str], Result], capsys: pytest.CaptureFixture[str]
) -> None:
    result = found(name)
    assert result.name == name and result.rows
    assert result.table.columns.tolist() == list(result.rows[0]) and len(result.table) == len(result.rows)
    tables = result.tables()
    assert tables and len({table.key for table in tables}) == len(tables)
    page = result._repr_html_()
    for table in tables:
        assert table.rows and table.caption
        for row in table.rows:
            assert missing(table, row) == set(), (name, table.key)
        console.show(table)
        shown = capsys.readouterr().out
        for note in table.notes:
            assert note in shown
        for column, cells in zip(table.columns, zip(*table.cells(), strict=True), strict=True):
            assert f"<th>{html.escape(column.title)}</th>" in page
            assert column.title in shown
            assert all(cell in shown for cell in cells if cell != write({}, column))


def missing(table: Table, row: Mapping[str, Any]) -> set[str]:
    """Return what a table's columns ask for and a row does not have."""
    asked = set()
    for column in table.columns:
        ends = {f"{column.key}_low", f"{column.key}_high"}
        asked |= ends if column.form == "interval" else {column.key}
        asked |= {column.spread} if column.spread else set()
    return asked - set(row)


@pytest.mark.parametrize("name", analysis.names())
def test_tables_of_a_result_read_back_are_the_same(
    name: str, found: Callable[[str], Result], tmp_path: Path
) -> None:
    """A report is made from that; nan is null in JSON."""
    result = found(name)
    results.write(result, tmp_path)
    again = results.read(tmp_path, name)
    for table, same in zip(result.tables(), again.tables(), strict=True):
        assert (table.key, table.caption, list(table.notes)) == (same.key, same.caption, list(same.notes))
        assert table.cells() == same.cells()


@pytest.mark.parametrize("name", analysis.names())
def test_help_lists_every_parameter(name: str) -> None:
    command = [sys.executable, "-m", f"analysis.{name}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for flag in {*WHERE, *flags(name), *FLAGS_BEFORE.get(name, ())}:
        assert flag in done.stdout, flag


def flags(name: str) -> list[str]:
    """Return a flag for each parameter of `analyse` but the first, or for each field of one that is a dataclass."""
    analyse = module_of(name).analyse
    hints = typing.get_type_hints(analyse)
    parameters = list(inspect.signature(analyse).parameters)[1:]
    names = []
    for parameter in parameters:
        kind = hints[parameter]
        fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
        names += [field.name for field in fields] or [parameter]
    return [one.replace("_", "-") for one in names]
