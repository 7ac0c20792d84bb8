# SPDX-License-Identifier: Apache-2.0
"""Figure 5.2: does it show the numbers of its analysis, which of the two estimates, and can they be read."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import figures
from analysis.framework.results import Result, plain
from figures import class_divergence
from figures._style import style
from tests.figures.test_layout import texts

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def make(
    rng: np.random.Generator,
    *,
    methods: Sequence[str] = ("simclr", "supervised"),
    classes: Sequence[str] = CIFAR,
    seeds: int = 3,
    lacking: Sequence[str] = (),
) -> tuple[Result, dict[tuple[str, str], np.ndarray]]:
    """A result as it is read back, and its matrices; the thesis's formula lacks a class in some methods."""
    rows, matrices = [], {}
    for method, estimator in itertools.product(methods, ("thesis", "corrected")):
        kl = np.exp(rng.normal(6 if method == "simclr" else 9, 0.7, size=(len(classes),) * 2))
        np.fill_diagonal(kl, np.nan)
        count = np.full(kl.shape, seeds)
        if estimator == "thesis" and method in lacking:
            kl[0] = kl[:, 0] = np.nan
            count[0] = count[:, 0] = 0
        matrices[method, estimator] = kl
        rows += [
            {"method": method, "estimator": estimator, "y": classes[y], "z": classes[z], "kl": kl[y, z]}
            | {"kl_sd": 1.0, "seeds": int(count[y, z])}
            for y, z in itertools.permutations(range(len(classes)), 2)
        ]
    settings = {"classes": list(classes), "split": "train", "seeds": {m: list(range(seeds)) for m in methods}}
    result = Result(name="divergence", rows=plain(rows), inputs={}, settings=settings)
    return result, matrices


def draw(result: Result) -> Figure:
    with style():
        figure = figures.load("class-divergence").draw({"divergence": result})
        figure.draw_without_rendering()
    return figure


def title(figure: Figure) -> str:
    return figure.get_suptitle()


def test_cells_have_the_numbers_and_colours_of_the_divergences(rng: np.random.Generator) -> None:
    result, matrices = make(rng)
    figure = draw(result)
    assert title(figure) == "thesis's formula (eq. 5.2)\ntraining images, mean over 3 seeds"
    for panel, method in zip(figure.axes, ("simclr", "supervised"), strict=False):
        kl = matrices[method, "thesis"]
        shown = np.ma.filled(panel.images[0].get_array(), np.nan)
        np.testing.assert_allclose(shown, kl)
        written = {
            (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in panel.texts
        }
        assert len(written) == 90
        for (y, z), text in written.items():
            value = float(text.replace("k", "e3").replace("M", "e6"))
            assert value == pytest.approx(kl[y, z], rel=0.006)
        assert [label.get_text() for label in panel.get_xticklabels()] == list(CIFAR)


def test_methods_share_one_colour_scale(rng: np.random.Generator) -> None:
    result, matrices = make(rng)
    first, second = (panel.images[0].norm for panel in draw(result).axes[:2])
    everything = np.concatenate([matrices[m, "thesis"].ravel() for m in ("simclr", "supervised")])
    assert (first.vmin, first.vmax) == (second.vmin, second.vmax)
    assert first.vmin == pytest.approx(np.nanmin(everything)) and first.vmax == pytest.approx(
        np.nanmax(everything)
    )


def test_where_the_formula_lacks_a_value_all_panels_show_the_corrected_one(rng: np.random.Generator) -> None:
    result, matrices = make(rng, lacking=["supervised"])
    figure = draw(result)
    assert title(figure).startswith("corrected (eq. 5.2 has no value for some classes)")
    for panel, method in zip(figure.axes, ("simclr", "supervised"), strict=False):
        np.testing.assert_allclose(
            np.ma.filled(panel.images[0].get_array(), np.nan), matrices[method, "corrected"]
        )


def test_a_value_that_some_seeds_lack_counts_as_lacking(rng: np.random.Generator) -> None:
    result, _ = make(rng)
    result.rows[0]["seeds"] = 2
    assert class_divergence.choose_estimator(result) == "corrected"


def test_negative_divergences_are_written_and_lightest(rng: np.random.Generator) -> None:
    """The corrected estimate may lie below 0 where classes do not differ."""
    result, _ = make(rng, methods=["random-labels"], lacking=["random-labels"])
    low = next(row for row in result.rows if row["estimator"] == "corrected")
    low["kl"] = -0.31
    panel = draw(result).axes[0]
    y, z = CIFAR.index(low["y"]), CIFAR.index(low["z"])
    assert panel.images[0].get_array()[y, z] == panel.images[0].norm.vmin
    assert "-0.31" in {text.get_text() for text in panel.texts}


FOUR = ["a-long-method-name", "x", "y", "z"]


@pytest.mark.parametrize(
    ("methods", "classes"),
    [(["simclr"], CIFAR), (["simclr", "supervised"], CIFAR), (FOUR, tuple("0123456789"))]
    + [(["simclr"], ("a", "b")), (["simclr", "supervised"], tuple(f"class {i}" for i in range(40)))],
)
def test_nothing_is_cut_or_covered(
    methods: list[str], classes: tuple[str, ...], rng: np.random.Generator
) -> None:
    figure = draw(make(rng, methods=methods, classes=classes, lacking=methods)[0])
    shown = texts(figure)
    boxes = [text.get_window_extent() for text in shown]
    for text, box in zip(shown, boxes, strict=True):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for one, other in itertools.combinations(range(len(shown)), 2):
        a, b = boxes[one], boxes[other]
        apart = min(a.x1, b.x1) - max(a.x0, b.x0) < 1 or min(a.y1, b.y1) - max(a.y0, b.y0) < 1
        assert apart, (shown[one], shown[other])
    assert all(text.get_fontsize() >= 6 for text in shown)
    assert figure.get_figwidth() <= 5.5


def test_nothing_to_draw_is_drawn_empty(rng: np.random.Generator) -> None:
    result, _ = make(rng, methods=["simclr"])
    for row in result.rows:
        row.update(kl=None, seeds=0)
    assert not list(draw(result).axes[0].texts)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.004, "0.00"), (-0.004, "0.00"), (0.42, "0.42"), (5.84, "5.8"), (66, "66.0"), (99.96, "100"), (366.4, "366")]
    + [(9846.2, "9846"), (9999.7, "10.0k"), (18697, "18.7k"), (526_000, "526k"), (999_600, "1.0M"), (-3.1, "-3.1")],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert class_divergence.number(value) == text


@given(st.floats(-1e8, 1e8))
def test_numbers_are_never_longer_than_a_cell(value: float) -> None:
    text = class_divergence.number(value)
    assert len(text.lstrip("-")) <= 5
    back = float(text.replace("k", "e3").replace("M", "e6"))
    assert back == pytest.approx(value, rel=0.051, abs=0.0051)
