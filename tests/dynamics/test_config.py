import ast
import dataclasses
import inspect
import itertools
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from analysis.framework.console import in_flags
from dynamics import methods, snapshots
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.study_file import preset, presets

THESIS = {
    "simclr": {
        "epochs": 200, "optimizer": "adam", "temperature": 0.07, "embedding": 128,
        "schedule_period": 195, "schedule_start": 10, "crop_scale_min": 0.08,
    },
    "supervised": {"epochs": 50, "optimizer": "sgd", "crop_padding": 4},
    "random-labels": {"epochs": 20, "optimizer": "sgd"},
    "random-labels-aug": {"epochs": 500, "optimizer": "sgd", "crop_padding": 4},
}  # fmt: skip


@pytest.mark.parametrize("method", THESIS)
def test_the_thesis_preset_is_the_thesis(method: str) -> None:
    common = {
        "dataset": "cifar10", "width": 64, "batch_size": 256, "lr": 3e-4, "weight_decay": 1e-4,
        "momentum": 0.9, "panel_examples": 1024, "panel_augmentations": 10, "panel_batch": 256,
    }  # fmt: skip
    values = preset(method, "thesis").to_json()
    for field, value in {**common, **THESIS[method]}.items():
        assert values[field] == value, field


@pytest.mark.parametrize("name", presets())
@pytest.mark.parametrize("method", methods.names())
def test_json_both_ways(method: str, name: str) -> None:
    recipe = preset(method, name)
    assert type(recipe).from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize("method", methods.names())
def test_every_field_has_help(method: str) -> None:
    recipe = methods.recipe(method)
    documented = set()
    for cls in recipe.__mro__[:-1]:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # type: ignore[attr-defined]
        for field, text in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                documented.add(field.target.id)  # type: ignore[union-attr]
    assert {field.name for field in dataclasses.fields(recipe)} <= documented


def test_a_record_of_another_version_is_read_as_far_as_it_is_known() -> None:
    values = Recipe().to_json()
    with pytest.raises(
        UserError, match="sharpness is not a field of every method's recipe: the fields are dataset"
    ):
        Recipe.from_json({**values, "sharpness": 1})
    with pytest.raises(UserError, match="epoch is not a field of every method's recipe: did you mean epochs"):
        Recipe.from_json({**values, "epoch": 1})
    del values["lr"]
    assert Recipe.from_json(values).lr == Recipe().lr  # a field that was added since


def test_the_temperature_of_a_panel_is_that_of_the_recipe() -> None:
    """Version 0.1 had a second one for the panel, which a method's own did not change."""
    vicreg, moco = (methods.recipe(name) for name in ("vicreg", "moco"))
    assert vicreg.from_json({"panel_temperature": 0.2}) == vicreg(temperature=0.2)
    assert moco.from_json({"panel_temperature": 0.07, "temperature": 0.3}) == moco(temperature=0.3)


@pytest.mark.parametrize(("method", "goes_on"), [("vicreg", True), ("moco", False)])
def test_seeds_of_version_0_1_get_company_where_their_temperatures_agree(
    method: str, goes_on: bool, tmp_path: Path
) -> None:
    config = methods.recipe(method)().to_json()
    loss = config.pop("temperature")
    old = {**config, "panel_temperature": 0.07, **({} if goes_on else {"temperature": loss})}
    for seed, recorded in enumerate((old, {**config, "temperature": loss})):
        snapshots.write_finished(
            tmp_path / method / f"seed-000{seed}",
            method=method,
            seed=seed,
            config=recorded,
            correct=np.ones((1, 1, 1, 2), bool),
        )
    runs = [snapshots.Run(tmp_path / method / f"seed-000{seed}") for seed in (0, 1)]
    if goes_on:
        snapshots.check_config(runs[0].folder, runs[1].config)
        assert runs[0].config == runs[1].config
    else:
        with pytest.raises(UserError, match=r"panel_temperature = 0\.07 there.*: use another study$"):
            snapshots.check_config(runs[0].folder, runs[1].config)


@pytest.mark.parametrize("field", ["epochs", "batch_size", "panel_examples", "width", "panel_augmentations"])
def test_too_small_is_said_with_the_field(field: str) -> None:
    with pytest.raises(UserError, match=f"^{field} must be >= [12], got 0$") as refused:
        Recipe(**{field: 0})
    assert in_flags(refused.value).startswith(f"--{field.replace('_', '-')} must be")


@pytest.mark.parametrize("lr", [-1.0, float("nan"), float("inf")])
def test_rates_are_numbers_from_zero_up(lr: float) -> None:
    with pytest.raises(UserError, match=f"^lr must be >= 0, got {lr}$"):
        Recipe(lr=lr)


def test_unknown_preset_lists_those_there_are() -> None:
    with pytest.raises(
        UserError, match="no study file 'slow': there are the presets cifar-small, quick, thesis"
    ):
        preset("simclr", "slow")


def test_unknown_method_lists_those_there_are() -> None:
    with pytest.raises(UserError, match="random-labels-aug"):
        methods.load("simclear")


WRONG = [
    ("vicreg", "convention", "offical", "must be one of"),
    ("simclr", "optimizer", "rmsprop", "must be one of adam, sgd"),
    ("simclr", "precision", "fp16", "must be one of auto, bf16, fp32"),
    ("simclr", "panel_replacement", "yes", "must be true or false"),
    ("simclr", "epochs", "3", "must be an integer, got '3'"),
    ("simclr", "epochs", 1.5, "must be an integer"),
    ("simclr", "epochs", True, "must be an integer"),
    ("simclr", "lr", {"a": 1}, "must be a number"),
    ("vicreg", "projector", "8", "must be a list, each an integer"),
    ("vicreg", "projector", (8, "a"), "must be a list"),
    ("simclr", "train_examples", "all", "must be an integer or left out"),
]
TYPES = """
import numpy as np
from dynamics import UserError, methods
for method, field, value, said in WRONG:
    try:
        methods.recipe(method)(**{field: value})
    except UserError as error:
        assert f"{field} {said}" in str(error), error
    else:
        raise AssertionError((field, value))
recipe = methods.recipe("simclr")
assert repr(recipe(epochs=np.int64(2), lr=np.float32(0.5))) == repr(recipe(epochs=2, lr=0.5))
"""


def test_a_value_of_another_type_or_none_of_the_choices_is_refused() -> None:
    """Only the command line checked them: a typing error trained something else. (The tests' own types are off.)"""
    code = f"WRONG = {WRONG!r}\n{TYPES}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
