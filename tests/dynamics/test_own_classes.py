# SPDX-License-Identifier: Apache-2.0
"""Methods and encoders that a user writes: what is wrong with one is said once, before anything is written."""

import functools
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import dynamics
from analysis.framework.networks import one_run_each, runs_with_networks
from dynamics import data, encoders, methods, networks, snapshots
from dynamics.errors import UserError
from dynamics.methods.simclr import Method as SimCLR
from dynamics.own_code import code_of
from dynamics.study_file import preset
from dynamics.training.check_data import check_complete, check_data
from dynamics.training.job import Job
from tests.dynamics.test_front_door import SAME_CODE, SMALL

CLASSES = """
import sys
from dataclasses import dataclass
from pathlib import Path
import torch
from torch import nn
import dynamics
from dynamics import methods
from dynamics.augment import IdentityViews
from dynamics.methods.base import Judgement
from dynamics.methods.supervised import Method as Supervised
from dynamics.methods.views import JointMethod, JointRecipe

class Base(JointMethod):
    recipe_type = JointRecipe
    def loss(self, views, labels):
        first, second = self.embed(views)
        return {"loss": (first - second).square().mean()}

class NoDictionary(Base):
    "NoDictionary.loss must return a dictionary"
    def loss(self, views, labels):
        return self.embed(views).mean()

class OtherKeys(Base):
    "OtherKeys.loss must return the terms that OtherKeys.terms declares, loss; got total"
    def loss(self, views, labels):
        return {"total": self.embed(views).mean()}

class NotDeclared(Base):
    "declares, loss; got loss, more"
    def loss(self, views, labels):
        return {**super().loss(views, labels), "more": self.embed(views).mean()}

class Detached(Base):
    "Detached.loss must have a gradient"
    def loss(self, views, labels):
        return {"loss": self.embed(views).mean().detach()}

class Elsewhere(Base):
    "must depend on the parameters of the method"
    def loss(self, views, labels):
        return {"loss": views.clone().requires_grad_().mean()}

class Vector(Base):
    "each term as a scalar tensor of floats, got loss float32 ("
    def loss(self, views, labels):
        return {"loss": self.embed(views).mean((0, 1))}

class Number(Base):
    "each term as a scalar tensor of floats, got loss float"
    def loss(self, views, labels):
        return {"loss": 1.0}

class Raises(Base):
    "Raises.loss fails in a trial with a few images (RuntimeError: "
    def loss(self, views, labels):
        return {"loss": self.embed(views) @ views}

class Typo(Base):
    "did you mean temperature?"
    def loss(self, views, labels):
        return {"loss": self.embed(views).mean() / self.recipe.temprature}

class Place(Base):
    "'Place' object has no attribute 'embd', line "
    def loss(self, views, labels):
        return {"loss": self.embd(views).mean()}

@dataclass(frozen=True, kw_only=True)
class Untyped(JointRecipe):
    margin = 0.5

class NoField(Base):
    "Untyped of NoField must give margin a type to make it a field: margin: float = 0.5"
    recipe_type = Untyped

class NoRecipe(JointMethod):
    "'Recipe' object has no attribute 'projector'): name the recipe that has this field with recipe_type"
    def loss(self, views, labels):
        return {"loss": self.embed(views).mean()}

class Plain(JointRecipe):
    pull: float = 1.0

class NoDecorator(Base):
    "Plain must have the decorator @dataclass"
    recipe_type = Plain

class RecipeObject(Base):
    "RecipeObject.recipe_type must be a subclass of dynamics.Recipe, got an object of JointRecipe"
    recipe_type = JointRecipe()

class Abstract(dynamics.Method):
    "Abstract must define judge, views"
    def loss(self, views, labels): ...

class NoJudgement(Base):
    "NoJudgement.judge must return a Judgement whose correct is bool (view, example)"
    def judge(self, outputs, labels):
        return outputs.mean(-1) > 0

class OtherShape(Base):
    "OtherShape.judge must return a Judgement whose correct is bool (view, example)"
    def judge(self, outputs, labels):
        return Judgement((outputs.mean(-1) > 0)[0], outputs.mean(-1))

class TermOfAnAxis(Base):
    "TermOfAnAxis.terms must have names of their own, but epoch is recorded already"
    terms = ("loss", "epoch")
    def loss(self, views, labels):
        terms = super().loss(views, labels)
        return {**terms, "epoch": terms["loss"].detach()}

class TermOfADiagnostic(Base):
    "but alignment is recorded already"
    terms = ("loss", "alignment")
    def loss(self, views, labels):
        terms = super().loss(views, labels)
        return {**terms, "alignment": terms["loss"].detach()}

class TermTwice(Base):
    "but loss is there twice"
    terms = ("loss", "loss")

class TermOfAFolder(Base):
    "TermOfAFolder.terms must be names of small letters, digits and _, got 'a/b'"
    terms = ("loss", "a/b")
    def loss(self, views, labels):
        terms = super().loss(views, labels)
        return {**terms, "a/b": terms["loss"].detach()}

class Grows(Base):
    "n changed in a step: make it in __init__, with its final size"
    def __init__(self, recipe, statistics):
        super().__init__(recipe, statistics)
        self.register_buffer("n", torch.zeros(0))
    def after_step(self):
        self.n = torch.cat([self.n, torch.ones(1)])

class Appears(Base):
    "Appears must keep the names and shapes of its parameters and buffers"
    def after_step(self):
        self.register_buffer("late", torch.ones(1))

class SevenTimes(Base):
    "SevenTimes.judge must return probabilities in [0, 1], got 7.0 to 7.0"
    def judge(self, outputs, labels):
        judged = super().judge(outputs, labels)
        return Judgement(judged.correct, torch.full_like(judged.probability, 7.0))

class NoProbability(Base):
    "NoProbability.judge must return probabilities in [0, 1], got nan to nan"
    def judge(self, outputs, labels):
        judged = super().judge(outputs, labels)
        return Judgement(judged.correct, judged.probability * float("nan"))

class Leaves(Base):
    "Leaves.loss fails in a trial with a few images (SystemExit: 3, line "
    def loss(self, views, labels):
        sys.exit(3)

class OneWord(Base):
    "OneWord.terms must be a tuple of names"
    terms = "loss"

class NoHead(dynamics.Method):
    "NoHead.represent fails in a trial"
    @staticmethod
    def views(recipe, statistics):
        return IdentityViews()
    def loss(self, views, labels):
        return {"loss": self.encoder(views[0]).mean()}
    def judge(self, outputs, labels): ...

class OtherArguments(Base):
    "OtherArguments(recipe, statistics) fails in a trial"
    def __init__(self, recipe):
        super().__init__(recipe, None)

class OtherLabels(Supervised):
    "OtherLabels.labels must be none, true or permuted, got 'yes'"
    labels = "yes"

class Pooled(nn.Module):
    "encoder Pooled must have an attribute num_features"
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
    def forward(self, images):
        return self.conv(images).mean((2, 3))

class NoWidth(Pooled):
    "encoder NoWidth must be made with one argument, its width"
    def __init__(self):
        super().__init__(2)

class OtherNumber(Pooled):
    "encoder OtherNumber must return features (batch, num_features), (32, 5) for 32 images, got float32 (32, 4)"
    num_features = 5

class NotPooled(Pooled):
    "encoder NotPooled must return features"
    num_features = 4
    def forward(self, images):
        return self.conv(images)

class Broken(Pooled):
    "encoder Broken.forward fails in a trial"
    num_features = 4
    def forward(self, images):
        return self.linear(images)

SMALL = eval(sys.argv[1])
for kind in [*globals().values()]:
    if not isinstance(kind, type) or kind.__module__ != "__main__" or kind.__name__ in ("Base", "Plain", "Untyped"):
        continue
    own = {"method": kind} if issubclass(kind, dynamics.Method) else {"method": "supervised", "encoder": kind}
    try:
        dynamics.train(dataset="digits", preset="quick", **own, **SMALL)
    except dynamics.UserError as error:
        assert kind.__doc__ in str(error), (kind, str(error))
    else:
        raise AssertionError(f"{kind} was accepted")
assert not any(Path.cwd().iterdir())
"""


