# SPDX-License-Identifier: Apache-2.0
"""Is everything readable: nothing cut off, no text over text, no legend over a line, whatever the study holds."""

import itertools

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import figures
from figures._panels import hides_a_line, legend_columns, panels
from figures._style import COLOURS, style
from tests.figures.studies import make

STUDIES = {
    "one method": {"methods": ["supervised"]},
    "one seed": {"seeds": 1},
    "one epoch": {"epochs": 1},
    "nine": {"methods": [*COLOURS]},
    "unknown names": {"methods": ["simclr", "a-method-with-quite-a-long-name-indeed", "x", "y", "z"]},
    "odd names": {"methods": ["$5_{bill", "a$b$c_%", "_x_", "训练方法", "back\\slash 100 %"]},
}


def texts(figure: Figure) -> list[Text]:
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if text.get_window_extent().width > 0]


CURVES = [
    name for name in figures.names() if set(figures.load(name).NEEDS) <= {"learning", "alignment", "binomial"}
]


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("study", STUDIES)
def test_nothing_is_cut_or_covered(study, name, rng):
    results = make(rng, **{"epochs": 10, **STUDIES[study]})
    with style():
        figure = figures.load(name).draw(results)
        figure.draw_without_rendering()
        shown = texts(figure)
        boxes = [text.get_window_extent() for text in shown]
    for text, box in zip(shown, boxes, strict=True):
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for one, other in itertools.combinations(range(len(shown)), 2):
        a, b = boxes[one], boxes[other]
        apart = min(a.x1, b.x1) - max(a.x0, b.x0) < 1 or min(a.y1, b.y1) - max(a.y0, b.y0) < 1
        assert apart, (shown[one], shown[other])
    assert not any(hides_a_line(axes) for axes in figure.axes)
    assert all(text.get_fontsize() >= 6 for text in shown)


@pytest.mark.parametrize("count", range(1, 11))
def test_panels(count):
    figure, axes = panels(count)
    assert len(axes) == len(figure.axes) == count
    assert figure.get_figwidth() <= 5.5
    shape = axes[0].get_gridspec().nrows, axes[0].get_gridspec().ncols
    assert shape == {1: (1, 1), 2: (1, 2), 3: (1, 3), 4: (2, 2)}.get(count, (-(-count // 3), 3))
    lowest = {axes.get_subplotspec().colspan.start: axes for axes in figure.axes}  # the last of each column
    assert all(_has_x_labels(axes) == (axes in lowest.values()) for axes in figure.axes)


def _has_x_labels(axes: Axes) -> bool:
    return bool(axes.xaxis.get_tick_params()["labelbottom"])


def test_legend_columns_follow_the_width():
    assert legend_columns(["SimCLR", "supervised", "random labels", "random labels + aug."], width=5.5) == 4
    assert legend_columns(["n" * 24] * 9, width=5.5) == 3
    assert legend_columns(["n" * 200] * 3, width=5.5) == 1
    assert legend_columns(["one"], width=5.5) == 1


def test_a_legend_over_a_line_is_seen():
    with style():
        figure, (panel,) = panels(1)
        (line,) = panel.plot([0, 0.9, 0.9, 1], [0, 0, 1, 1], label="riser", drawstyle="steps-mid")
        panel.legend(loc="center right")
        figure.draw_without_rendering()
        assert hides_a_line(panel)
        line.set_data(np.array([0, 0.1]), np.array([0, 0.1]))
        assert not hides_a_line(panel)
