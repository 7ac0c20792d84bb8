# SPDX-License-Identifier: Apache-2.0
"""What every method's file keeps: checks that take a method's class, each of which can fail.

A method is found by its name. Where `tests/references/<method>.py` has `terms(method, frozen, views, labels)`, loss and
gradient are compared with it, and where it has `memory(before, after, views)`, so is what a step leaves behind;
`frozen` is a copy of the method from which everything comes that carries no gradient.

    python -m tests.dynamics.contract        # how many checks does each method pass?
"""

import copy
import dataclasses
import importlib
import importlib.util
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dynamics import methods
from dynamics.config import Recipe
from dynamics.encoders import initialise
from dynamics.methods import Method
from dynamics.methods.base import ImageStatistics
from dynamics.streams import generator
from dynamics.study_file import preset

STATISTICS = ImageStatistics(num_classes=5, image_size=8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.3))
SMALL = {
    "width": 2,
    "batch_size": 12,
    "projector": (24, 4),
    "predictor_hidden": 5,
    "queue": 30,
    "embedding": 4,
}
"""Sizes at which a network of float64 takes milliseconds, for the fields that a recipe has."""


class NotApplicableError(Exception):
    """A check that says nothing about a method."""


def module_name(name: str) -> str:
    return name.replace("-", "_")


def recipe(name: str, **changes: Any) -> Recipe:
    chosen = preset(name, "quick")
    fields = {field.name for field in dataclasses.fields(chosen)}
    return dataclasses.replace(chosen, **{k: v for k, v in (SMALL | changes).items() if k in fields})


def build(name: str, *, seed: int = 1, **changes: Any) -> Method:
    method = methods.load(name)(recipe(name, **changes), STATISTICS)
    weights = generator(seed, "weights")
    initialise(method, weights)
    method.after_initialise(weights)
    method.start_epoch(1)
    return method


def batch(method: Method, size: int = 12, *, seed: int = 2) -> tuple[Tensor, Tensor]:
    stream = generator(seed, "control")
    views = torch.rand(method.training_views, size, 3, 8, 8, generator=stream)
    return views, torch.randint(5, (size,), generator=stream)


def step(method: Method, optimizer: torch.optim.Optimizer, views: Tensor, labels: Tensor) -> float:
    loss = method.loss(views, labels)["loss"]
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    method.after_step()
    return loss.item()


@contextmanager
def float64(name: str) -> Iterator[tuple[Method, Tensor, Tensor]]:
    """Give a method after one step, and a batch, in float64: what methods turn to float32 stays as it is here."""
    method = build(name)
    step(method, method.optimizer(), *batch(method))
    stream = generator(7, "control")
    for parameter in method.parameters():
        if (
            parameter.ndim == 1
        ):  # batch norm's, too: with all at 1, VICReg's hinge is closed and nothing is seen of it
            parameter.data.uniform_(0.3, 1.3, generator=stream)
    method.double().zero_grad(set_to_none=True)
    views, labels = batch(method, seed=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "float", Tensor.double)
        yield method, views.double(), labels


def reference(name: str, function: str) -> Callable[..., dict[str, Any]]:
    path = f"tests.references.{module_name(name)}"
    if importlib.util.find_spec(path) is None:
        raise NotApplicableError(f"no {path.replace('.', '/')}.py to compare with")
    found = getattr(importlib.import_module(path), function, None)
    if found is None:
        raise NotApplicableError(f"{path} has no {function}()")
    return found


def relative(ours: Any, theirs: Any) -> float:
    """Return the largest difference over the largest value."""
    one, other = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    return float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-12))


# --- the checks ------------------------------------------------------------------------------------


def terms_are_finite_scalars_under_their_names(name: str) -> None:
    method = build(name)
    terms = method.loss(*batch(method))
    assert tuple(terms) == method.terms
    assert all(term.shape == () and math.isfinite(term.item()) for term in terms.values())


def gradient_reaches_what_is_trained_and_nothing_else(name: str) -> None:
    method = build(name)
    method.loss(*batch(method))["loss"].backward()
    for parameter, value in method.named_parameters():
        if value.requires_grad:
            assert value.grad is not None and value.grad.abs().sum() > 0, parameter
        else:
            assert value.grad is None, parameter
    assert not any(buffer.requires_grad for buffer in method.buffers())


