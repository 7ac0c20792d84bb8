# SPDX-License-Identifier: Apache-2.0
"""Both ways of ascent on units whose best image is known, and the thesis's against a plain loop."""

import numpy as np
import torch

from analysis.activation_maximisation import ascent
from analysis.activation_maximisation.parametrisation import Colours
from analysis.activation_maximisation.transforms import Motion
from dynamics.streams import generator
from tests.references import pixel_ascent

CPU = torch.device("cpu")
STILL = Motion(shift=0.0, degrees=0.0, scale=0.0)
COLOURS = Colours(torch.zeros(3), torch.eye(3))


def templates(count: int, size: int) -> torch.Tensor:
    patterns = torch.randn(count, 3, size, size, generator=generator(0, "control"))
    return patterns - patterns.mean(dim=(1, 2, 3), keepdim=True)


class Matched:
    """Units that compare an image with a template of their own, minus a threshold."""

    def __init__(self, patterns: torch.Tensor, thresholds: list[float]) -> None:
        self.patterns, self.thresholds = patterns, torch.tensor(thresholds)
        self.calls = 0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return (images * self.patterns).sum(dim=(1, 2, 3)) - self.thresholds


def robust(values: Matched, *, steps: int = 200, motion: Motion = STILL) -> ascent.Found:
    return ascent.robust(
        values,
        count=3,
        size=6,
        colours=COLOURS,
        motion=motion,
        steps=steps,
        generator=generator(1, "control"),
    )


def test_robust_finds_the_template() -> None:
    patterns = templates(3, 6)
    found = robust(Matched(patterns, [0, 0, 0]))
    for image, pattern in zip(found.images, patterns, strict=True):
        assert np.corrcoef(image.flatten(), pattern.flatten())[0, 1] > 0.9
    assert not found.dead.any()
    torch.testing.assert_close(found.activation, (found.images * patterns).sum(dim=(1, 2, 3)))


def test_more_steps_lead_further_and_a_seed_repeats() -> None:
    patterns, moving = templates(3, 6), Motion(shift=0.5)
    few, many, again = (
        robust(Matched(patterns, [0, 0, 0]), steps=steps, motion=moving) for steps in (1, 60, 60)
    )
    assert (many.activation > few.activation).all()
    assert torch.equal(many.images, again.images)


def test_only_a_unit_that_no_image_reaches_is_dead() -> None:
    found = robust(Matched(templates(3, 6), [0, 1e4, 5]))
    assert found.dead.tolist() == [False, True, False]
    assert found.activation[1] == 0


def test_the_thesis_against_a_plain_loop() -> None:
    patterns = templates(3, 5)
    thresholds = [-0.5, -20.0, -2.0]
    found = ascent.thesis(
        Matched(patterns, thresholds),
        count=3,
        size=5,
        steps=30,
        generator=generator(1, "control"),
        device=CPU,
    )
    starts, _ = ascent._active_starts(
        Matched(patterns, thresholds), 3, 5, generator=generator(1, "control"), device=CPU
    )
    for tile, (start, threshold) in enumerate(zip(starts.numpy(), thresholds, strict=True)):
        pattern = patterns[tile].double().numpy()

        def gradient(
            x: np.ndarray, pattern: np.ndarray = pattern, threshold: float = threshold
        ) -> np.ndarray:
            return pattern * ((x * pattern).sum() - threshold > 0)

        x = pixel_ascent.ascend(start, gradient, steps=30)
        np.testing.assert_allclose(found.images[tile], pixel_ascent.shown(x), atol=2e-5)
        np.testing.assert_allclose(found.activation[tile], max((x * pattern).sum() - threshold, 0), rtol=1e-4)
    assert not found.dead.any()


def test_starts_are_uniform_and_redrawn_only_for_silent_units() -> None:
    values = Matched(
        torch.ones(3, 3, 2, 2), [0, 7.0, 100]
    )  # sums of 12 uniform numbers: always, seldom, never
    starts, silent = ascent._active_starts(values, 3, 2, generator=generator(2, "control"), device=CPU)
    assert values.calls == ascent.REDRAWS
    assert silent.tolist() == [False, False, True]
    assert starts.min() >= 0 and starts.max() < 1
    assert starts[1].sum() > 7
    first = torch.rand(3, 3, 2, 2, generator=generator(2, "control"))
    assert torch.equal(starts[0], first[0])
    assert not torch.equal(starts[1], first[1])


def test_a_dead_unit_keeps_its_start_in_the_thesis() -> None:
    values = Matched(torch.ones(3, 3, 2, 2), [0, 7.0, 100])
    found = ascent.thesis(values, count=3, size=2, steps=5, generator=generator(2, "control"), device=CPU)
    starts, _ = ascent._active_starts(values, 3, 2, generator=generator(2, "control"), device=CPU)
    torch.testing.assert_close(found.images[2], ascent.displayed(starts[2:])[0])
    assert found.dead.tolist() == [False, False, True]


def test_an_image_of_one_value_is_shown_grey() -> None:
    assert (ascent.displayed(torch.full((2, 3, 4, 4), 0.25)) == 0.5).all()
