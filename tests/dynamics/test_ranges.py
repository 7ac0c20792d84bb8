"""A value that a method cannot train with is refused when the recipe is made, in one line that says what to use."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from analysis.framework.console import in_flags
from dynamics import data, methods
from dynamics.config import Recipe, fields_renamed
from dynamics.errors import UserError
from dynamics.methods.labels import CropFlipRecipe
from dynamics.methods.momentum import MomentumFields
from dynamics.methods.views import JointRecipe, ViewRecipe
from dynamics.study_file import preset
from runners.seeds import main

NAN, INF = float("nan"), float("inf")
NO_SHARE = (-0.01, 1.01, NAN)
NO_WEIGHT = (-1.0, INF, NAN)
NO_DIVISOR = (0.0, -0.1, INF, NAN)

OF_A_GROUP: dict[type, dict[str, tuple[Any, ...]]] = {
    Recipe: {
        "train_examples": (0, -5),
        "width": (0,),
        "epochs": (0,),
        "batch_size": (1,),
        "lr": NO_WEIGHT,
        "weight_decay": NO_WEIGHT,
        "momentum": (-0.1, 1.0, 9.0, NAN),
        "schedule_period": (0,),
        "schedule_start": (-1,),
        "panel_examples": (1,),
        "panel_augmentations": (0,),
        "panel_batch": (1,),
        "held_out_examples": (-1,),
        "hold_out": (-0.1, 1.0, NAN),
        "flip_labels": (-0.1, 1.0, NAN),
        "panel_seed": (-1,),
        "label_seed": (-1,),
    },
    ViewRecipe: {
        "crop_scale_min": (0.0, -0.5, 1.5, NAN),
        "flip_probability": NO_SHARE,
        "jitter_probability": NO_SHARE,
        "jitter_strength": (-0.1, 2.6, NAN),
        "grayscale_probability": NO_SHARE,
        "temperature": NO_DIVISOR,
    },
    CropFlipRecipe: {
        "crop_padding": (-1,),
        "flip_probability": NO_SHARE,
        "mean": ((0.5, NAN, 0.5), (0.5, 0.5, INF)),
        "std": ((0.2, 0.0, 0.2), (-0.2, 0.2, 0.2), (0.2, 0.2, NAN), (INF, 0.2, 0.2)),
    },
    JointRecipe: {"projector": ((0,), (96, -1))},
    MomentumFields: {"momentum_decay": NO_SHARE},
}
"""Values out of range of the fields that methods share, by the class that has them."""

OF_A_METHOD: dict[str, dict[str, tuple[Any, ...]]] = {
    "simclr": {"embedding": (0, -1)},
    "moco": {"queue": (0, 31)},
    "barlow-twins": {"redundancy_weight": NO_WEIGHT},
    "vicreg": {
        "invariance_weight": NO_WEIGHT,
        "variance_weight": NO_WEIGHT,
        "covariance_weight": NO_WEIGHT,
        "variance_eps": NO_WEIGHT,
    },
    "vicreg-tico": {
        "invariance_weight": NO_WEIGHT,
        "variance_weight": NO_WEIGHT,
        "variance_eps": NO_WEIGHT,
        "contrast_weight": NO_WEIGHT,
        "moment_decay": NO_SHARE,
    },
    "tico": {"contrast_weight": NO_WEIGHT, "moment_decay": NO_SHARE},
    "byol": {"predictor_hidden": (0, -1)},
    "simsiam": {"predictor_hidden": (0, -1)},
    "w-mse": {"num_views": (1,), "whitening_eps": (-0.1, 1.0, NAN), "projector": ((),)},
    "supervised": {},
    "random-labels": {},
    "random-labels-aug": {},
}
"""Values out of range of the fields that a method has alone; a method of your own is tested where you test it."""

WITHOUT_A_RANGE = {"dataset", "encoder", "optimizer", "precision", "convention"}
"""Names, which are looked up, or chosen by the command line's parser; switches have no range either."""


def out_of_range(method: str) -> dict[str, list[Any]]:
    recipe = methods.recipe(method)
    found: dict[str, list[Any]] = {}
    groups = [values for group, values in OF_A_GROUP.items() if issubclass(recipe, group)]
    for values in (*groups, OF_A_METHOD[method]):
        for field, bad in values.items():
            found.setdefault(field, []).extend(bad)
    return found


CASES = [
    (method, field, value)
    for method in OF_A_METHOD
    for field, values in out_of_range(method).items()
    for value in values
]


@pytest.mark.parametrize(("method", "field", "value"), CASES)
def test_a_value_out_of_range_is_refused(method: str, field: str, value: Any) -> None:
    recipe = preset(method, "quick")
    with pytest.raises(UserError) as refused:
        dataclasses.replace(recipe, **{field: value})
    assert str(refused.value).startswith(f"{field} must ")
    assert str(refused.value).endswith(f"got {value}") or value == ()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("method", OF_A_METHOD)
def test_every_number_has_a_range(method: str) -> None:
    """A new field that takes numbers needs bad values above, or training is where they are found."""
    recipe = preset(method, "quick")
    numbers = {
        field.name
        for field in dataclasses.fields(recipe)
        if not isinstance(getattr(recipe, field.name), bool)
    }
    assert numbers - WITHOUT_A_RANGE == out_of_range(method).keys()


ALLOWED = [
    ("simclr", {"crop_scale_min": 1.0, "flip_probability": 1.0, "jitter_strength": 2.5, "temperature": 1e-3}),
    ("supervised", {"crop_padding": 0, "mean": (-1.0, 0.0, 2.0), "std": (1e-3, 1.0, 255.0)}),
    ("vicreg", {"variance_eps": 0.0, "variance_weight": 0.0, "projector": ()}),
    ("tico", {"contrast_weight": 0.0, "moment_decay": 1.0, "momentum_decay": 0.0}),
    ("w-mse", {"whitening_eps": 0.0, "projector": (1,)}),
    ("simclr", {"momentum": 0.0, "lr": 0.0, "embedding": 1}),
]


@pytest.mark.parametrize(("method", "values"), ALLOWED)
def test_the_ends_of_a_range_belong_to_it(method: str, values: dict[str, Any]) -> None:
    dataclasses.replace(preset(method, "quick"), **values)


def test_an_error_of_another_kind_keeps_its_words() -> None:
    with pytest.raises(UserError, match=r"^no such file"), fields_renamed():
        raise UserError("no such file")
    with pytest.raises(UserError, match=r"^batch_size 3: use 4"), fields_renamed(batch="batch_size"):
        raise UserError("`batch` 3: use 4")


@pytest.mark.parametrize(
    ("method", "flags"),
    [
        ("simclr", "--temperature 0"),
        ("simclr", "--crop-scale-min 1.5"),
        ("supervised", "--crop-padding -2"),
        ("supervised", "--std 0.2 0 0.2"),
        ("tico", "--moment-decay 1.1"),
        ("vicreg", "--variance-weight -25"),
    ],
)
def test_the_command_refuses_before_data_are_loaded(
    method: str, flags: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def too_late(*_: object, **__: object) -> None:
        raise AssertionError("data were loaded")

    monkeypatch.setattr(data, "load", too_late)
    command = f"--method {method} --preset quick --runs {tmp_path / 'runs'} {flags}"
    with pytest.raises(UserError) as refused:
        main(command.split())
    assert in_flags(refused.value).startswith(flags.split()[0])
    assert not (tmp_path / "runs").exists()
