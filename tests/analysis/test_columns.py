# SPDX-License-Identifier: Apache-2.0
"""Every column of every result file has a meaning, and no meaning is of a column that there is not."""

import csv
import importlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import analysis
from analysis import sweep
from analysis.activation_maximisation.settings import AscentSettings
from analysis.framework import evaluations
from analysis.framework.columns import columns, entry, meaning
from analysis.framework.command import why_not
from analysis.framework.example import example_study
from analysis.framework.results import Result
from analysis.framework.sweeps import Setting, Sweep
from dynamics.evaluation import choose, encoder
from dynamics.evaluation.recipes import EvaluationRecipe, ProbeRecipe
from dynamics.example import trained_study

PUBLISHED = Path(__file__).parents[2] / "published" / "results"
NAMES = [*analysis.names(), evaluations.NAME]
QUICK = {
    "activations": {"settings": AscentSettings(tiles=2, steps=1), "device": "cpu"},
    "binomial": {"permutations": 9},
    "order": {"permutations": 9},
    "probes": {"recipe": ProbeRecipe(min_steps=0), "device": "cpu"},
}
OF_NETWORKS = ("activations", "probes", "examples")
"""Analyses that are made of a trained study, too; others of networks are published."""
OTHERS = {
    "examples": {
        "panel": "methods whose examples cannot be compared",
        "others.<score>": "scores that were taken in",
    }
}
"""Columns that only other studies have, and which."""


def meanings(name: str) -> Mapping[str, str]:
    module = importlib.import_module(
        "analysis.framework.evaluations" if name == evaluations.NAME else f"analysis.{name}"
    )
    own: Mapping[str, str] | None = getattr(module, "COLUMNS", None)
    assert own is not None, (
        f"{module.__name__} has no COLUMNS: add `COLUMNS: Mapping[str, str]`, a sentence for each column of "
        f"results/<study>/{name}.csv in its order; `**shared(...)` of analysis.framework.columns for those said there"
    )
    return own


def results_of_examples() -> Iterator[Result]:
    for name in analysis.names():
        module = importlib.import_module(f"analysis.{name}")
        for study in (example_study(), *([trained_study()] if name in OF_NETWORKS else [])):
            if why_not(module, study) is None:
                yield module.analyse(study, **QUICK.get(name, {}))
    run = example_study().runs["simclr"][0]
    setting = Setting(study="made-up", values={"lr": 0.1}, seeds=(0, 1))
    yield sweep.analyse(
        Sweep(name="lr", method="simclr", runs=run.folder.parents[2], settings=(setting,)), device="cpu"
    )
    runs = trained_study().runs["supervised"]
    images, statistics = choose.choose_images(runs[0])
    recipe = EvaluationRecipe(mode="knn")
    how = encoder.Evaluation(dataset=images, statistics=statistics, recipe=recipe)
    yield evaluations.evaluate(how, runs, lambda features, seed: how.after_epoch)


@cache
def tables() -> Mapping[str, list[tuple[str, list[str]]]]:
    """The tables of each result: where they were seen, and their columns."""
    seen: defaultdict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for result in results_of_examples():
        seen[result.name].append((f"{result.name} of an example study", [*result.rows[0]]))
    for path in sorted(PUBLISHED.glob("*/*.csv")):
        with path.open(newline="") as file:
            seen[path.stem].append((str(path.relative_to(PUBLISHED)), next(csv.reader(file))))
    return seen


def found(name: str) -> dict[str, str]:
    """The columns that a result has, each with a table where it was seen."""
    return {column: where for where, known in tables()[name] for column in known}


@pytest.mark.parametrize("name", NAMES)
def test_every_column_has_a_meaning(name: str) -> None:
    own = meanings(name)
    assert found(name), f"no result of {name} was made: nothing checks its columns"
    for column, where in found(name).items():
        assert entry(column, own) is not None, (
            f"{where}: say what the column {column} means, in COLUMNS of {name}"
        )
        assert meaning(column, own) == own[str(entry(column, own))]


@pytest.mark.parametrize("name", NAMES)
def test_every_meaning_is_of_a_column(name: str) -> None:
    own = meanings(name)
    used = {entry(column, own) for column in found(name)}
    assert {*own} - used == {*OTHERS.get(name, ())}, f"COLUMNS of {name} has columns that no result has"


@pytest.mark.parametrize("name", NAMES)
def test_meanings_are_sentences_that_fit_a_table(name: str) -> None:
    assert columns(name) == [*meanings(name).items()]
    for column, text in columns(name):
        assert text.strip(" .") and text.endswith("."), column
        assert "|" not in text and "\n" not in text, column


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_in_the_order_of_the_file(name: str) -> None:
    """Those of methods follow each other, method by method."""
    listed = [*meanings(name)]
    for where, known in tables()[name]:
        places = [listed.index(str(entry(column, meanings(name)))) for column in known if "." not in column]
        assert places == sorted(places), where


def test_a_column_that_nobody_explains_is_an_error() -> None:
    with pytest.raises(KeyError, match="the column mine means: add it to COLUMNS"):
        meaning("mine", {})
    with pytest.raises(KeyError, match="nothing says what the column mine means"):
        meaning("mine_sd", {})
    assert "`mean_r`" in meaning("mean_r_examples_like_these_low", {})