@pytest.mark.slow
def test_what_a_class_must_do_is_said_before_anything_is_written(tmp_path: Path) -> None:
    """Each failed in the workers, cryptically, and left empty run folders."""
    done = subprocess.run(
        [sys.executable, "-c", CLASSES, repr(SMALL)],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=SAME_CODE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def registered() -> Iterator[None]:
    yield
    for catalogue in (methods.CATALOGUE, encoders.CATALOGUE):
        for names in (catalogue.registered, catalogue.code):
            names.clear()


def job(folder: Path, method: str, seed: int) -> Job:
    recipe = preset(method, "quick", **SMALL, dataset="digits")
    return Job(method=method, recipe=recipe, seed=seed, folder=folder / "s" / method / f"seed-{seed:04d}")


class NeedsMany(SimCLR):
    """A loss that cannot be computed from a few images is tried with a whole batch."""

    def loss(self, views, labels):  # type: ignore[no-untyped-def]
        if views.shape[1] < 32:
            raise ValueError("too few")
        return super().loss(views, labels)


def test_a_term_that_is_no_number_ends_the_training(tmp_path: Path, registered: None) -> None:
    class Mine(SimCLR):
        terms = ("loss", "extra")

        def loss(self, views, labels):  # type: ignore[no-untyped-def]
            return {**super().loss(views, labels), "extra": torch.tensor(float("nan"))}

    with pytest.raises(UserError, match="the term extra is nan in epoch 1"):
        check_data([job(tmp_path, methods.name_of(Mine), 0)], data_root=tmp_path, download=False)


def test_the_class_of_all_methods_is_none() -> None:
    with pytest.raises(UserError, match=r"subclass of dynamics\.Method, got Method"):
        methods.name_of(methods.Method)


def test_a_loss_that_needs_many_images_is_not_refused(tmp_path: Path, registered: None) -> None:
    name = methods.name_of(NeedsMany)
    check_data([job(tmp_path, name, 0)], data_root=tmp_path, download=False)
    assert not any(tmp_path.iterdir())


def version(weight: float, *, comment: str = "", helper: str = "return x") -> type[methods.Method]:
    source = f"""
{comment}
def scaled(x):
    {helper}

class Mine(SimCLR):
    def loss(self, views, labels):
        terms = super().loss(views, labels)
        return {{"loss": scaled({weight} * terms["loss"])}}
"""
    module = types.ModuleType("notebook")
    module.__dict__["SimCLR"] = SimCLR
    exec(compile(source, "<notebook>", "exec"), module.__dict__)
    return module.__dict__["Mine"]


def test_code_is_that_of_the_class_and_of_what_it_calls() -> None:
    ours = code_of(version(1.0))
    assert ours == code_of(version(1.0)) == code_of(version(1.0, comment="# a note"))
    assert len({ours, code_of(version(2.0)), code_of(version(1.0, helper="return 2 * x"))}) == 3


def with_values(weight: object) -> dict[str, type[methods.Method]]:
    """Return classes of the same text that hold a value in each of the places where one may be."""

    class Closure(SimCLR):
        def loss(self, views, labels):  # type: ignore[no-untyped-def]
            return weight

    class Attribute(SimCLR):
        held = weight

    class Default(SimCLR):
        def loss(self, views, labels, weight=weight):  # type: ignore[no-untyped-def]
            return weight

    class Keyword(SimCLR):
        def loss(self, views, labels, *, weight=weight):  # type: ignore[no-untyped-def]
            return weight

    module = types.ModuleType("notebook")
    module.__dict__.update(SimCLR=SimCLR, held=weight)
    source = "class Global(SimCLR):\n    def loss(self, views, labels):\n        return held\n"
    exec(compile(source, "<notebook>", "exec"), module.__dict__)
    own = (Closure, Attribute, Default, Keyword, module.__dict__["Global"])
    return {kind.__name__: kind for kind in own}


class Held:
    """A value in an object of one's own."""

    def __init__(self, weight: float) -> None:
        self.weight = weight


HOLDERS: dict[str, Callable[[float], object]] = {
    "number": lambda x: x,
    "dict": lambda x: {"a": [x]},
    "list": lambda x: [x, {"b": x}],
    "tuple of functions": lambda x: (lambda y: x * y,),
    "set": lambda x: {x, 3.0},
    "array": lambda x: np.array([x]),
    "tensor": lambda x: torch.tensor([x], requires_grad=True),
    "module": lambda x: torch.nn.Linear(1, 1).requires_grad_(False).apply(lambda m: m.weight.fill_(x)),
    "partial": lambda x: functools.partial(pow, x),
    "object": Held,
    "dtype": lambda x: torch.float64 if x > 1 else torch.float32,
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_the_values_that_a_class_uses_are_part_of_its_code(holder: str) -> None:
    """Seeds of two losses were one method where the difference was in a closure, a container or a default."""
    torch.manual_seed(0)
    first = with_values(HOLDERS[holder](1.0))
    torch.manual_seed(0)
    same = with_values(HOLDERS[holder](1.0))
    other = with_values(HOLDERS[holder](2.0))
    for name, kind in first.items():
        assert code_of(kind) == code_of(same[name]), name
        assert code_of(kind) != code_of(other[name]), name


def test_a_study_holds_one_code_of_a_class(tmp_path: Path, registered: None) -> None:
    """A class of the same name that was written anew was mixed with the first, silently."""
    name = methods.name_of(version(1.0))
    recipe = preset(name, "quick", **SMALL, dataset="digits")
    first = job(tmp_path, name, 0)
    snapshots.write_finished(
        first.folder,
        method=name,
        seed=0,
        config=recipe.to_json(),
        correct=np.ones((2, 2, 1, 16), bool),
        provenance={"own_code": networks.own_code(name, recipe)},
    )
    check_data([job(tmp_path, name, 1)], data_root=tmp_path, download=False)
    check_complete([first], data_root=tmp_path)
    methods.name_of(version(2.0))
    with pytest.raises(
        UserError, match="seed-0000 was trained with other code of method mine: use another study"
    ):
        check_data([job(tmp_path, name, 1)], data_root=tmp_path, download=False)
    with pytest.raises(UserError, match="other code of method mine"):
        check_complete([first], data_root=tmp_path)


def test_complete_seeds_of_other_images_are_no_answer(tmp_path: Path) -> None:
    """They were returned as if they had been trained on the images of the call."""
    digits = data.load("digits")
    snapshots.write_finished(
        job(tmp_path, "supervised", 0).folder,
        method="supervised",
        seed=0,
        correct=np.ones((2, 1, 1, 16), bool),
        provenance={
            "data_fingerprint": digits.fingerprint
        },  # of all images, not of the 64 that are asked for
    )
    with pytest.raises(UserError, match="seed-0000 was trained on different images"):
        check_complete([job(tmp_path, "supervised", 0)], data_root=tmp_path)


@pytest.mark.slow
def test_a_network_of_ones_own_is_asked_for_by_its_name() -> None:
    """It was said to be "not trained by this program"."""
    from dynamics.example import trained_study

    run = snapshots.Run(trained_study().runs["supervised"][0].folder)
    for method, encoder, said in (
        ("gone", "resnet18", "the method 'gone'"),
        ("simclr", "gone", "the encoder 'gone'"),
    ):
        run.method, run.config = method, {**run.config, "encoder": encoder}
        with pytest.raises(
            UserError, match=f"was trained with {said}, a class that this process does not have"
        ):
            networks.recipe_of(run)


def test_networks_of_a_class_that_is_not_here_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One method of a notebook stopped the analyses of all networks of its study."""
    for method in ("of-a-notebook", "supervised"):
        folder = snapshots.seed_folder(tmp_path, "study", method, 0)
        correct, config = np.ones((2, 1, 1, 16), bool), {"encoder": "resnet18"}
        snapshots.write_finished(folder, method=method, seed=0, correct=correct, config=config)
        snapshots.weights_file(folder).touch()
    study = dynamics.open_study(tmp_path / "study")
    assert list(runs_with_networks(study)) == list(one_run_each(study)) == ["supervised"]
    assert "of-a-notebook is left out" in caplog.text and "does not have: call dynamics.train" in caplog.text
    assert list(runs_with_networks(study, ["of-a-notebook"])) == ["of-a-notebook"]  # loading it says why not
    (tmp_path / "study" / "supervised").rename(tmp_path / "elsewhere")
    with pytest.raises(
        UserError, match="the method 'of-a-notebook', a class that this process does not have"
    ):
        runs_with_networks(dynamics.open_study(tmp_path / "study"))
