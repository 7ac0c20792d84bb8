# SPDX-License-Identifier: Apache-2.0
"""Do images move as they are told: against shifts and turns of arrays, and within the limits."""

import math

import pytest
import torch

from analysis.activation_maximisation.transforms import Motion, move
from dynamics.streams import generator

FILL = torch.tensor([0.1, 0.2, 0.3])


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(3, 3, 9, 9, generator=generator(0, "control"))


def maps(matrix: list[list[float]]) -> torch.Tensor:
    return torch.tensor([matrix], dtype=torch.float32).expand(3, 2, 3)


def test_no_motion_changes_nothing(images: torch.Tensor) -> None:
    still = Motion(shift=0.0, degrees=0.0, scale=0.0).draw(3, 9, generator=generator(1, "control"))
    torch.testing.assert_close(move(images, still, fill=FILL), images)


def test_a_shift_of_one_pixel_fills_the_edge(images: torch.Tensor) -> None:
    moved = move(images, maps([[1, 0, 2 / 9], [0, 1, 0]]), fill=FILL)
    torch.testing.assert_close(moved[..., :-1], images[..., 1:])
    torch.testing.assert_close(moved[..., -1], FILL.view(1, 3, 1).expand(3, 3, 9))


def test_a_quarter_turn(images: torch.Tensor) -> None:
    moved = move(images, maps([[0, -1, 0], [1, 0, 0]]), fill=FILL)
    torch.testing.assert_close(moved, torch.rot90(images, 1, dims=(2, 3)), atol=1e-5, rtol=0)


def test_motions_stay_within_their_limits() -> None:
    drawn = Motion(shift=2.0, degrees=5.0, scale=0.05).draw(4000, 32, generator=generator(2, "control"))
    angle = torch.atan2(drawn[:, 1, 0], drawn[:, 0, 0]) * 180 / math.pi
    factor = 1 / torch.linalg.det(drawn[:, :, :2]).sqrt()
    shift = drawn[:, :, 2] * 32 / 2
    for values, limit in ((angle, 5), (factor - 1, 0.05), (shift, 2)):
        assert float(values.abs().max()) <= limit * 1.0001
        assert float(values.max()) > 0.98 * limit and float(values.min()) < -0.98 * limit
        assert abs(float(values.mean())) < 4 * limit / 3**0.5 / 4000**0.5
    assert torch.equal(drawn, Motion(shift=2.0).draw(4000, 32, generator=generator(2, "control")))
