"""SimCLR's loss and the retrieval indicator against slow double loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics.methods.simclr import nt_xent
from dynamics.methods.views import retrieve_partner
from dynamics.streams import generator
from tests.dynamics.contract import batch, build
from tests.references import simclr as reference

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
