# SPDX-License-Identifier: Apache-2.0
"""Random views have the distribution of torchvision's: each parameter, and what the eye sees of them.

The seeds are fixed, so a test either always passes or never; p-values are compared with 0.001.
"""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision import transforms

from dynamics.augment import CropFlipViews, SimCLRViews
from dynamics.augment.simclr import SimCLRDraw

LEAST_P = 0.001
N = 4000
NORMALISATION = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


@pytest.fixture(scope="module", params=[8, 32])
def size(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def draw() -> SimCLRDraw:
    return SimCLRViews().draw(20 * N, 32, generator=torch.Generator().manual_seed(1))


def theirs(count: int, sample: Callable[[], object], seed: int = 0) -> np.ndarray:
    """Repeat one of torchvision's random functions, which read the ambient generator."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return np.array([sample() for _ in range(count)])


def same(ours: Tensor | np.ndarray, reference: np.ndarray) -> bool:
    return stats.ks_2samp(np.asarray(ours), reference).pvalue > LEAST_P


def test_boxes(size: int) -> None:
    image, scale, ratio = torch.zeros(3, size, size), [0.08, 1.0], [3 / 4, 4 / 3]
    get = transforms.RandomResizedCrop.get_params
    reference = theirs(N, lambda: get(image, scale, ratio)).T
    ours = SimCLRViews().draw(N, size, generator=torch.Generator().manual_seed(0)).box.T.double()
    for name, a, b in zip(("top", "left", "height", "width"), ours, reference, strict=True):
        assert same(a, b), name
    assert same(ours[2] * ours[3], reference[2] * reference[3])
    assert same(ours[3] / ours[2], reference[3] / reference[2])
    assert same(ours[0] - ours[1], reference[0] - reference[1])


@pytest.mark.parametrize("ratio", [(1.5, 2.0), (0.4, 0.6), (0.9, 1.1)])
def test_boxes_that_never_fit_are_central(ratio: tuple[float, float]) -> None:
    image, scale = torch.zeros(3, 32, 32), [0.995, 1.0]
    get = transforms.RandomResizedCrop.get_params
    reference = theirs(200, lambda: get(image, scale, list(ratio)))
    views = SimCLRViews(crop_scale_min=scale[0], crop_ratio=ratio)
    ours = views.draw(200, 32, generator=torch.Generator().manual_seed(0)).box.numpy()
    assert {tuple(box) for box in ours} >= {tuple(box) for box in reference}
    if not ratio[0] <= 1 <= ratio[1]:
        assert np.array_equal(ours, reference)


def test_jitter_factors(draw: SimCLRDraw) -> None:
    assert draw.factors is not None
    ours = draw.factors[draw.factors[:, 0] != 1]
    ranges = ([0.2, 1.8], [0.2, 1.8], [0.2, 1.8], [-0.2, 0.2])
    reference = theirs(N, lambda: transforms.ColorJitter.get_params(*ranges)[1:]).astype(float)
    for column, interval in enumerate(ranges):
        low, high = interval
        assert same(ours[:, column], reference[:, column])
        assert stats.kstest(ours[:, column], stats.uniform(low, high - low).cdf).pvalue > LEAST_P


def test_strong_jitter_stops_at_factor_zero() -> None:
    jitter = transforms.ColorJitter(1.6, 1.6, 1.6, 0.4)
    views = SimCLRViews(jitter_strength=2.0, jitter_probability=1.0)
    factors = views.draw(N, 32, generator=torch.Generator().manual_seed(0)).factors
    assert factors is not None
    for column, interval in enumerate((jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)):
        low, high = interval
        assert stats.kstest(factors[:, column], stats.uniform(low, high - low).cdf).pvalue > LEAST_P


def test_all_orders_are_equally_frequent(draw: SimCLRDraw) -> None:
    orders = list(itertools.permutations(range(4)))
    assert draw.order is not None
    code = {order: i for i, order in enumerate(orders)}
    ours = np.bincount([code[tuple(row)] for row in draw.order.tolist()], minlength=24)
    reference = theirs(N, lambda: code[tuple(torch.randperm(4).tolist())])
    assert stats.chisquare(ours).pvalue > LEAST_P
    table = np.stack((ours, np.bincount(reference, minlength=24)))
    assert stats.chi2_contingency(table).pvalue > LEAST_P


def test_operations_happen_as_often_as_asked(draw: SimCLRDraw) -> None:
    assert draw.factors is not None and draw.grey is not None
    unchanged = (draw.factors == torch.tensor([1.0, 1.0, 1.0, 0.0])).all(1)
    for happened, probability in ((draw.flip, 0.5), (~unchanged, 0.8), (draw.grey, 0.2)):
        assert stats.binomtest(int(happened.sum()), len(happened), probability).pvalue > LEAST_P


def test_blurs(draw: SimCLRDraw) -> None:
    assert draw.sigma is not None
    reference = theirs(N, lambda: transforms.GaussianBlur.get_params(0.1, 2.0))
    assert same(draw.sigma, reference)
    assert stats.kstest(draw.sigma, stats.uniform(0.1, 1.9).cdf).pvalue > LEAST_P


def test_parameters_do_not_depend_on_each_other(draw: SimCLRDraw) -> None:
    assert draw.factors is not None and draw.order is not None
    assert draw.grey is not None and draw.sigma is not None
    jittered = draw[draw.factors[:, 0] != 1]
    assert jittered.factors is not None and jittered.order is not None
    assert jittered.grey is not None and jittered.sigma is not None
    area, ratio = jittered.box[:, 2] * jittered.box[:, 3], jittered.box[:, 3] / jittered.box[:, 2]
    first = jittered.order[:, 0]
    columns = (area, ratio, jittered.flip, *jittered.factors.T, first, jittered.grey, jittered.sigma)
    correlation = stats.spearmanr(torch.stack([column.float() for column in columns], 1)).statistic
    pairs = correlation[np.triu_indices(len(columns), 1)] * np.sqrt(len(first))
    assert abs(pairs).max() < stats.norm.isf(LEAST_P / 2 / len(pairs))


def test_padded_crops_and_flips() -> None:
    ours = CropFlipViews().draw(20 * N, 32, generator=torch.Generator().manual_seed(0))
    padded = torch.zeros(3, 40, 40)
    reference = theirs(N, lambda: transforms.RandomCrop.get_params(padded, (32, 32))[:2])
    cells = np.bincount((ours.offset[:, 0] * 9 + ours.offset[:, 1]).numpy(), minlength=81)
    assert stats.chisquare(cells).pvalue > LEAST_P
    table = np.stack((cells, np.bincount(reference[:, 0] * 9 + reference[:, 1], minlength=81)))
    assert stats.chi2_contingency(table).pvalue > LEAST_P
    assert stats.binomtest(int(ours.flip.sum()), len(ours), 0.5).pvalue > LEAST_P


def photograph(size: int = 32) -> Tensor:
    """Return roofs in front of trees and sky, as bytes: many colours, no symmetry."""
    picture = Image.fromarray(load_sample_image("china.jpg")).crop((120, 60, 440, 380))
    return torch.from_numpy(np.array(picture.resize((size, size)))).permute(2, 0, 1)


def effects(views: Tensor) -> dict[str, np.ndarray]:
    """Summarise each view by numbers that each operation moves."""
    views = views.double()
    red, green, blue = views.mean((2, 3)).T
    half = views.shape[-1] // 2
    colourful = views.amax(1) - views.amin(1)
    return {
        "red": red.numpy(),
        "green": green.numpy(),
        "blue": blue.numpy(),
        "spread": views.std((1, 2, 3)).numpy(),
        "colourfulness": colourful.mean((1, 2)).numpy(),
        "tint": (red - blue).numpy(),
        "roughness": views.diff(dim=3).abs().mean((1, 2, 3)).numpy(),
        "left less right": (views[..., :half].mean((1, 2, 3)) - views[..., half:].mean((1, 2, 3))).numpy(),
        "above less below": (
            views[..., :half, :].mean((1, 2, 3)) - views[..., half:, :].mean((1, 2, 3))
        ).numpy(),
    }


CROP = [transforms.RandomResizedCrop(32), transforms.RandomHorizontalFlip()]
JITTER = transforms.ColorJitter(0.8, 0.8, 0.8, 0.2)
OFF = {"jitter_probability": 0.0, "grayscale_probability": 0.0, "blur": False}
PIPELINES = {
    "crop and flip": (SimCLRViews(**OFF), CROP),
    "jitter": (SimCLRViews(**{**OFF, "jitter_probability": 1.0}), [*CROP, JITTER]),
    "grey": (
        SimCLRViews(**{**OFF, "grayscale_probability": 0.2}),
        [*CROP, transforms.RandomGrayscale(0.2)],
    ),
    "blur": (SimCLRViews(**{**OFF, "blur": True}), [*CROP, transforms.GaussianBlur(3, (0.1, 2.0))]),
    "simclr": (
        SimCLRViews(),
        [
            *CROP,
            transforms.RandomApply([JITTER], p=0.8),
            transforms.RandomGrayscale(0.2),
            transforms.GaussianBlur(3, (0.1, 2.0)),
        ],
    ),
    "padded crop": (
        CropFlipViews(mean=NORMALISATION[0], std=NORMALISATION[1]),
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.Normalize(*NORMALISATION),
        ],
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_what_is_seen_of_a_photograph(name: str) -> None:
    views, steps = PIPELINES[name]
    image, n = photograph(), 400
    draw = views.draw(10 * n, 32, generator=torch.Generator().manual_seed(0))
    ours = effects(views.render(image.repeat(10 * n, 1, 1, 1), draw))
    transform = transforms.Compose([transforms.ConvertImageDtype(torch.float32), *steps])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        reference = effects(torch.stack([transform(image) for _ in range(n)]))
    for effect, values in ours.items():
        assert same(values, reference[effect]), effect


@pytest.mark.parametrize("name", ["simclr", "padded crop"])
def test_moments_of_each_channel_against_torchvision_on_pil(name: str) -> None:
    views, steps = PIPELINES[name]
    image, n = photograph(), 600
    draw = views.draw(10 * n, 32, generator=torch.Generator().manual_seed(0))
    ours = views.render(image.repeat(10 * n, 1, 1, 1), draw)
    colours, last = (steps[:-1], steps[-1:]) if name == "padded crop" else (steps, [])
    transform = transforms.Compose([*colours, transforms.ToTensor(), *last])
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        reference = torch.stack([transform(picture) for _ in range(n)])
    for power in (1, 2):
        a, b = (x.double().pow(power).mean((2, 3)) for x in (ours, reference))
        error = torch.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
        # PIL rounds to bytes after every change of colour; padded crops change none.
        rounding = 0 if last else 5 * 0.5 / 255 * power
        assert ((a.mean(0) - b.mean(0)).abs() <= 3.5 * error + rounding).all()
