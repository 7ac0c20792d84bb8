# SPDX-License-Identifier: Apache-2.0
"""One step of a method or an encoder of one's own on a few images, before anything is written or a process starts.

What a class must do is checked where it is written: in a worker the same mistake would be an unforeseen error of every
seed. Those that come with the package are held to more by tests.
"""

import dataclasses
import difflib
import inspect
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from dynamics import methods, networks
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.methods import Method
from dynamics.own_code import installed
from dynamics.streams import generator
from dynamics.training import diagnostics
from dynamics.training.job import Job
from dynamics.training.workbench import Workbench

FEW = 8
"""Images of the first rehearsal; if it fails, another with a whole batch decides, for some losses need many images."""

Value = TypeVar("Value")


def rehearse(job: Job, dataset: Dataset) -> None:
    """Train a job's method for one step on the CPU and score a panel, if it or its encoder is one's own.

    Parameters
    ----------
    job
        What is to be trained; nothing is written to its folder.
    dataset
        The images that it trains on.

    Raises
    ------
    UserError
        When the class does not do what a method or an encoder must; says what that is.

    Examples
    --------
    >>> from pathlib import Path
    >>> from dynamics import data, study_file
    >>> recipe = study_file.preset("simclr", "quick")
    >>> rehearse(Job(method="simclr", recipe=recipe, seed=0, folder=Path()), data.load("digits"))  # not one's own
    """
    if not networks.own_code(job.method, job.recipe):
        return
    few = min(FEW, job.recipe.batch_size)
    with torch.random.fork_rng(devices=[]):
        try:
            _rehearse(job, dataset, few)
        except UserError:
            if few == job.recipe.batch_size:
                raise
            _rehearse(job, dataset, job.recipe.batch_size)


def _rehearse(job: Job, dataset: Dataset, count: int) -> None:
    some = dataclasses.replace(
        dataset, train_images=dataset.train_images[:count], train_labels=dataset.train_labels[:count]
    )
    recipe = dataclasses.replace(
        job.recipe,
        train_examples=None,
        batch_size=count,
        panel_examples=count,
        panel_batch=count,
        panel_augmentations=1,
        held_out_examples=0,
        hold_out=0.0,
    )
    name = methods.load(job.method).__name__
    _check_fields(name, type(recipe))
    # As a run does it on a CPU; the network is made anew there, so that nothing of this is left.
    bench = _called(
        f"{name}(recipe, statistics)",
        lambda: Workbench(job.method, recipe, some, device=torch.device("cpu"), engine="eager"),
    )
    method = bench.method
    _called(f"{name}.after_initialise", lambda: bench.begin(0))
    _called(f"{name}.start_epoch", lambda: method.start_epoch(1))
    _check_features(method, some.train_images)
    views = _called(f"{name}.views", lambda: _views(bench))
    terms = _called(f"{name}.loss", lambda: method.loss(views, bench.labels))
    _check_terms(name, terms, method.terms)
    _called(f"{name}.loss", lambda: terms["loss"].backward())
    if not any(parameter.grad is not None for parameter in method.parameters()):
        raise UserError(f"{name}.loss must depend on the parameters of the method, but none got a gradient")
    before = _shapes(method)
    _called(f"{name}, trained for one step,", lambda: bench.run_epoch(0, 1))
    if changed := sorted({*before.items()} ^ {*_shapes(method).items()}):
        raise UserError(
            f"{name} must keep the names and shapes of its parameters and buffers, or it could not be resumed; "
            f"{changed[0][0]} changed in a step: make it in __init__, with its final size"
        )
    _check_judgement(name, method, bench, views)
    _called(f"{name}.judge", lambda: bench.panel.score(method))


def _called(what: str, function: Callable[[], Value]) -> Value:
    """Call a function that runs a user's code; say which part failed."""
    try:
        return function()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{what} fails in a trial with a few images ({type(error).__name__}: {reason}{_place(error)}){_hint(error)}"
        ) from error


def _place(error: BaseException) -> str:
    """Return the last line of a user's own code that an error went through."""
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(frame, line) for frame, line in frames if not installed(frame.f_globals.get("__name__", ""))]
    return f", line {own[-1][1]} of {Path(own[-1][0].f_code.co_filename).name}" if own else ""


