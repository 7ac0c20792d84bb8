"""What methods keep between steps, and what carries no gradient: matrices, queues, copies, targets."""

import math

import pytest
import torch

from dynamics.methods import moco, tico, vicreg_tico
from dynamics.methods.momentum import MomentumCopy, rising_decay
from dynamics.methods.terms import cosine_of_others, updated_moments
from dynamics.streams import generator
from tests.dynamics.contract import batch, build, step


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed, "control"), dtype=torch.float64)


# --- second moments --------------------------------------------------------------------------------


def test_moments_carry_no_gradient() -> None:
    z = normal(5, 3).requires_grad_()
    assert not updated_moments(torch.zeros(3, 3, dtype=torch.float64), z, decay=0.9).requires_grad


def test_moments_are_used_after_their_update() -> None:
    """The very first step has a contrast, though the matrix starts at zero."""
    first, second = normal(2, 5, 3)
    zero = torch.zeros(3, 3, dtype=torch.float64)
    for terms, updated in (
        tico.tico_terms(first, second, zero, decay=0.9),
        vicreg_tico.hybrid_terms(first, second, zero, decay=0.9, eps=1e-4),
    ):
        assert terms["contrast"] > 0
        torch.testing.assert_close(updated, updated.T)
    # All along one axis: z^T C z = 1 - decay.
    same = torch.tensor([[2.0, 0.0]] * 4)
    terms, _ = tico.tico_terms(same, same, torch.zeros(2, 2), decay=0.9)
    assert terms["contrast"].item() == pytest.approx(0.1)
    assert terms["invariance"].item() == pytest.approx(-1)


# --- the queue -------------------------------------------------------------------------------------


def test_the_queue_overwrites_the_oldest_and_wraps_around() -> None:
    method = build("moco")  # a queue of 30, batches of 12
    assert isinstance(method, moco.Method)
    start, pushed = method.keys.clone(), []
    torch.testing.assert_close(start.norm(dim=1), torch.ones(30))
    for number in range(3):
        views, labels = batch(method, seed=number)
        step(method, method.optimizer(), views, labels)
        pushed.append(method._new.clone())
    keys = torch.cat(pushed)  # 36: the last 6 are where the first 6 were
    assert torch.equal(method.keys, torch.cat([keys[30:], keys[6:30]]))
    assert method.cursor.item() == 6
    torch.testing.assert_close(method.keys.norm(dim=1), torch.ones(30))


def test_a_loss_at_chance_is_log_of_the_choices() -> None:
    same = torch.ones(4, 3)
    negatives = torch.nn.functional.normalize(torch.ones(7, 3), dim=1)
    assert moco.info_nce(same, same, negatives, 0.2).item() == pytest.approx(math.log(8), rel=1e-6)


# --- copies and targets ----------------------------------------------------------------------------


def test_momentum_copy_moves_by_a_share_of_the_way() -> None:
    encoder, head = torch.nn.Linear(3, 2), torch.nn.Linear(2, 2)
    copy = MomentumCopy(encoder, head)
    copy.decay.fill_(0.75)
    before = copy.encoder.weight.clone()
    with torch.no_grad():
        encoder.weight += 4
    copy.follow(encoder, head)
    torch.testing.assert_close(copy.encoder.weight, before + 1)
    assert not any(p.requires_grad for p in copy.parameters())
    copy.match(encoder, head)
    assert torch.equal(copy.encoder.weight, encoder.weight)


def test_decay_rises_along_a_cosine() -> None:
    """BYOL, section 3.3: 1 - (1 - base) (cos(pi k / K) + 1) / 2."""
    decays = [rising_decay(epoch, base=0.9, epochs=10) for epoch in range(1, 11)]
    assert decays == pytest.approx([1 - 0.1 * (math.cos(math.pi * k / 10) + 1) / 2 for k in range(10)])


@pytest.mark.parametrize("name", ["tico", "byol", "moco"])
def test_copy_starts_as_the_network(name: str) -> None:
    method = build(name)
    trained = dict(method.named_parameters())
    for key, value in method.copy.named_parameters():
        assert torch.equal(value, trained[key]), key


def test_targets_get_no_gradient() -> None:
    predictions, targets = normal(2, 2, 5, 3).requires_grad_().unbind(0)
    loss = cosine_of_others(predictions, targets)
    assert torch.autograd.grad(loss, targets, allow_unused=True)[0] is None
    keys = normal(5, 3, seed=1).requires_grad_()
    loss = moco.info_nce(predictions[0], keys, normal(7, 3, seed=2), 0.2)
    assert torch.autograd.grad(loss, keys, allow_unused=True)[0] is None