def optimizer_has_all_that_is_trained_once(name: str) -> None:
    method = build(name)
    held = [id(p) for group in method.optimizer().param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in method.parameters() if p.requires_grad)


def loss_does_not_know_the_order_of_the_batch(name: str) -> None:
    with float64(name) as (method, views, labels):
        order = torch.randperm(len(labels), generator=generator(3, "control"))
        loss = method.loss(views, labels)["loss"].item()
        permuted = method.loss(views[:, order], labels[order])["loss"].item()
    assert permuted == pytest.approx(loss, rel=1e-9)


def loss_uses_labels_only_where_it_says_so(name: str) -> None:
    method = build(name)
    views, labels = batch(method)
    one, other = (method.loss(views, answer)["loss"].item() for answer in (labels, (labels + 1) % 5))
    assert (one == other) == (method.labels == "none")


def panel_outputs(method: Method) -> tuple[Tensor, Tensor]:
    images = torch.rand(method.panel_views * 12, 3, 8, 8, generator=generator(4, "control"))
    with torch.inference_mode():
        outputs = method.eval()(images).unflatten(0, (method.panel_views, 12))
    return outputs, torch.randint(5, (12,), generator=generator(5, "control"))


def permuting_the_panel_permutes_the_judgement(name: str) -> None:
    method = build(name)
    outputs, labels = panel_outputs(method)
    order = torch.randperm(12, generator=generator(6, "control"))
    judged, permuted = method.judge(outputs, labels), method.judge(outputs[:, order], labels[order])
    assert torch.equal(judged.correct[:, order], permuted.correct)
    torch.testing.assert_close(judged.probability[:, order], permuted.probability, rtol=1e-3, atol=1e-5)


def judgement_has_the_panels_shape_and_probabilities(name: str) -> None:
    method = build(name)
    judged = method.judge(*panel_outputs(method))
    assert judged.correct.shape == judged.probability.shape == (method.panel_views, 12)
    assert judged.correct.dtype == torch.bool
    assert (judged.probability >= 0).all() and (judged.probability <= 1).all()
    # More than half of the probability cannot lie on a wrong answer's side.
    assert judged.correct[judged.probability > 0.5].all()


def loss_leaves_the_memory_alone(name: str) -> None:
    """Computed twice without after_step it is the same twice; batch norm's statistics may move."""
    method = build(name)
    step(method, method.optimizer(), *batch(method))
    before = copy.deepcopy(method.state_dict())
    first, second = (method.loss(*batch(method, seed=3))["loss"].item() for _ in range(2))
    assert first == second
    for key, value in method.state_dict().items():
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked")):
            assert torch.equal(value, before[key]), key


def training_goes_on_bit_equal_from_the_state(name: str) -> None:
    """Whatever the next three steps depend on is in the state: copies, queues, moments, batch norm."""
    first, second = build(name), build(name, seed=9)
    optimizer = first.optimizer()
    for number in range(2):
        step(first, optimizer, *batch(first, seed=number))
    other = second.optimizer()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for number in range(3, 6):
        data = batch(first, seed=number)
        assert step(first, optimizer, *data) == step(second, other, *data)
    mine, its = first.state_dict(), second.state_dict()
    assert mine.keys() == its.keys()
    assert all(torch.equal(value, its[key]) for key, value in mine.items())


def loss_falls_on_a_fixed_batch(name: str) -> None:
    """In 30 steps, with its memory held: a queue that fills with the batch's own keys makes the task harder."""
    method = build(name)
    data, optimizer = batch(method), method.optimizer()
    losses = []
    for _ in range(30):
        loss = method.loss(*data)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def networks_alone_run_in_bf16(name: str) -> None:
    method = build(name)
    method.bf16 = True
    views, labels = batch(method)
    assert method(views[0]).dtype == torch.float32
    assert all(t.dtype in (torch.float32, torch.float64) for t in method.loss(views, labels).values())


def docstring_cites_its_source(name: str) -> None:
    text = importlib.import_module(f"dynamics.methods.{module_name(name)}").__doc__ or ""
    assert "arXiv" in text or "thesis" in text or "permutation as random-labels" in text


