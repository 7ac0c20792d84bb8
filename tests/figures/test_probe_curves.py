"""Figure C.3 draws the losses that the evaluations recorded: one line an encoder, floors of the first method only."""

import numpy as np

from analysis.framework.results import Result
from dynamics.names import label
from figures import probe_curves
from figures._style import style


def evaluation(rng: np.random.Generator) -> Result:
    rows, arrays = [], {}
    for method in ("vicreg", "simclr"):
        for mode, fraction in (("linear", 1.0), ("semi", 0.1)):
            for features in (method, "random-initialisation", "pixels"):
                rows.append(
                    {
                        "method": method,
                        "features": features,
                        "dataset": "digits",
                        "mode": mode,
                        "fraction": fraction,
                    }
                )
                arrays[f"{method}.digits.{mode}.{fraction:g}.{features}.loss"] = rng.random((3, 7)) + 0.1
    return Result(name="evaluation", rows=rows, inputs={}, arrays=arrays)


def test_the_legend_stays_in_the_figure(rng: np.random.Generator) -> None:
    """One panel is narrower than two."""
    result = evaluation(rng)
    linear = [row for row in result.rows if row["mode"] == "linear"]
    names = ("barlow-twins", "byol", "moco", "vicreg-tico")
    rows = linear + [row | {"method": name, "features": name} for name in names for row in linear[:1]]
    loss = result.arrays["vicreg.digits.linear.1.vicreg.loss"]
    arrays = {f"{name}.digits.linear.1.{name}.loss": loss for name in names}
    for shown in (linear, rows):
        with style():
            one = Result(name="evaluation", rows=shown, inputs={}, arrays={**result.arrays, **arrays})
            figure = probe_curves.draw({"evaluation": one})
            figure.draw_without_rendering()
            (legend,) = figure.legends
            box = legend.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
        assert all(box.y0 >= panel.get_tightbbox().y1 for panel in figure.axes)


def test_lines_are_the_mean_losses(rng: np.random.Generator) -> None:
    result = evaluation(rng)
    neighbours = [row | {"mode": "knn"} for row in result.rows]  # these have no loss
    with style():
        figure = probe_curves.draw(
            {"evaluation": Result(**{**vars(result), "rows": [*neighbours, *result.rows]})}
        )
    panels = [panel for panel in figure.axes if panel.get_lines()]
    assert [panel.get_title() for panel in panels] == ["digits, linear", "digits, semi, 10 % of labels"]
    for panel, kind in zip(panels, ("linear.1", "semi.0.1"), strict=True):
        drawn = {str(line.get_label()): np.asarray(line.get_ydata()) for line in panel.get_lines()}
        assert set(drawn) == {label("simclr"), label("vicreg"), "untrained", "pixels"}
        for name, method, features in (
            (label("vicreg"), "vicreg", "vicreg"),
            ("pixels", "simclr", "pixels"),
            ("untrained", "simclr", "random-initialisation"),
        ):
            expected = result.arrays[f"{method}.digits.{kind}.{features}.loss"].mean(axis=0)
            np.testing.assert_allclose(drawn[name], expected)