def _check_fields(name: str, recipe: type) -> None:
    """Refuse a recipe that sets something which is no field, because it has no type: nobody would record it."""
    for base in recipe.__mro__:
        for attribute, value in vars(base).items() if not installed(base.__module__) else ():
            plain = isinstance(value, (bool, int, float, str, tuple, list, dict, type(None)))
            if plain and not attribute.startswith("_") and attribute not in inspect.get_annotations(base):
                raise UserError(
                    f"{base.__name__} of {name} must give {attribute} a type to make it a field: "
                    f"{attribute}: {type(value).__name__} = {value!r}"
                )


def _hint(error: BaseException) -> str:
    """Return what may help against an error in a user's code, after a colon."""
    if not isinstance(error, AttributeError) or not dataclasses.is_dataclass(error.obj):
        return ""
    fields = [field.name for field in dataclasses.fields(error.obj)]
    near = difflib.get_close_matches(error.name or "", fields, n=1)
    return f": did you mean {near[0]}?" if near else ": name the recipe that has this field with recipe_type"


def _shapes(method: Method) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in method.state_dict().items()}


def _views(bench: Workbench) -> Tensor:
    count = bench.method.training_views
    images = bench.images.repeat(count, 1, 1, 1)
    draw = bench.panel.views.draw(len(images), images.shape[-1], generator=generator(0, "augmentation"))
    return bench.panel.views.render(images, draw).unflatten(0, (count, -1))


def _check_features(method: Method, images: Tensor) -> None:
    """Check that an encoder gives as many features as it says."""
    encoder = method.encoder
    name = f"encoder {type(encoder).__module__}.{type(encoder).__name__}".replace("__main__.", "")
    features = _called(f"{name}.forward", lambda: encoder(images.float() / 255))
    wanted = (len(images), encoder.num_features)
    if not isinstance(features, Tensor) or features.shape != wanted:
        raise UserError(
            f"{name} must return features (batch, num_features), {wanted} for {len(images)} images, "
            f"got {_shape(features)}"
        )


RESERVED = ("seed", "epoch", "learning_rate", *diagnostics.names(2))
"""Names of what is recorded anyway."""


def _check_terms(name: str, terms: Any, declared: tuple[str, ...]) -> None:
    for term in declared:
        if not isinstance(term, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", term):
            raise UserError(f"{name}.terms must be names of small letters, digits and _, got {term!r}")
        if term in RESERVED or declared.count(term) > 1:
            why = "recorded already" if term in RESERVED else "there twice"
            raise UserError(f"{name}.terms must have names of their own, but {term} is {why}: choose another")
    if not isinstance(terms, dict):
        raise UserError(f'{name}.loss must return a dictionary such as {{"loss": ...}}, got {_shape(terms)}')
    if {*terms} != {*declared}:
        raise UserError(
            f"{name}.loss must return the terms that {name}.terms declares, {', '.join(declared)}; got "
            f"{', '.join(map(str, terms)) or 'none'}"
        )
    for term, value in terms.items():
        if not isinstance(value, Tensor) or value.ndim or not value.is_floating_point():
            raise UserError(
                f"{name}.loss must return each term as a scalar tensor of floats, got {term} {_shape(value)}"
            )
    if not terms["loss"].requires_grad:
        raise UserError(f"{name}.loss must have a gradient, got a loss that is detached from the network")


def _check_judgement(name: str, method: Method, bench: Workbench, views: Tensor) -> None:
    wanted = (method.panel_views, len(bench.labels))
    method.eval()
    with torch.inference_mode():
        seen = _called(
            f"{name}.represent",
            lambda: [method.represent(bench.panel.render(0, view)) for view in range(method.panel_views)],
        )
        outputs = torch.stack([one.outputs for one in seen])
        judged = _called(f"{name}.judge", lambda: method.judge(outputs, bench.labels))
    method.train()
    for field, floats in (("correct", False), ("probability", True)):
        value = getattr(judged, field, None)
        kind = "floats" if floats else "bool"
        if (
            not isinstance(value, Tensor)
            or value.shape != wanted
            or (not value.is_floating_point() if floats else value.dtype != torch.bool)
        ):
            raise UserError(
                f"{name}.judge must return a Judgement whose `{field}` is {kind} (view, example), {wanted} here, "
                f"got {_shape(value)}"
            )


def _shape(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return type(value).__name__
