# SPDX-License-Identifier: Apache-2.0
"""Do the figures show the numbers: what their artists hold, against the results."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import figures
from analysis.framework.results import Result
from analysis.framework.targets import of_quantity
from dynamics.names import LABELS, ORDER
from figures._style import COLOURS, SCALE, shades, style
from tests.figures.studies import make, shares


def draw(name: str, results: dict[str, Result]) -> Figure:
    with style():
        return figures.load(name).draw({need: results[need] for need in figures.load(name).NEEDS})


@pytest.fixture
def results(rng: np.random.Generator) -> dict[str, Result]:
    return make(rng)


def panels_of(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def legend_texts(panel) -> list[str]:
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_sorted_curves_hold_r_of_every_epoch(results):
    figure = draw("sorted-curves", results)
    panels = panels_of(figure)
    assert len(panels) == 4
    for panel, method in zip(panels, ORDER, strict=True):
        r = np.sort(shares(results["learning"], method), axis=1)
        lines = panel.get_lines()
        assert len(lines) == 30
        for index, line in enumerate(lines):
            np.testing.assert_array_equal(line.get_ydata(), r[index])
            np.testing.assert_allclose(line.get_xdata(), (np.arange(64) + 0.5) / 64)
            assert to_hex(line.get_color()) == to_hex(SCALE((index + 1) / 30))
        assert panel.get_title() == rf"{LABELS[method]}, $t_{{\max}} = 30$"
        assert panel.get_xlim()[0] < 0 and panel.get_xlim()[1] > 1
        assert panel.get_ylim()[0] < 0 and panel.get_ylim()[1] > 1


def test_area_under_a_curve_is_the_mean(results):
    line = panels_of(draw("sorted-curves", results))[0].get_lines()[11]
    assert np.diff(line.get_xdata()) == pytest.approx(1 / 64)
    assert line.get_ydata().sum() / 64 == pytest.approx(shares(results["learning"], "simclr")[11].mean())


def test_time_is_shown_by_one_tall_bar(results):
    figure = draw("sorted-curves", results)
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert len(bars) == 1
    assert bars[0].get_ylim() == (0, 1)
    lightness = np.array([SCALE(x)[:3] for x in np.linspace(0, 1, 50)]) @ (0.2126, 0.7152, 0.0722)
    assert np.all(np.diff(lightness) > 0)


def test_aligned_curves_hold_every_method_at_its_epoch(results):
    figure = draw("aligned-curves", results)
    panels = panels_of(figure)
    assert [panel.get_title() for panel in panels] == [rf"SimCLR at $t = {t}$" for t in (1, 5, 10, 25)]
    rows = {(row["reference_epoch"], row["method"]): row for row in results["alignment"].rows}
    for panel, epoch in zip(panels, (1, 5, 10, 25), strict=True):
        for line, method in zip(panel.get_lines(), ORDER, strict=True):
            r = shares(results["learning"], method)[rows[epoch, method]["epoch"] - 1]
            np.testing.assert_array_equal(line.get_ydata(), np.sort(r))
            assert to_hex(line.get_color()) == COLOURS[method].lower()
        expected = [
            f"({rows[epoch, m]['epoch']}{'*' if rows[epoch, m]['residual'] > 0.05 else ''})" for m in ORDER
        ]
        assert legend_texts(panel) == expected
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [LABELS[m] for m in ORDER]


def test_a_large_residual_is_marked_and_explained(results):
    rows = [dict(row, residual=0.0) for row in results["alignment"].rows]
    results["alignment"] = Result(name="alignment", rows=rows, inputs={})
    assert "*" not in draw("aligned-curves", results).get_supxlabel()
    rows[1]["residual"] = 0.051
    figure = draw("aligned-curves", results)
    assert "*" in figure.get_supxlabel()
    marked = [text for panel in panels_of(figure) for text in legend_texts(panel) if "*" in text]
    assert marked == [f"({rows[1]['epoch']}*)"]


@pytest.mark.parametrize(
    ("name", "quantity"), [("binomial-single", "r_tilde"), ("binomial-averaged", "r")], ids=["4.3", "4.4"]
)
def test_curves_and_noise(results, name, quantity):
    figure = draw(name, results)
    panels = panels_of(figure)
    assert [panel.get_title() for panel in panels] == [LABELS[method] for method in ORDER]
    for panel, method in zip(panels, ORDER, strict=True):
        rows = [r for r in of_quantity(results["binomial"].rows, quantity) if r["method"] == method]
        noise = results["binomial"].arrays[f"{method}.{rows[0]['quantity']}.noise"]
        r = np.sort(shares(results["learning"], method, quantity), axis=1)
        solid = [line for line in panel.get_lines() if line.get_linestyle() == "-"]
        dashed = [line for line in panel.get_lines() if line.get_linestyle() != "-"]
        assert len(solid) == len(dashed) == len(rows) == 3
        for index, row in enumerate(rows):
            np.testing.assert_array_equal(solid[index].get_ydata(), r[row["epoch"] - 1])
            np.testing.assert_array_equal(dashed[index].get_ydata(), noise[index])
            assert solid[index].get_color() == dashed[index].get_color() == shades(COLOURS[method], 3)[index]
        mae = [f" / {row['mae']:.3f}" if quantity == "r" else "" for row in rows]
        assert legend_texts(panel) == [
            f"{r['epoch']} / {r['p0']:.2f}{m}" for r, m in zip(rows, mae, strict=True)
        ]
    title = figure.legends[0].get_title().get_text()
    assert r"$\hat{p}_0$" in title
    assert ("MAE" in title) == (quantity == "r")


def test_the_shaded_area_is_the_mae(results):
    figure = draw("binomial-averaged", results)
    rows = [row for row in results["binomial"].rows if (row["method"], row["quantity"]) == ("simclr", "r")]
    fills = [artist for artist in panels_of(figure)[0].collections if isinstance(artist, PolyCollection)]
    assert len(fills) == 3
    for fill, row in zip(fills, rows, strict=True):
        (path,) = fill.get_paths()
        outline = path.vertices[:-1]  # there along one curve, back along the other
        there, back = outline[: len(outline) // 2], outline[len(outline) // 2 :][::-1]
        at = (np.arange(1, 63) + 0.5) / 64  # at the first and last example the outline is vertical
        heights = np.abs(np.interp(at, *there.T) - np.interp(at, *back.T))
        curve = np.sort(shares(results["learning"], "simclr")[row["epoch"] - 1])
        ends = np.abs(curve - results["binomial"].arrays["simclr.r.noise"][rows.index(row)])[[0, -1]]
        assert (heights.sum() + ends.sum()) / 64 == pytest.approx(row["mae"])
    assert len(panels_of(draw("binomial-single", results))[0].collections) == 0


def test_one_epoch_above_two_targets_is_drawn_once(rng):
    results = make(rng, methods=["supervised"], targets=[0.0, 0.01])
    assert [row["targets"] for row in results["binomial"].rows] == [[0.0, 0.01]] * 2
    for name in ("binomial-single", "binomial-averaged"):
        panel = panels_of(draw(name, results))[0]
        assert len(panel.get_lines()) == 2
        assert len(legend_texts(panel)) == 1


def test_a_method_that_never_gets_there_keeps_its_panel(rng):
    results = make(rng, methods=["simclr", "supervised"], targets=[2.0])
    figure = draw("binomial-averaged", results)
    assert [panel.get_title() for panel in panels_of(figure)] == ["SimCLR", "supervised"]
    for panel in panels_of(figure):
        assert "no epoch" in panel.texts[0].get_text()
        assert panel.get_legend() is None


def test_panels_of_different_sizes_share_an_axis(rng):
    small, large = make(rng, methods=["simclr"], examples=32), make(rng, methods=["supervised"], examples=64)
    both = Result(
        name="learning",
        rows=[],
        inputs={},
        arrays={**small["learning"].arrays, **large["learning"].arrays},
        settings={"methods": small["learning"].settings["methods"] | large["learning"].settings["methods"]},
    )
    figure = draw("sorted-curves", {"learning": both})
    assert figure.get_supxlabel() == "fraction of the examples, sorted by $r_t(x)$"
    assert [len(panel.get_lines()[0].get_xdata()) for panel in panels_of(figure)] == [32, 64]
