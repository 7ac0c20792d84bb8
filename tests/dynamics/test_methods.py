"""The contract that every method's file keeps, and the losses against slow references."""

import importlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dynamics import methods
from dynamics.config import preset
from dynamics.encoders import initialise
from dynamics.methods._base import ImageStatistics, Method
from dynamics.methods._retrieval import retrieve_partner
from dynamics.methods.simclr import nt_xent
from dynamics.streams import generator
from tests.references import simclr as reference

STATISTICS = ImageStatistics(num_classes=5, image_size=8, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.3))


def build(name: str) -> Method:
    method = methods.load(name)(preset(methods.recipe(name), "quick"), STATISTICS)
    initialise(method, generator(1, "weights"))
    return method


def batch(method: Method, size: int = 6) -> tuple[Tensor, Tensor]:
    stream = generator(2, "control")
    views = torch.rand(method.training_views, size, 3, 8, 8, generator=stream)
    return views, torch.randint(5, (size,), generator=stream)


every_method = pytest.mark.parametrize("name", methods.names())


@every_method
def test_loss_is_finite_and_reaches_every_parameter(name: str) -> None:
    method = build(name)
    terms = method.loss(*batch(method))
    assert tuple(terms) == method.terms
    assert all(term.shape == () and math.isfinite(term.item()) for term in terms.values())
    terms["loss"].backward()
    trained = {name: value for name, value in method.named_parameters() if value.requires_grad}
    for parameter, value in trained.items():
        assert value.grad is not None and value.grad.abs().sum() > 0, parameter


@every_method
def test_loss_does_not_know_the_order_of_the_batch(name: str) -> None:
    method = build(name)
    views, labels = batch(method)
    order = torch.randperm(len(labels), generator=generator(3, "control"))
    loss, permuted = method.loss(views, labels)["loss"], method.loss(views[:, order], labels[order])["loss"]
    torch.testing.assert_close(loss, permuted, rtol=1e-5, atol=1e-6)


@every_method
def test_permuting_the_panel_permutes_the_judgement(name: str) -> None:
    method = build(name)
    outputs = torch.randn(method.panel_views, 10, 7, generator=generator(4, "control"))
    labels = torch.randint(5, (10,), generator=generator(5, "control"))
    order = torch.randperm(10, generator=generator(6, "control"))
    judged, permuted = method.judge(outputs, labels), method.judge(outputs[:, order], labels[order])
    assert torch.equal(judged.correct[:, order], permuted.correct)
    torch.testing.assert_close(judged.probability[:, order], permuted.probability)


@every_method
def test_probability_is_one(name: str) -> None:
    method = build(name)
    judged = method.judge(torch.randn(method.panel_views, 10, 7), torch.randint(5, (10,)))
    assert judged.correct.shape == judged.probability.shape == (method.panel_views, 10)
    assert (judged.probability >= 0).all() and (judged.probability <= 1).all()
    # More than half of the probability cannot lie on a wrong answer's side.
    assert judged.correct[judged.probability > 0.5].all()


@every_method
def test_state_holds_everything(name: str) -> None:
    """A second network given the first one's state computes the same; nothing hides outside the state."""
    first, second = build(name), build(name)
    initialise(second, generator(9, "weights"))
    second.load_state_dict(first.state_dict())
    views, labels = batch(first)
    assert first.loss(views, labels)["loss"].item() == second.loss(views, labels)["loss"].item()


@every_method
def test_docstring_cites_its_source(name: str) -> None:
    text = importlib.import_module(f"dynamics.methods.{name.replace('-', '_')}").__doc__ or ""
    assert "arXiv" in text or "thesis" in text or "permutation as random-labels" in text


# --- SimCLR against the double loop ----------------------------------------------------------------

pairs = st.tuples(st.integers(2, 7), st.integers(1, 6), st.integers(0, 10**6))


@given(pairs, st.sampled_from([0.07, 0.5, 1.0]))
@settings(deadline=None, max_examples=30)
def test_nt_xent_equals_the_double_loop(sizes: tuple[int, int, int], temperature: float) -> None:
    count, width, seed = sizes
    first, second = np.random.default_rng(seed).normal(size=(2, count, width))
    ours = nt_xent(torch.from_numpy(first), torch.from_numpy(second), temperature).item()
    assert ours == pytest.approx(reference.nt_xent(first, second, temperature), rel=1e-10)


def test_nt_xents_gradient() -> None:
    first, second = torch.randn(2, 4, 3, dtype=torch.float64, generator=generator(0, "control"))
    inputs = (first.requires_grad_(), second.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, 0.3), inputs)


def test_nt_xent_at_chance_is_log_of_the_classes() -> None:
    same = torch.ones(8, 4)
    assert nt_xent(same, same, 0.07).item() == pytest.approx(math.log(15), rel=1e-6)


def test_nt_xent_does_not_know_which_view_is_first() -> None:
    first, second = torch.randn(2, 8, 4, generator=generator(1, "control"))
    torch.testing.assert_close(nt_xent(first, second, 0.07), nt_xent(second, first, 0.07))


@given(pairs)
@settings(deadline=None, max_examples=30)
def test_retrieval_equals_the_double_loop(sizes: tuple[int, int, int]) -> None:
    count, width, seed = sizes
    views = np.random.default_rng(seed).normal(size=(2, count, width + 1))
    views /= np.linalg.norm(views, axis=-1, keepdims=True)
    ours = retrieve_partner(torch.from_numpy(views[0]), torch.from_numpy(views[1]), 0.2)
    correct, probability = reference.retrieve(views[0], views[1], 0.2)
    np.testing.assert_array_equal(ours.correct.numpy(), correct)
    np.testing.assert_allclose(ours.probability.numpy(), probability, rtol=1e-9)


def test_the_two_directions_are_told_apart() -> None:
    """View 1 of image 0 is nearest to view 0, but view 0 has a nearer neighbour elsewhere."""
    angles = torch.tensor([[0.0, 90.0], [20.0, -10.0]]).deg2rad()
    views = torch.stack([angles.cos(), angles.sin()], dim=-1)
    judged = retrieve_partner(views[0], views[1], 0.1)
    assert judged.correct.tolist() == [[False, False], [True, False]]


def test_a_collapsed_network_gets_nothing_right() -> None:
    same = torch.nn.functional.normalize(torch.ones(5, 3), dim=-1)
    assert not retrieve_partner(same, same, 0.07).correct.any()


def test_panel_batches_are_consecutive() -> None:
    method = build("simclr")
    assert method.recipe.panel_batch == 32
    outputs = torch.randn(2, 64, 7, generator=generator(7, "control"))
    labels = torch.zeros(64, dtype=torch.int64)
    whole, half = method.judge(outputs, labels), method.judge(outputs[:, 32:], labels[32:])
    assert torch.equal(whole.correct[:, 32:], half.correct)


def test_bf16_touches_the_networks_only() -> None:
    method = build("simclr")
    method.bf16 = True
    views, labels = batch(method)
    assert method(views[0]).dtype == torch.float32
    assert method.loss(views, labels)["loss"].dtype == torch.float32