def terms_equal_the_slow_reference(name: str) -> None:
    slow = reference(name, "terms")
    with float64(name) as (method, views, labels):
        theirs = slow(method, copy.deepcopy(method), views, labels)
        ours = {key: value.item() for key, value in method.loss(views, labels).items()}
    assert ours.keys() == theirs.keys()
    for key in ours:
        assert relative(ours[key], theirs[key]) < 1e-9, key


def gradient_equals_the_slow_references(name: str) -> None:
    """Along the gradient and in a random direction, by central differences of the reference; constants held."""
    slow = reference(name, "terms")
    with float64(name) as (method, views, labels):
        frozen, moved = copy.deepcopy(method), copy.deepcopy(method)
        method.loss(views, labels)["loss"].backward()
        gradient = [p.grad.clone() for p in method.parameters() if p.grad is not None]
        length = math.sqrt(sum(float((g**2).sum()) for g in gradient))
        trained = [p for p in moved.parameters() if p.requires_grad]
        start = [p.detach().clone() for p in trained]

        def at(direction: list[Tensor], size: float) -> float:
            with torch.no_grad():
                for p, origin, d in zip(trained, start, direction, strict=True):
                    p.copy_(origin + size * d)
                return float(slow(moved, frozen, views, labels)["loss"])

        stream = generator(8, "control")
        draw = [torch.randn(g.shape, generator=stream, dtype=torch.float64) for g in gradient]
        norm = math.sqrt(sum(float((d**2).sum()) for d in draw))
        for direction in ([g / length for g in gradient], [d / norm for d in draw]):
            ours = sum(float((g * d).sum()) for g, d in zip(gradient, direction, strict=True))
            theirs = (at(direction, 1e-6) - at(direction, -1e-6)) / 2e-6
            assert abs(ours - theirs) < 1e-6 * length, (ours, theirs)


def step_leaves_behind_what_the_slow_reference_does(name: str) -> None:
    slow = reference(name, "memory")
    with float64(name) as (method, views, labels):
        for round_ in range(3):  # queues wrap around
            before = copy.deepcopy(method)
            step(method, method.optimizer(), views.roll(round_, dims=-1), labels)
            state = method.state_dict()
            for key, value in slow(before, method, views.roll(round_, dims=-1)).items():
                assert key in state, f"{key} is not in the state"
                assert relative(state[key], value) < 1e-9, key


CHECKS: tuple[Callable[[str], None], ...] = (
    terms_are_finite_scalars_under_their_names,
    gradient_reaches_what_is_trained_and_nothing_else,
    optimizer_has_all_that_is_trained_once,
    loss_does_not_know_the_order_of_the_batch,
    loss_uses_labels_only_where_it_says_so,
    permuting_the_panel_permutes_the_judgement,
    judgement_has_the_panels_shape_and_probabilities,
    loss_leaves_the_memory_alone,
    training_goes_on_bit_equal_from_the_state,
    loss_falls_on_a_fixed_batch,
    networks_alone_run_in_bf16,
    docstring_cites_its_source,
    terms_equal_the_slow_reference,
    gradient_equals_the_slow_references,
    step_leaves_behind_what_the_slow_reference_does,
)


def outcome(check: Callable[[str], None], name: str) -> str | None:
    """Return why a check fails, nothing when it passes; a broken method may fail in any way."""
    try:
        check(name)
    except NotApplicableError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return None


def failures(name: str, *, first_only: bool = False) -> dict[str, str]:
    """Return the checks that fail, and why."""
    found = {}
    for check in reversed(CHECKS):  # those against references see most
        with suppress(NotApplicableError):
            reason = outcome(check, name)
            if reason is not None:
                found[check.__name__] = reason
                if first_only:
                    break
    return found


def main() -> None:
    for name in methods.names():
        results = {}
        for check in CHECKS:
            with suppress(NotApplicableError):
                results[check.__name__] = outcome(check, name)
        failed = {check: reason for check, reason in results.items() if reason is not None}
        passed, absent = len(results) - len(failed), len(CHECKS) - len(results)
        print(f"{name:18} passes {passed:2} of {len(results):2} checks; {absent} do not apply", flush=True)
        for check_name, reason in failed.items():
            print(f"    fails {check_name}: {reason[:100]}")


if __name__ == "__main__":
    main()
