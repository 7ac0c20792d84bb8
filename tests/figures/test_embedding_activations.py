# SPDX-License-Identifier: Apache-2.0
"""Figures 5.1 and 5.4: do they show the numbers of their analyses, and is everything readable."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import figures
from analysis.framework.results import Result, plain
from figures import activation_grids
from figures._style import style
from figures.class_curves import LOOKS
from tests.figures.test_layout import texts

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOUR = ("simclr", "supervised", "random-labels", "random-labels-aug")
FLOORS = ("random-initialisation", "pixels")


def mapped(
    rng: np.random.Generator,
    *,
    methods: Sequence[str] = (*FOUR, *FLOORS),
    classes: Sequence[str] = CIFAR,
    images: int = 300,
) -> Result:
    """Maps whose classes lie together in some methods and nowhere in others."""
    labels = np.arange(images) % len(classes)
    arrays, rows = {"labels": labels}, []
    for at, method in enumerate(methods):
        centres = 40 * rng.normal(size=(len(classes), 2)) * (at % 2)
        arrays[f"{method}.map"] = (centres[labels] + rng.normal(size=(images, 2))).astype(np.float32)
        arrays[f"{method}.neighbours"] = np.full(images, 0.9 if at % 2 else 0.1, dtype=np.float32)
        shares = dict(
            zip(("neighbours_features", "neighbours_map", "nmi_features"), rng.random(3), strict=True)
        )
        rows.append({"method": method, **shares})
    settings = {"classes": list(classes)}
    return Result(name="embedding", rows=plain(rows), inputs={}, arrays=arrays, settings=settings)


def maximised(
    rng: np.random.Generator,
    *,
    methods: Sequence[str] = (*FOUR, "random-initialisation"),
    sizes: Sequence[int] = (11, 25, 53, 109),
    tiles: Sequence[int] = (5, 16, 32, 36),
) -> Result:
    rows, arrays = [], {}
    for method, (block, (size, count)) in itertools.product(
        methods, enumerate(zip(sizes, tiles, strict=True), start=1)
    ):
        dead = np.arange(count) % 7 == block
        arrays[f"{method}.block{block}.images"] = rng.integers(0, 256, (count, size, size, 3)).astype(
            np.uint8
        )
        arrays[f"{method}.block{block}.dead"] = dead
        rows.append(
            {
                "method": method,
                "block": block,
                "canvas": size,
                "dead_share": float(dead.mean()),
                "tiles": count,
            }
        )
    return Result(name="activations", rows=plain(rows), inputs={}, arrays=arrays)


def draw(name: str, result: Result) -> Figure:
    with style():
        figure = figures.load(name).draw({result.name: result})
        figure.draw_without_rendering()
    return figure


def test_points_have_their_places_and_their_classes_colours(rng: np.random.Generator) -> None:
    result = mapped(rng)
    figure = draw("feature-embedding", result)
    assert len(figure.axes) == 6
    for panel, row in zip(figure.axes, result.rows, strict=True):
        (points,) = [c for c in panel.collections if isinstance(c, PathCollection)]
        np.testing.assert_allclose(points.get_offsets(), result.arrays[f"{row['method']}.map"], rtol=1e-6)
        expected = [LOOKS[label][0].lower() for label in result.arrays["labels"]]
        assert [to_hex(colour) for colour in points.get_facecolors()] == expected
        assert points.get_rasterized()
        assert panel.get_aspect() == 1
        title = panel.get_title()
        assert f"{row['neighbours_features']:.2f} ({row['neighbours_map']:.2f})" in title
        assert f"NMI {row['nmi_features']:.2f}" in title
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(CIFAR)


def test_classes_are_named_where_they_lie_together(rng: np.random.Generator) -> None:
    result = mapped(rng)
    labels = result.arrays["labels"]
    for panel, row in zip(draw("feature-embedding", result).axes, result.rows, strict=True):
        together = result.arrays[f"{row['method']}.neighbours"][0] > 0.5
        assert bool(panel.texts) == together
        for name in panel.texts:
            own = result.arrays[f"{row['method']}.map"][labels == CIFAR.index(name.get_text())]
            assert np.linalg.norm(own - name.get_position(), axis=1).min() < 1e-4
            assert np.linalg.norm(own.mean(axis=0) - name.get_position()) < 1.5


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": ("supervised",)},
        {"methods": ("simclr", "supervised", "pixels")},
        {"methods": ("simclr", "x" * 60, "y", "z", "tico", *FLOORS)},
        {"classes": [f"class {number}" for number in range(200)]},
        {"images": 12_500},
        {"images": 11},
    ],
    ids=["one", "three", "nine", "200 classes", "12 500 images", "11 images"],
)
def test_maps_are_readable(rng: np.random.Generator, changes: dict[str, Any]) -> None:
    check(draw("feature-embedding", mapped(rng, **changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"methods": ("supervised", "random-initialisation")},
        {"methods": ("simclr", "x" * 60, "y", "z", "tico", "vicreg", "w-mse", "random-initialisation")},
        {"sizes": (8, 8), "tiles": (1, 36)},
    ],
    ids=["five", "two", "eight", "digits"],
)
def test_grids_are_readable(rng: np.random.Generator, changes: dict[str, Any]) -> None:
    check(draw("activation-grids", maximised(rng, **changes)))


def check(figure: Figure) -> None:
    """Nothing is cut off or lies over another text."""
    shown = texts(figure)
    boxes = [text.get_window_extent() for text in shown]
    for text, box in zip(shown, boxes, strict=True):
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (one, a), (other, b) in itertools.combinations(zip(shown, boxes, strict=True), 2):
        apart = min(a.x1, b.x1) - max(a.x0, b.x0) < 1 or min(a.y1, b.y1) - max(a.y0, b.y0) < 1
        assert apart, (one, other)
    assert all(text.get_fontsize() >= 7 for text in shown)


def test_grids_show_their_tiles_and_the_share_of_the_dead(rng: np.random.Generator) -> None:
    result = maximised(rng)
    figure = draw("activation-grids", result)
    assert len(figure.axes) == 20
    methods = [*FOUR, "random-initialisation"]
    for panel, (block, method) in zip(figure.axes, itertools.product((1, 2, 3, 4), methods), strict=True):
        row = next(row for row in result.rows if (row["method"], row["block"]) == (method, block))
        assert f"{100 * row['dead_share']:.0f} % dead" in panel.get_title()
        (lines,) = [c for c in panel.collections if isinstance(c, LineCollection)]
        dead = result.arrays[f"{method}.block{block}.dead"]
        assert len(lines.get_segments()) == 2 * dead.sum()
        across = int(np.ceil(np.sqrt(row["tiles"])))
        marked = {(int(y), int(x)) for x, y in (segment.mean(axis=0) for segment in lines.get_segments())}
        assert marked == {divmod(int(at), across) for at in np.flatnonzero(dead)}
    assert figure.axes[4].get_title().startswith("random\ninitialisation")
    assert figure.axes[5].get_ylabel().startswith("block 2\n25")


@pytest.mark.parametrize("size", [8, 11, 109])
def test_a_mosaic_holds_every_live_tile_unchanged(rng: np.random.Generator, size: int) -> None:
    images = rng.integers(0, 256, (5, size, size, 3)).astype(np.uint8)
    dead = np.array([False, True, False, False, False])
    page = activation_grids.mosaic(images, dead, 3)
    cell = page.shape[1] // 3
    assert page.shape == (2 * cell, 3 * cell, 3)
    times = -(-activation_grids.TILE // size)
    inset = (cell - size * times) // 2
    assert 0 < inset < cell / 8
    for at, image in enumerate(images):
        top, left = (at // 3) * cell + inset, (at % 3) * cell + inset
        tile = page[top : top + size * times, left : left + size * times]
        for shift in (0, times - 1):
            shown = tile[shift::times, shift::times]
            np.testing.assert_array_equal(shown, np.full_like(image, 235) if dead[at] else image)
    assert (page[cell:, 2 * cell :] == 255).all()  # no sixth tile
