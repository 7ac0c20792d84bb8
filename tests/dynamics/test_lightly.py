"""The losses against those of lightly, an implementation by others; each test states the factor between them.

None of lightly's is broken in 1.6: WMSELoss, which no version from August 2024 to 2026 could construct, can be.
"""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from dynamics.methods import barlow_twins, moco, simclr, tico, vicreg, w_mse
from dynamics.methods.terms import cosine_of_others

lightly = pytest.importorskip("lightly.loss", reason="lightly is not installed")


@pytest.fixture
def views(rng: np.random.Generator) -> Tensor:
    shared, own = rng.normal(size=(20, 6)), rng.normal(size=(2, 20, 6))
    return torch.from_numpy((shared + 0.7 * own) @ rng.normal(size=(6, 6)))


def same(ours: Tensor, theirs: Tensor, leaf: Tensor) -> None:
    """Compare values, and gradients by the embeddings."""
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-10)
    mine, its = (torch.autograd.grad(loss, leaf, retain_graph=True)[0] for loss in (ours, theirs))
    torch.testing.assert_close(mine, its, rtol=1e-9, atol=1e-11)


def weighted(terms: dict[str, Tensor]) -> Tensor:
    return 25 * terms["invariance"] + 25 * terms["variance"] + terms["covariance"]


def test_vicreg_is_the_official_convention(views: Tensor) -> None:
    leaf = views.requires_grad_()
    ours = weighted(vicreg.vicreg_terms(*leaf, eps=1e-4, convention="official"))
    same(ours, lightly.VICRegLoss()(*leaf), leaf)


def test_the_courseworks_25_25_1_is_lightlys_25_50_1(views: Tensor) -> None:
    leaf = (0.3 * views).requires_grad_()  # standard deviations below 1: the hinge is open
    ours = weighted(vicreg.vicreg_terms(*leaf, eps=1e-4, convention="coursework"))
    same(ours, lightly.VICRegLoss(mu_param=50.0)(*leaf), leaf)


def test_the_papers_25_25_1_is_lightlys_25d_50_1(views: Tensor) -> None:
    leaf = (0.3 * views).requires_grad_()
    ours = weighted(vicreg.vicreg_terms(*leaf, eps=1e-4, convention="paper"))
    same(ours, lightly.VICRegLoss(lambda_param=25.0 * 6, mu_param=50.0)(*leaf), leaf)


def test_barlow_twins(views: Tensor) -> None:
    leaf = views.requires_grad_()
    terms = barlow_twins.barlow_terms(*leaf)
    same(terms["invariance"] + 0.005 * terms["redundancy"], lightly.BarlowTwinsLoss()(*leaf), leaf)


def test_tico_is_lightlys_less_1(views: Tensor) -> None:
    """Over three steps, so that the matrix is remembered."""
    theirs, moments = lightly.TiCoLoss(beta=0.9, rho=8.0), torch.zeros(6, 6, dtype=torch.float64)
    for shift in range(3):
        leaf = (views + shift).requires_grad_()
        terms, moments = tico.tico_terms(*leaf, moments, decay=0.9)
        same(terms["invariance"] + 1 + 8 * terms["contrast"], theirs(*leaf), leaf)
        torch.testing.assert_close(moments, theirs.C)


def test_w_mse(views: Tensor) -> None:
    """Lightly, like the authors' code, whitens each view by itself; here all are whitened together, as eq. 3 says.

    So the losses differ, and are compared by the layer: view by view, then on all views at once.
    """
    from lightly.loss.wmse_loss import Whitening2d, norm_mse_loss

    leaf = views.requires_grad_()
    layer = Whitening2d(num_features=6, track_running_stats=False)
    white = [layer(view) for view in leaf]
    ours = [w_mse.whiten(view) for view in leaf]
    for one, other in zip(ours, white, strict=True):
        torch.testing.assert_close(one, other)
    distance = (normalize(ours[0], dim=-1) - normalize(ours[1], dim=-1)).square().sum(dim=-1).mean()
    same(distance, norm_mse_loss(*white), leaf)
    # Whitened together, as the paper's eq. 3 and the coursework have it: its layer on all views at once.
    same(w_mse.whitened_distance(leaf), norm_mse_loss(*layer(leaf.flatten(0, 1)).chunk(2)), leaf)


def test_lightlys_w_mse_can_be_constructed_and_is_the_distance_of_views_whitened_apart(views: Tensor) -> None:
    """With parts as large as the batch; parts of it would be drawn at random."""
    criterion = lightly.WMSELoss(embedding_dim=6, w_size=20, num_samples=2, track_running_stats=False)
    apart = [normalize(w_mse.whiten(view), dim=-1) for view in views]
    ours = (apart[0] - apart[1]).square().sum(dim=-1).mean().item()
    assert criterion(views.flatten(0, 1)).item() == pytest.approx(ours, rel=1e-10)
    assert w_mse.whitened_distance(views).item() != pytest.approx(ours, rel=1e-3)


def test_simsiam(views: Tensor) -> None:
    leaf, criterion = views.requires_grad_(), lightly.NegativeCosineSimilarity()
    targets = torch.flip(views.detach(), dims=[2])
    theirs = (criterion(leaf[0], targets[1]) + criterion(leaf[1], targets[0])) / 2
    same(-cosine_of_others(leaf, targets), theirs, leaf)


def test_byol_is_four_times_lightlys_and_4(views: Tensor) -> None:
    """Lightly's examples add up the negative cosines; the paper's squared distances are 2 more and twice as large."""
    leaf, criterion = views.requires_grad_(), lightly.NegativeCosineSimilarity()
    targets = torch.flip(views.detach(), dims=[2])
    theirs = (criterion(leaf[0], targets[1]) + criterion(leaf[1], targets[0])) / 2
    same(4 - 4 * cosine_of_others(leaf, targets), 4 + 4 * theirs, leaf)


def test_simclr(views: Tensor) -> None:
    leaf = views.requires_grad_()
    same(simclr.nt_xent(*leaf, 0.2), lightly.NTXentLoss(temperature=0.2)(*leaf), leaf)


def test_moco_is_lightlys_with_a_memory_bank(views: Tensor) -> None:
    theirs = lightly.NTXentLoss(temperature=0.2, memory_bank_size=(40, 6)).double()
    queue = theirs.memory_bank.bank.clone()
    queries = views[0].clone().requires_grad_()
    ours = moco.info_nce(queries, views[1], queue, 0.2)
    same(ours, theirs(queries, views[1]), queries)
    torch.testing.assert_close(theirs.memory_bank.bank[:20], normalize(views[1], dim=-1))


def test_lightlys_memory_bank_drops_keys_at_its_end_and_ours_wraps_around(views: Tensor) -> None:
    """A bank of 30 and batches of 20: of the second batch lightly keeps 10 keys, and begins anew."""
    theirs = lightly.NTXentLoss(temperature=0.2, memory_bank_size=(30, 6)).double()
    queries = views[0].clone().requires_grad_()
    for shift in range(2):
        theirs(queries, views[1] + shift)
    second = normalize(views[1] + 1, dim=-1)
    torch.testing.assert_close(theirs.memory_bank.bank[20:], second[:10])
    assert theirs.memory_bank.bank_ptr.item() == 0
    assert not torch.isclose(theirs.memory_bank.bank[:10], second[10:]).all(dim=1).any()
