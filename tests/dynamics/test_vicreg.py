"""How are VICReg's three conventions related, and what do its terms say of known embeddings?"""

import pytest
import torch

from dynamics.methods.terms import squared_covariance, variance_hinge
from dynamics.methods.vicreg import vicreg_terms
from dynamics.streams import generator


def views(scale: float = 0.3) -> torch.Tensor:
    return scale * torch.randn(2, 9, 5, generator=generator(0, "control"), dtype=torch.float64)


def test_conventions_differ_by_their_factors_alone() -> None:
    coursework, paper, official = (
        vicreg_terms(*views(), eps=1e-4, convention=name) for name in ("coursework", "paper", "official")
    )
    assert coursework["variance"] > 0
    torch.testing.assert_close(paper["invariance"], 5 * coursework["invariance"])
    torch.testing.assert_close(official["invariance"], coursework["invariance"])
    torch.testing.assert_close(paper["variance"], coursework["variance"])
    torch.testing.assert_close(coursework["variance"], 2 * official["variance"])
    assert coursework["covariance"] == paper["covariance"] == official["covariance"]


def test_a_point_has_the_largest_hinge_and_no_covariance() -> None:
    point = torch.ones(6, 4)
    assert variance_hinge(point, eps=0.0).item() == 1
    assert squared_covariance(point).item() == 0


def test_wide_dimensions_have_no_hinge() -> None:
    assert variance_hinge(views(30.0)[0]).item() == 0


def test_two_equal_dimensions_of_variance_1_have_covariance_1() -> None:
    column = torch.tensor([[-1.0], [0.0], [1.0]])
    assert squared_covariance(column.repeat(1, 2)).item() == pytest.approx(1)  # (1 + 1) / d
    assert variance_hinge(column, eps=0.0).item() == pytest.approx(0)


def test_without_epsilon_the_gradient_at_a_point_is_not_finite() -> None:
    """As the recipe warns of the coursework's standard deviation."""
    for eps, finite in ((1e-4, True), (0.0, False)):
        point = torch.ones(6, 4, requires_grad=True)
        variance_hinge(point, eps=eps).backward()
        assert point.grad is not None
        assert bool(point.grad.isfinite().all()) == finite
