"""Losses and their gradients against loops and complex steps, by finite differences, and under exchange of views."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dynamics import methods
from tests.dynamics.losses import LOSSES, errors

every_loss = pytest.mark.parametrize("name", LOSSES)


@every_loss
@given(
    images=st.integers(3, 7),
    d=st.integers(2, 4),
    exponent=st.floats(-1, 1),
    seed=st.integers(0, 10**6),
)
@settings(deadline=None, max_examples=15, derandomize=True)
def test_value_and_gradient_equal_the_slow_reference(
    name: str, images: int, d: int, exponent: float, seed: int
) -> None:
    value, gradient = errors(name, np.random.default_rng(seed), images=images, d=d, scale=10**exponent)
    assert value < 1e-10
    assert gradient < 1e-10


@every_loss
def test_gradcheck(name: str, rng: np.random.Generator) -> None:
    z, constants = LOSSES[name].draw(rng, 5, 3, 1.0)
    others = [torch.from_numpy(constant) for constant in constants]
    if name in ("tico", "vicreg-tico", "byol", "simsiam", "moco"):
        # Finite differences move what is held constant, too; complex steps do not (the test above).
        assert held_constant(name, torch.from_numpy(z), others)
        return
    leaf = torch.from_numpy(z).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: LOSSES[name].ours(x, *others), (leaf,))


def held_constant(name: str, z: Tensor, others: list[Tensor]) -> bool:
    """Check the parts that are not held constant, one view at a time, where there are such."""
    free = {"tico": [1], "vicreg-tico": [1], "byol": [0, 1], "simsiam": [0, 1], "moco": [0]}[name]

    def loss(*moving: Tensor) -> Tensor:
        parts = list(z)
        for view, value in zip(free, moving, strict=True):
            parts[view] = value
        return LOSSES[name].ours(torch.stack(parts), *others)

    return torch.autograd.gradcheck(loss, tuple(z[view].clone().requires_grad_() for view in free))


SYMMETRIC = {
    "simclr": True,
    "vicreg (coursework)": True,
    "vicreg (paper)": True,
    "vicreg (official)": True,
    "barlow-twins": True,
    "w-mse (2 views)": True,
    "w-mse (4 views)": True,
    "w-mse (eps)": True,
    "byol": True,
    "simsiam": True,
    "tico": False,  # the matrix is that of the first view
    "vicreg-tico": False,  # the same
    "moco": False,  # queries are the first view, keys the second
}


def test_every_method_of_views_has_a_loss_here() -> None:
    compared = {name.partition(" ")[0] for name in LOSSES}
    shipped = {"simclr", "vicreg", "barlow-twins", "w-mse", "tico", "vicreg-tico", "byol", "simsiam", "moco"}
    assert compared == shipped <= set(methods.names())
    assert SYMMETRIC.keys() == LOSSES.keys()


@every_loss
def test_exchange_of_views(name: str, rng: np.random.Generator) -> None:
    z, constants = LOSSES[name].draw(rng, 6, 3, 1.0)
    swapped = z[[1, 0, 3, 2]] if len(z) == 4 else z[[1, 0]]
    others = [torch.from_numpy(constant) for constant in constants]
    one, other = (LOSSES[name].ours(torch.from_numpy(views), *others).item() for views in (z, swapped))
    assert (abs(one - other) < 1e-12 * abs(one)) == SYMMETRIC[name]
