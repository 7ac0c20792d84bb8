"""Is what W-MSE whitens white, for any number of views?"""

import pytest
import torch

from dynamics.errors import UserError
from dynamics.methods.w_mse import whiten, whitened_distance
from dynamics.streams import generator
from tests.dynamics.contract import batch, build


def correlated(count: int, d: int, *, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    stream = generator(0, "control")
    mix = torch.randn(d, d, generator=stream, dtype=torch.float64)
    return (torch.randn(count, d, generator=stream, dtype=torch.float64) @ mix + 3).to(dtype)


@pytest.mark.parametrize(("count", "d"), [(20, 4), (100, 16), (512, 64)])
def test_covariance_is_the_identity(count: int, d: int) -> None:
    white = whiten(correlated(count, d))
    assert white.dtype == torch.float32
    error = (white.double().T.cov() - torch.eye(d)).abs().max().item()
    assert error < 1e-5
    assert white.double().mean(dim=0).abs().max().item() < 1e-5


def test_a_shrunken_covariance_is_only_nearly_white() -> None:
    covariance = whiten(correlated(100, 8), eps=0.1).double().T.cov()
    assert 0.01 < (covariance - torch.eye(8)).abs().max().item() < 1


@pytest.mark.parametrize("views", [2, 3, 4, 5])
def test_any_number_of_views(views: int) -> None:
    """Independent views are 2 apart on average; views that agree are at 0, whatever their number."""
    embeddings = torch.randn(views, 500, 6, generator=generator(1, "control"))
    assert whitened_distance(embeddings).item() == pytest.approx(2, abs=0.1)
    assert whitened_distance(embeddings[:1].repeat(views, 1, 1)).item() == pytest.approx(0, abs=1e-9)
    method = build("w-mse", num_views=views)
    data = batch(method)
    assert data[0].shape[0] == views
    assert 0 <= method.loss(*data)["loss"].item() <= 4


def test_order_of_the_views_does_not_matter() -> None:
    embeddings = torch.randn(4, 20, 5, generator=generator(2, "control"), dtype=torch.float64)
    torch.testing.assert_close(whitened_distance(embeddings), whitened_distance(embeddings[[2, 0, 3, 1]]))


def test_affine_maps_do_not_change_the_norms_of_what_is_white() -> None:
    """Mahalanobis lengths are invariant; so are the distances before the projection."""
    z = correlated(40, 5, dtype=torch.float64)
    matrix = torch.randn(5, 5, generator=generator(3, "control"), dtype=torch.float64)
    torch.testing.assert_close(whiten(z).norm(dim=1), whiten(z @ matrix - 7).norm(dim=1))


@pytest.mark.parametrize("views", [0, 1])
def test_too_few_views_are_refused(views: int) -> None:
    with pytest.raises(UserError, match="num_views must be >= 2"):
        build("w-mse", num_views=views)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0, 3])
def test_a_singular_covariance_is_never_finite(dtype: torch.dtype, offset: int) -> None:
    """A singular matrix is told by a loss that is no number, never by a wrong one: of 300 batches, 275 had one."""
    stream = generator(4, "control")
    assert not whitened_distance(torch.ones(2, 4, 12)).isfinite()
    for _ in range(100):
        few = torch.randn(2, 4, 12, generator=stream, dtype=dtype) + offset  # rank 7 of 12
        assert not whitened_distance(few).isfinite()
        narrow = torch.randn(2, 32, 20, generator=stream, dtype=dtype).relu() + offset
        widened = narrow @ torch.randn(20, 24, generator=stream, dtype=dtype)
        assert not whitened_distance(widened).isfinite()
        assert whitened_distance(widened, eps=1e-4).isfinite()
        enough = torch.randn(2, 7, 12, generator=stream, dtype=dtype) + offset
        assert whitened_distance(enough).isfinite()


@pytest.mark.parametrize("projector", [(20, 24), (8, 24), (24,)])
def test_a_projector_that_widens_at_its_end_is_refused(projector: tuple[int, ...]) -> None:
    """It ended "done" at rank 20, or was said to need a lower learning rate. (The encoder has 16 features.)"""
    with pytest.raises(UserError, match=r"projector must end with at most (20|8|16) outputs.*got 24"):
        build("w-mse", projector=projector, batch_size=64, whitening_eps=0.0)
    build("w-mse", projector=projector, batch_size=64, whitening_eps=1e-4)
