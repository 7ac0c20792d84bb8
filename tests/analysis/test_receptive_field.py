# SPDX-License-Identifier: Apache-2.0
"""Receptive fields by formula against those that gradients show, and canvases that fit them."""

import pytest
import torch

from analysis.activation_maximisation.receptive_field import (
    THESIS_SIZES,
    Canvas,
    choose_canvas,
    default_kind,
    receptive_fields,
)
from analysis.activation_maximisation.units import Objective, Units
from dynamics.encoders.resnet18 import Encoder as ResNet18

FIELDS = receptive_fields(ResNet18(2))


def all_active(width: int = 2) -> ResNet18:
    """An encoder without a silent unit, so that every path from the image has a gradient."""
    encoder = ResNet18(width).double().eval().requires_grad_(requires_grad=False)
    for name, parameter in encoder.named_parameters():
        if parameter.dim() == 4:
            parameter.fill_(1 / parameter[0].numel())
        assert parameter.dim() == 4 or "bn" in name or "shortcut" in name
    return encoder


def seen_by(block: int, objective: Objective, size: int) -> torch.Tensor:
    """Which pixels of an image have a gradient."""
    image = torch.ones(1, 3, size, size, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(objective(image).sum(), image)
    return gradient[0, 0] > 0


def unit_of(block: int) -> Units:
    return Units((0,) * (block - 1) + (1,), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize(("block", "size"), [(1, 11), (2, 25), (3, 53), (4, 109)])
def test_the_true_receptive_fields(block: int, size: int) -> None:
    objective = Objective(encoder=all_active(), units=unit_of(block))
    seen = seen_by(block, objective, 144)
    rows, columns = (torch.nonzero(seen.any(dim=axis)).flatten() for axis in (1, 0))
    for places in (rows, columns):
        assert int(places[-1] - places[0]) + 1 == len(places) == size
        centre = int(places[0] + places[-1]) // 2
        assert centre == 144 // FIELDS[block - 1].stride // 2 * FIELDS[block - 1].stride
    assert int(seen.sum()) == size * size
    assert FIELDS[block - 1].size == size


@pytest.mark.parametrize("block", [1, 2, 3, 4])
def test_a_canvas_is_exactly_what_the_unit_sees(block: int) -> None:
    canvas = choose_canvas("receptive-field", FIELDS[block - 1], block=block, image_size=32)
    assert canvas.size == FIELDS[block - 1].size
    objective = Objective(encoder=all_active(), units=unit_of(block), margin=canvas.margin)
    assert seen_by(block, objective, canvas.size).all()
    without = Objective(encoder=all_active(), units=unit_of(block))
    bordered = torch.nn.functional.pad(
        torch.ones(1, 3, canvas.size, canvas.size), (canvas.margin, 0) * 2, value=7
    )
    plain = torch.ones(1, 3, canvas.size, canvas.size).double()
    torch.testing.assert_close(without(bordered.double()), objective(plain))  # nothing sees the margin


def test_other_canvases() -> None:
    def sizes(kind, image_size):
        return [
            choose_canvas(kind, field, block=block, image_size=image_size)
            for block, field in enumerate(FIELDS, start=1)
        ]

    assert sizes("image", 32) == [Canvas(11, 0), Canvas(25, 0), Canvas(32, 0), Canvas(32, 0)]
    assert sizes("image", 8) == [Canvas(8, 0)] * 4
    assert sizes("receptive-field", 8) == [Canvas(11, 0), Canvas(25, 0), Canvas(32, 0), Canvas(32, 0)]
    assert sizes("thesis", 32) == [Canvas(size, 0) for size in THESIS_SIZES]
    assert default_kind(FIELDS, 32) == "receptive-field"
    assert default_kind(FIELDS, 8) == "image"
