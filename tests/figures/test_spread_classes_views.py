# SPDX-License-Identifier: Apache-2.0
"""Figures 4.5, 5.3, B.1 and O.1: do they show the numbers of their analyses, and is everything readable."""

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import figures
from analysis import augmentations, classes, order, views
from analysis.framework.results import Result, plain
from analysis.statistics.class_differences import class_differences, class_means
from figures._style import COLOURS, style
from figures.class_curves import band_factor
from tests.analysis.studies import in_memory, rising
from tests.figures.test_layout import texts

MODULES = {
    "augmentation-spread": augmentations,
    "class-curves": classes,
    "view-agreement": views,
    "order-agreement": order,
}
FOUR = {"simclr": (2, 4), "supervised": (1, 4), "random-labels": (1, 1), "random-labels-aug": (1, 4)}
"""Views and augmentations of the methods."""


def make(
    rng: np.random.Generator, name: str, methods: dict[str, tuple[int, int]] = FOUR, *, num_classes: int = 10,
    names: list[str] | None = None, examples: int = 300, **sizes: Any,
) -> Result:  # fmt: skip
    """Return an analysis of a made-up study, as it is read back: nan is None there."""
    correct = {
        method: rising(rng, views=v, augmentations=m, examples=examples, **sizes)
        for method, (v, m) in methods.items()
    }
    labels = np.arange(examples) % num_classes
    study = in_memory(correct, labels=labels, provenance={} if names is None else {"classes": names})
    result = MODULES[name].analyse(study)
    return Result(**{**vars(result), "rows": plain(result.rows), "settings": plain(result.settings)})


def draw(name: str, result: Result) -> Figure:
    with style():
        return figures.load(name).draw({result.name: result})


def dots(panel: Any) -> np.ndarray:
    (found,) = [c for c in panel.collections if isinstance(c, PathCollection)]
    return np.asarray(found.get_offsets())


def test_every_augmentation_is_a_dot(rng: np.random.Generator) -> None:
    result = make(rng, "augmentation-spread")
    figure = draw("augmentation-spread", result)
    assert len(figure.axes) == 9
    assert [panel.get_ylabel() for panel in figure.axes[::3]] == [
        "SimCLR",
        "supervised",
        "random labels + aug.",
    ]
    shown_rows = [row for row in result.rows if row["targets"] and row["augmentations"] > 1]
    for at, panel in enumerate(figure.axes):
        row = shown_rows[at]
        curve = result.arrays[f"{row['method']}.mean_counts"][at % 3] / 16
        np.testing.assert_allclose(panel.get_lines()[0].get_ydata(), curve)
        shown = result.arrays[f"{row['method']}.shown"][at % 3]
        counts = result.arrays[f"{row['method']}.shown_counts"][at % 3]
        (drawn,) = [c for c in panel.collections if isinstance(c, PathCollection)]
        sizes = np.round(drawn.get_sizes() / drawn.get_sizes().min()).astype(int)
        assert sizes.sum() == counts.size  # one dot stands for equal augmentations, by its area
        values = [
            (round(float(x), 6), round(4 * float(y)))
            for (x, y), size in zip(drawn.get_offsets(), sizes, strict=True)
            for _ in range(size)
        ]
        expected = [
            (round((place + 0.5) / 300, 6), int(count))
            for place, own in zip(shown, counts, strict=True)
            for count in own
        ]
        assert sorted(values) == sorted(expected)
        assert to_hex(drawn.get_facecolor()[0]) == to_hex(COLOURS[row["method"]])
        assert panel.get_title().startswith(rf"$t = {row['epoch']}$:")
        share = f"{100 * row['augmentation_share']:.0f} %"
        assert share.replace("-", "\N{MINUS SIGN}") in panel.get_title()
        assert any(isinstance(c, LineCollection) for c in panel.collections)


def test_a_mean_that_is_not_reached_leaves_its_panel_empty(rng: np.random.Generator) -> None:
    result = make(rng, "augmentation-spread", {"simclr": (1, 3)}, epochs=12)
    rows = [row for row in result.rows if row["targets"] != [0.75]]
    figure = draw("augmentation-spread", Result(**{**vars(result), "rows": rows}))
    assert "no epoch reaches\na mean of 0.75" in [text.get_text() for text in figure.axes[2].texts]
    assert len(figure.axes[2].get_lines()) == 0


def test_every_class_is_a_line(rng: np.random.Generator) -> None:
    names = [f"class {number}" for number in range(10)]
    result = make(rng, "class-curves", names=names)
    figure = draw("class-curves", result)
    assert [panel.get_title() for panel in figure.axes][:2] == ["SimCLR", "supervised"]
    looks = set()
    for panel, method in zip(figure.axes, FOUR, strict=True):
        lines = panel.get_lines()
        np.testing.assert_allclose(
            [line.get_ydata() for line in lines], result.arrays[f"{method}.true.class_mean"].T
        )
        looks |= {(to_hex(line.get_color()), line.get_marker()) for line in lines}
        own = [row for row in result.rows if row["method"] == method]
        half_way = next((row for row in own if row["mean_r"] >= 0.5), own[-1])
        assert (
            f"= {half_way['epsilon_squared']:.2f}$ at $t = {half_way['epoch']}$" in panel.texts[0].get_text()
        )
    assert len(looks) == len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 10
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:10] == names


