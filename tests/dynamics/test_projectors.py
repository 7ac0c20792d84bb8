"""Has a projector the layers that its widths say?"""

import pytest
import torch
from torch import nn

from dynamics.methods.views import mlp


def kinds(module: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in module.modules() if not list(layer.children())]


def test_the_courseworks_projector() -> None:
    """Three layers of 1024, batch norm after each."""
    projector = mlp(512, (1024, 1024, 1024), norm_last=True)
    assert kinds(projector) == ["Linear", "BatchNorm1d", "ReLU"] * 2 + ["Linear", "BatchNorm1d"]
    layers = [layer for layer in projector.modules() if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [
        (512, 1024),
        (1024, 1024),
        (1024, 1024),
    ]


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_what_follows_the_last_layer(norm: bool, bias: bool) -> None:
    projector = mlp(6, (5, 4), norm_last=norm, bias_last=bias)
    assert kinds(projector) == ["Linear", "BatchNorm1d", "ReLU", "Linear"] + ["BatchNorm1d"] * norm
    last = [layer for layer in projector.modules() if isinstance(layer, nn.Linear)][-1]
    assert (last.bias is not None) == (bias and not norm)  # batch norm would take it away
    assert projector(torch.rand(3, 6)).shape == (3, 4)


def test_no_widths_are_the_identity() -> None:
    features = torch.rand(3, 6)
    assert torch.equal(mlp(6, (), norm_last=False)(features), features)
