"""Joint-embedding losses and their gradients against slow references; broken copies must be noticed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dynamics.methods import _vicreg_terms as terms
from dynamics.methods._moment_memory import along_moments
from dynamics.methods._predictor import cosine_of_others
from dynamics.methods.barlow_twins import barlow_terms, standardised
from dynamics.methods.moco import info_nce
from dynamics.methods.simclr import nt_xent
from dynamics.methods.tico import tico_terms
from dynamics.methods.vicreg import vicreg_terms
from dynamics.methods.vicreg_tico import hybrid_terms
from dynamics.methods.w_mse import whiten, whitened_distance
from tests.references import joint_embedding as reference
from tests.references import simclr as simclr_reference

EPS, DECAY, RHO, TAU = 1e-4, 0.9, 8.0, 0.2
BATCH, WIDTH = 7, 3

MEMORY = np.diag([0.3, 0.2, 0.1]) + 0.05
NEGATIVES = np.random.default_rng(8).normal(size=(5, WIDTH))
NEGATIVES /= np.linalg.norm(NEGATIVES, axis=1, keepdims=True)

Loss = Callable[[Tensor], Tensor]
Slow = Callable[[np.ndarray, np.ndarray], complex]


def weighted(found: dict[str, Tensor], **weights: float) -> Tensor:
    return sum((weight * found[name] for name, weight in weights.items()), torch.zeros(()))


def vicreg(convention: Any) -> Loss:
    return lambda z: weighted(
        vicreg_terms(z[0], z[1], eps=EPS, convention=convention), invariance=25, variance=25, covariance=1
    )


def slow_vicreg(convention: str) -> Slow:
    return lambda z, frozen: reference.vicreg(z, eps=EPS, convention=convention)


def tico(z: Tensor) -> Tensor:
    found, _ = tico_terms(z[0], z[1], torch.from_numpy(MEMORY), decay=DECAY)
    return weighted(found, invariance=1, contrast=RHO)


def hybrid(z: Tensor) -> Tensor:
    found, _ = hybrid_terms(z[0], z[1], torch.from_numpy(MEMORY), decay=DECAY, eps=EPS)
    return weighted(found, invariance=20, variance=25, contrast=1)


def barlow(z: Tensor) -> Tensor:
    return weighted(barlow_terms(z[0], z[1]), invariance=1, redundancy=0.005)


def moco(z: Tensor) -> Tensor:
    return info_nce(z[0], z[1], torch.from_numpy(NEGATIVES), TAU)


def predicted(z: Tensor) -> Tensor:
    return cosine_of_others(z[:2], z[2:])


def slow_predicted(z: np.ndarray, frozen: np.ndarray) -> complex:
    return reference.others_cosine(z[:2], frozen[2:])


CASES: dict[str, tuple[Loss, Slow, int]] = {
    "vicreg, coursework": (vicreg("coursework"), slow_vicreg("coursework"), 2),
    "vicreg, paper": (vicreg("paper"), slow_vicreg("paper"), 2),
    "vicreg, official": (vicreg("official"), slow_vicreg("official"), 2),
    "barlow-twins": (barlow, lambda z, frozen: reference.barlow(z, weight=0.005), 2),
    "w-mse, 2 views": (whitened_distance, lambda z, frozen: reference.w_mse(z), 2),
    "w-mse, 3 views": (whitened_distance, lambda z, frozen: reference.w_mse(z), 3),
    "tico": (tico, lambda z, f: reference.tico(z, f, memory=MEMORY, decay=DECAY, weight=RHO), 2),
    "vicreg-tico": (hybrid, lambda z, f: reference.hybrid(z, f, memory=MEMORY, decay=DECAY, eps=EPS), 2),
    "moco": (moco, lambda z, f: reference.info_nce(z, f, negatives=NEGATIVES, temperature=TAU), 2),
    "byol, simsiam": (predicted, slow_predicted, 4),
}
every_case = pytest.mark.parametrize("name", CASES)


def views_of(name: str, seed: int, scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).normal(size=(CASES[name][2], BATCH, WIDTH))


def errors(ours: Loss, slow: Slow, views: np.ndarray) -> tuple[float, float]:
    """Return the relative errors of value and gradient."""
    inputs = torch.from_numpy(views).requires_grad_()
    value = ours(inputs)
    (found,) = torch.autograd.grad(value, inputs)
    exact = slow(views.astype(complex), views).real
    gradient = reference.gradient(lambda moved: slow(moved, views), views)
    scale = np.abs(gradient).max()
    return abs(value.item() - exact) / abs(exact), float(np.abs(found.numpy() - gradient).max() / scale)


@every_case
@pytest.mark.parametrize(("seed", "scale"), [(0, 1.0), (1, 0.3), (2, 4.0)])
def test_value_and_gradient_equal_the_slow_loop(name: str, seed: int, scale: float) -> None:
    ours, slow, _ = CASES[name]
    value, gradient = errors(ours, slow, views_of(name, seed, scale))
    assert value < 1e-10 and gradient < 1e-10


@every_case
def test_gradcheck(name: str) -> None:
    """Finite differences agree wherever nothing is held constant."""
    ours, _, count = CASES[name]
    views = torch.from_numpy(views_of(name, 3)).requires_grad_()
    if name in ("tico", "vicreg-tico", "moco", "byol, simsiam"):
        held = views.detach()
        if name in ("tico", "vicreg-tico"):  # the second view alone: C is a constant for it
            assert torch.autograd.gradcheck(lambda z: ours(torch.stack([held[0], z])), (views[1],))
        elif name == "moco":
            assert torch.autograd.gradcheck(lambda z: ours(torch.stack([z, held[1]])), (views[0],))
        else:
            assert torch.autograd.gradcheck(lambda z: cosine_of_others(z, held[2:]), (views[:2],))
        return
    assert count >= 2
    assert torch.autograd.gradcheck(ours, (views,))


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith(("vicreg,", "barlow", "w-mse"))])
def test_which_view_is_first_does_not_matter(name: str) -> None:
    views = torch.from_numpy(views_of(name, 4))
    torch.testing.assert_close(CASES[name][0](views), CASES[name][0](views.flip(0)))


def test_predictions_and_targets_may_change_places_together() -> None:
    views = torch.from_numpy(views_of("byol, simsiam", 4))
    torch.testing.assert_close(predicted(views), predicted(views[[1, 0, 3, 2]]))


@pytest.mark.parametrize("name", ["tico", "vicreg-tico", "moco"])
def test_these_objectives_know_which_view_is_first(name: str) -> None:
    views = torch.from_numpy(views_of(name, 4))
    assert not torch.allclose(CASES[name][0](views), CASES[name][0](views.flip(0)), rtol=1e-6)


@every_case
def test_the_order_of_images_does_not_matter(name: str) -> None:
    views = torch.from_numpy(views_of(name, 5))
    torch.testing.assert_close(CASES[name][0](views), CASES[name][0](views[:, torch.randperm(BATCH)]))


def test_conventions_of_vicreg_differ_by_their_factors() -> None:
    first, second = torch.randn(2, 6, 5, dtype=torch.float64)
    found = {
        name: vicreg_terms(0.3 * first, 0.3 * second, eps=EPS, convention=name)
        for name in ("coursework", "paper", "official")
    }
    assert found["paper"]["invariance"] == pytest.approx(5 * found["coursework"]["invariance"].item())
    assert found["coursework"]["variance"] == pytest.approx(2 * found["official"]["variance"].item())
    assert (
        found["paper"]["covariance"] == found["coursework"]["covariance"] == found["official"]["covariance"]
    )


@pytest.mark.parametrize("count", [2, 3, 5])
def test_whitened_covariance_is_the_identity(count: int) -> None:
    mixing = torch.randn(16, 16)
    white = whiten((torch.randn(count, 40, 16) @ mixing + 3).flatten(0, 1))
    assert white.dtype == torch.float32
    torch.testing.assert_close(torch.cov(white.T), torch.eye(16), rtol=0, atol=1e-5)
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(16), rtol=0, atol=1e-5)


def test_ticos_matrix_carries_no_gradient_and_is_updated_first() -> None:
    z = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    found, updated = tico_terms(z, z.detach(), torch.zeros(3, 3, dtype=torch.float64), decay=DECAY)
    assert not updated.requires_grad
    assert found["contrast"].item() > 0  # an old, empty matrix would give 0
    unit = functional.normalize(z.detach(), dim=-1)
    torch.testing.assert_close(updated, 0.1 * unit.T @ unit / 6)


# --- Broken copies ---------------------------------------------------------------------------------


def with_diagonal(z: Tensor) -> Tensor:
    covariance = torch.cov(z.T)
    return covariance.square().sum() / z.shape[1]


def broken_vicreg(z: Tensor) -> Tensor:
    found = vicreg_terms(z[0], z[1], eps=EPS, convention="coursework")
    return 25 * found["invariance"] + 25 * found["variance"] + with_diagonal(z[0]) + with_diagonal(z[1])


def broken_barlow(z: Tensor) -> Tensor:
    c = standardised(z[0]).T @ standardised(z[1]) / z.shape[1]
    return (1 - c).square().diagonal().sum() + 0.005 * (1 - c).square().sum()


def uncentred(z: Tensor) -> Tensor:
    flat = z.flatten(0, 1)
    factor = torch.linalg.cholesky(flat.T @ flat / (len(flat) - 1))
    white = torch.linalg.solve_triangular(factor, flat.T, upper=False).T.unflatten(0, z.shape[:2])
    unit = functional.normalize(white, dim=-1)
    return (unit[0] - unit[1]).square().sum(dim=-1).mean()


def attached_tico(z: Tensor) -> Tensor:
    first, second = functional.normalize(z[0], dim=-1), functional.normalize(z[1], dim=-1)
    matrix = DECAY * torch.from_numpy(MEMORY) + (1 - DECAY) * first.T @ first / len(first)
    return -(first * second).sum(-1).mean() + RHO * along_moments(first, matrix)


def stale_tico(z: Tensor) -> Tensor:
    first, second = functional.normalize(z[0], dim=-1), functional.normalize(z[1], dim=-1)
    return -(first * second).sum(-1).mean() + RHO * along_moments(first, torch.from_numpy(MEMORY))


def attached_hybrid(z: Tensor) -> Tensor:
    matrix = DECAY * torch.from_numpy(MEMORY) + (1 - DECAY) * z[0].T @ z[0] / BATCH
    hinge = (terms.variance_hinge(z[0], eps=EPS) + terms.variance_hinge(z[1], eps=EPS)) / 2
    return 20 * terms.squared_distance(z[0], z[1]) / WIDTH + 25 * hinge + along_moments(z[0], matrix)


def attached_moco(z: Tensor) -> Tensor:
    query, key = functional.normalize(z[0], dim=-1), functional.normalize(z[1], dim=-1)
    logits = torch.cat([(query * key).sum(-1, keepdim=True), query @ torch.from_numpy(NEGATIVES).T], dim=1)
    return functional.cross_entropy(logits / TAU, torch.zeros(len(query), dtype=torch.int64))


def unnormalised_moco(z: Tensor) -> Tensor:
    query, key = functional.normalize(z[0], dim=-1), z[1].detach()
    logits = torch.cat([(query * key).sum(-1, keepdim=True), query @ torch.from_numpy(NEGATIVES).T], dim=1)
    return functional.cross_entropy(logits / TAU, torch.zeros(len(query), dtype=torch.int64))


def attached_prediction(z: Tensor) -> Tensor:
    pairs = [(z[0], z[3]), (z[1], z[2])]
    return torch.stack([functional.cosine_similarity(a, b, dim=-1).mean() for a, b in pairs]).mean()


BROKEN: list[tuple[str, str, Loss]] = [
    ("vicreg, coursework", "the diagonal counts too", broken_vicreg),
    ("vicreg, paper", "another convention", vicreg("coursework")),
    ("vicreg, official", "another convention", vicreg("coursework")),
    ("barlow-twins", "1 - C off the diagonal", broken_barlow),
    ("w-mse, 2 views", "not centred", uncentred),
    ("w-mse, 3 views", "one pair of three", uncentred),
    ("tico", "C with gradient", attached_tico),
    ("tico", "C before its update", stale_tico),
    ("vicreg-tico", "C with gradient", attached_hybrid),
    ("moco", "keys with gradient", attached_moco),
    ("moco", "keys of any length", unnormalised_moco),
    ("byol, simsiam", "targets with gradient", attached_prediction),
]


def flipped(loss: Loss) -> Loss:
    return lambda z: -loss(z)


SIGNS = [(name, "sign", flipped(case[0])) for name, case in CASES.items()]


@pytest.mark.parametrize(("name", "what", "loss"), BROKEN + SIGNS, ids=lambda value: str(value)[:30])
def test_a_broken_copy_is_noticed(name: str, what: str, loss: Loss) -> None:
    value, gradient = errors(loss, CASES[name][1], views_of(name, 0))
    assert max(value, gradient) > 1e-3, what


# --- Against lightly -------------------------------------------------------------------------------


@pytest.fixture
def lightly() -> Any:
    return pytest.importorskip("lightly.loss", reason="lightly is not installed (it is only a cross-check)")


def pair(seed: int = 0) -> tuple[Tensor, Tensor]:
    first, second = np.random.default_rng(seed).normal(size=(2, 16, 6))
    return torch.from_numpy(first), torch.from_numpy(second)


def test_vicreg_official_is_lightlys(lightly: Any) -> None:
    first, second = pair()
    ours = weighted(
        vicreg_terms(first, second, eps=EPS, convention="official"), invariance=25, variance=25, covariance=1
    )
    theirs = lightly.VICRegLoss(lambda_param=25, mu_param=25, nu_param=1, eps=EPS)(first, second)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-9, atol=0)


def test_barlow_twins_is_lightlys(lightly: Any) -> None:
    first, second = pair()
    ours = weighted(barlow_terms(first, second), invariance=1, redundancy=0.005)
    theirs = lightly.BarlowTwinsLoss(lambda_param=0.005)(first, second)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-9, atol=0)


def test_tico_is_lightlys_less_one(lightly: Any) -> None:
    first, second = pair()
    module = lightly.TiCoLoss(beta=DECAY, rho=RHO)
    memory = torch.zeros(6, 6, dtype=torch.float64)
    for _ in range(3):
        found, memory = tico_terms(first, second, memory, decay=DECAY)
        theirs = module(first, second)
        first, second = second, first
    torch.testing.assert_close(weighted(found, invariance=1, contrast=RHO).double() + 1, theirs)


def test_nt_xent_is_lightlys(lightly: Any) -> None:
    first, second = pair()
    torch.testing.assert_close(
        nt_xent(first, second, 0.3), lightly.NTXentLoss(temperature=0.3)(first, second)
    )


def test_simsiams_cosine_is_lightlys(lightly: Any) -> None:
    predictions, targets = torch.stack(pair(0)), torch.stack(pair(1))
    criterion = lightly.NegativeCosineSimilarity()
    theirs = 0.5 * (criterion(predictions[0], targets[1]) + criterion(predictions[1], targets[0]))
    torch.testing.assert_close(-cosine_of_others(predictions, targets), theirs)


def test_nt_xent_is_also_the_slow_loops() -> None:
    first, second = pair(2)
    slow = simclr_reference.nt_xent(first.numpy(), second.numpy(), 0.3)
    assert nt_xent(first, second, 0.3).item() == pytest.approx(slow, rel=1e-10)