def test_band_holds_classes_under_shuffled_labels(rng: np.random.Generator) -> None:
    result = make(rng, "class-curves", {"supervised": (1, 4)}, epochs=9, examples=2000)
    panel = draw("class-curves", result).axes[0]
    band = panel.collections[0].get_paths()[0].vertices
    inside = 0
    for epoch, means in enumerate(result.arrays["supervised.true.class_mean"], start=1):
        low, high = np.min(band[band[:, 0] == epoch, 1]), np.max(band[band[:, 0] == epoch, 1])
        # 2.807 is the quantile of 1 - 0.025 / 10: all ten classes together
        assert high - low == pytest.approx(
            2 * 2.807 * result.rows[epoch - 1]["sd_if_equal"] * np.sqrt(0.9), rel=1e-3
        )
        inside += bool(((low <= means) & (means <= high)).all())
    assert inside >= 6  # of 9 epochs, which depend on each other; the made-up classes do not differ


def test_the_band_holds_all_classes_together(rng: np.random.Generator) -> None:
    """One of ten classes was outside in 42 to 44 % of studies without differences."""
    sizes = np.array([60, 80, 100, 100, 120, 140])
    labels, values = np.repeat(np.arange(6), sizes), rng.beta(0.4, 0.4, size=600)
    out = 0
    for _ in range(1000):
        found = class_differences(rng.permutation(values)[np.newaxis], labels)
        means = class_means(rng.permutation(values)[np.newaxis], labels).means[0]
        out += bool((abs(means - values.mean()) > band_factor(sizes) * found.sd_if_equal[0]).any())
    assert 5 <= out <= 75


def test_both_views_of_every_example_are_shown(rng: np.random.Generator) -> None:
    result = make(rng, "view-agreement")
    figure = draw("view-agreement", result)
    assert len(figure.axes) == 2
    for panel, kind in zip(figure.axes, views.KINDS, strict=True):
        own = [row for row in result.rows if row["kind"] == kind]
        second = [c for c in panel.collections if isinstance(c, PathCollection)]
        for at, row in enumerate(own):
            first, other = result.arrays[f"simclr.{kind}"][at] / row["trials"]
            order = np.argsort(first, kind="stable")
            np.testing.assert_allclose(panel.get_lines()[at].get_ydata(), first[order])
            heights = np.asarray(second[at].get_offsets())[:, 1]
            assert np.abs(heights - other[order]).max() <= min(0.4 / row["trials"], 0.015) + 1e-9
        labels = [text.get_text() for text in panel.get_legend().get_texts()]
        assert labels == [f"{row['epoch']}\n{row['mae']:.3f}" for row in own]


def test_cells_are_correlations_and_the_diagonal_reliabilities(rng: np.random.Generator) -> None:
    result = make(rng, "order-agreement")
    figure = draw("order-agreement", result)
    area = {(row["method"], row["other"]): row for row in result.rows if row["score"] == "area"}
    methods = list(FOUR)
    for at, text in enumerate(figure.axes[0].texts):
        one, other = methods[at // 4], methods[at % 4]
        value = (
            area[one, one]["reliability"] if one == other else area.get((one, other), area.get((other, one)))
        )
        shown = value if one == other else value["rho"]
        assert text.get_text().replace("\N{MINUS SIGN}", "-") == f"{shown:.2f}"
    assert len(figure.axes[0].texts) == 16


SPREAD, CLASSES, VIEWS, ORDER = MODULES
STUDIES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "quick": ([SPREAD, CLASSES, VIEWS, ORDER], {"seeds": 8, "examples": 128, "names": list("abcdefghij")}),
    "one seed": ([SPREAD, CLASSES, VIEWS, ORDER], {"seeds": 1, "examples": 64}),
    "one epoch": ([CLASSES, VIEWS], {"epochs": 1, "examples": 64}),
    "one method": (
        [SPREAD, CLASSES, VIEWS, ORDER],
        {"methods": {"simclr": (2, 4)}, "names": [f"quite long name {number}" for number in range(10)]},
    ),
    "five methods": (
        [SPREAD, CLASSES, VIEWS, ORDER],
        {
            "methods": dict.fromkeys(
                ["a-method-with-quite-a-long-name-indeed", "b", "c", "vicreg", "simclr"], (2, 2)
            ),
            "examples": 64,
            "epochs": 31,
        },
    ),
    "one augmentation": ([VIEWS], {"methods": {"simclr": (2, 1)}, "examples": 64}),
    "one augmentation and more": ([VIEWS], {"methods": {"simclr": (2, 1), "vicreg": (2, 3)}, "examples": 64}),
    "many classes": ([CLASSES], {"num_classes": 100, "epochs": 32}),
}


@pytest.mark.parametrize(
    ("study", "name"), [(study, name) for study, (names, _) in STUDIES.items() for name in names]
)
def test_nothing_is_cut_or_covered(study: str, name: str, rng: np.random.Generator) -> None:
    with style():
        figure = draw(name, make(rng, name, **STUDIES[study][1]))
        figure.draw_without_rendering()
        shown = texts(figure)
        boxes = [text.get_window_extent() for text in shown]
    for text, box in zip(shown, boxes, strict=True):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (one, a), (other, b) in itertools.combinations(zip(shown, boxes, strict=True), 2):
        apart = min(a.x1, b.x1) - max(a.x0, b.x0) < 1 or min(a.y1, b.y1) - max(a.y0, b.y0) < 1
        assert apart, (one, other)
    assert all(text.get_fontsize() >= 6 for text in shown)
