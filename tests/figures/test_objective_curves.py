"""Figures C.1 and C.2 draw the numbers of analysis.objectives: means and extremes over seeds, by the right method."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.framework.results import Result
from dynamics.names import label
from figures import collapse_diagnostics, loss_curves
from figures._style import colours, style

EPOCHS = np.array([1, 2, 3, 5, 8])
TERMS = {
    "vicreg": ["loss", "invariance", "variance"],
    "supervised": ["loss"],
    "tico": ["loss", "invariance", "contrast"],
}
IN_ORDER = ("supervised", "tico", "vicreg")
OF_VIEWS = ("tico", "vicreg")
SIZES = {"vicreg": (64, 16), "tico": (64, 300), "supervised": (64, 96)}
"""Examples of the panel, and dimensions of the embedding (of the features, where there is none)."""
EMBEDDING = ["embedding_std", "embedding_std_min", "embedding_rank", "embedding_scale"]
FEATURE = ["feature_std", "feature_std_min", "feature_rank"]
BOTH_VIEWS = ["alignment", "uniformity"]


@pytest.fixture
def objectives(rng: np.random.Generator) -> Result:
    """Return three methods of three seeds with random numbers; one seed of VICReg diverged in the end."""
    settings, arrays = {}, {}
    for method, terms in TERMS.items():
        diagnostics = (EMBEDDING if method in OF_VIEWS else []) + FEATURE
        diagnostics = diagnostics + (BOTH_VIEWS if method in OF_VIEWS else [])
        for name in terms + diagnostics:
            arrays[f"{method}.{name}"] = rng.uniform(0.2, 1.0, size=(3, len(EPOCHS)))
        for name in [name for name in diagnostics if name.endswith("_rank")]:
            arrays[f"{method}.{name}"] *= 12
        arrays[f"{method}.epochs"] = EPOCHS
        examples, dimensions = SIZES[method]
        settings[method] = {
            "encoder": "resnet18",
            "width": 12,
            "examples": examples,
            "features": 96,
            "outputs": dimensions if method in OF_VIEWS else None,
            "classes": None if method in OF_VIEWS else 10,
            "terms": terms,
            "diagnostics": diagnostics,
        }
    arrays["vicreg.loss"][1, 3:] = np.nan
    arrays["tico.contrast"] *= 100
    return Result(
        name="objectives",
        rows=[],
        inputs={},
        arrays=arrays,
        settings={"methods": settings, "collapse": []},
    )


def drawn(panel: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in panel.get_lines()}


def bands(panel: Axes) -> list[np.ndarray]:
    """Return the lowest and highest value of every band at its epochs."""
    found = []
    for band in panel.collections:
        vertices = band.get_paths()[0].vertices
        at = np.unique(vertices[:, 0])
        found.append(
            np.array([[edge(vertices[vertices[:, 0] == x, 1]) for x in at] for edge in (np.min, np.max)])
        )
    return found


def is_among(wanted: np.ndarray, found: list[np.ndarray]) -> bool:
    return any(one.shape == wanted.shape and np.allclose(one, wanted) for one in found)


def draw(module: object, result: Result) -> Figure:
    with style():
        return module.draw({"objectives": result})  # type: ignore[attr-defined]


def test_losses_and_terms_are_means_over_seeds(objectives: Result) -> None:
    panels = draw(loss_curves, objectives).axes
    assert [panel.get_title().splitlines()[0] for panel in panels] == [label(method) for method in IN_ORDER]
    for panel, method in zip(panels, IN_ORDER, strict=True):
        lines = drawn(panel)
        assert lines.keys() == set(TERMS[method])
        for term, line in lines.items():
            values = objectives.arrays[f"{method}.{term}"]
            np.testing.assert_array_equal(line.get_xdata(), EPOCHS)
            np.testing.assert_allclose(line.get_ydata(), np.nanmean(values, axis=0))
            assert is_among(np.array([np.nanmin(values, axis=0), np.nanmax(values, axis=0)]), bands(panel)), (
                term
            )


def test_a_term_looks_the_same_in_every_panel_and_in_the_legend(objectives: Result) -> None:
    figure = draw(loss_curves, objectives)
    (legend,) = figure.legends
    looks = {
        str(handle.get_label()): (to_hex(handle.get_color()), handle.get_linestyle())
        for handle in legend.legend_handles
        if isinstance(handle, Line2D)
    }
    assert looks.keys() == {"loss", "invariance", "variance", "contrast"}
    assert len(set(looks.values())) == 4
    for panel in figure.axes:
        for term, line in drawn(panel).items():
            assert (to_hex(line.get_color()), line.get_linestyle()) == looks[term]


def test_values_far_apart_have_a_logarithmic_axis(objectives: Result) -> None:
    scales = {
        panel.get_title().splitlines()[0]: panel.get_yscale() for panel in draw(loss_curves, objectives).axes
    }
    assert scales == {label("supervised"): "linear", label("tico"): "log", label("vicreg"): "linear"}


def of_colour(panel: Axes, colour: str) -> list[Line2D]:
    return [line for line in panel.get_lines() if to_hex(line.get_color()).upper() == colour.upper()]


def test_spread_and_rank_are_those_of_each_method(objectives: Result) -> None:
    figure = draw(collapse_diagnostics, objectives)
    panels = {panel.get_title(): panel for panel in figure.axes if panel.get_title()}
    own = colours(IN_ORDER)
    for space, name in (("embedding", "embedding"), ("features", "feature")):
        for method in IN_ORDER:
            spread, rank = panels[f"{space}: spread"], panels[f"{space}: rank"]
            if name == "embedding" and method not in OF_VIEWS:
                assert not of_colour(spread, own[method]) and not of_colour(rank, own[method])
                continue
            std, ranks = (objectives.arrays[f"{method}.{name}_{what}"] for what in ("std", "rank"))
            largest = {"vicreg": 16, "tico": 64}[method] if name == "embedding" else 64  # min(K, d)
            for panel, values in ((spread, std), (rank, ranks / largest)):
                (line,) = of_colour(panel, own[method])
                np.testing.assert_array_equal(line.get_xdata(), EPOCHS)
                np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
                assert is_among(np.array([values.min(axis=0), values.max(axis=0)]), bands(panel))


def levels(panel: Axes) -> list[float]:
    """Return where horizontal lines are drawn from one side of a panel to the other."""
    return sorted(
        float(line.get_ydata()[0]) for line in panel.get_lines() if list(line.get_xdata()) == [0, 1]
    )


def test_limits_are_those_of_the_verdicts(objectives: Result) -> None:
    """A tenth of the sphere's spread, a twentieth of the largest rank; with labels, half as many as 10 classes."""
    panels = {panel.get_title(): panel for panel in draw(collapse_diagnostics, objectives).axes}
    assert levels(panels["embedding: spread"]) == levels(panels["features: spread"]) == [0.1]
    assert levels(panels["embedding: rank"]) == [0.05]
    assert levels(panels["features: rank"]) == pytest.approx([0.05, 5 / 64])


def test_alignment_and_uniformity_go_from_first_to_last_epoch(objectives: Result) -> None:
    figure = draw(collapse_diagnostics, objectives)
    (plane,) = [panel for panel in figure.axes if panel.get_xlabel() == "alignment"]
    assert plane.get_ylabel() == "uniformity"
    assert not of_colour(plane, colours(IN_ORDER)["supervised"])
    for method in OF_VIEWS:
        x, y = (objectives.arrays[f"{method}.{name}"].mean(axis=0) for name in ("alignment", "uniformity"))
        way, end = of_colour(plane, colours(IN_ORDER)[method])
        np.testing.assert_allclose(np.transpose(way.get_data()), np.column_stack([x, y]))
        np.testing.assert_allclose(np.transpose(end.get_data()), [[x[-1], y[-1]]])
        assert end.get_marker() not in (None, "None")


def test_the_legend_names_each_method_by_its_colour_and_marker(objectives: Result) -> None:
    figure = draw(collapse_diagnostics, objectives)
    (legend,) = [panel.get_legend() for panel in figure.axes if panel.get_legend() is not None]
    named = {str(handle.get_label()): handle for handle in legend.legend_handles}
    (plane,) = [panel for panel in figure.axes if panel.get_xlabel() == "alignment"]
    for method in OF_VIEWS:
        handle = named.pop(label(method))
        assert isinstance(handle, Line2D)
        _, end = of_colour(plane, to_hex(handle.get_color()))
        assert end.get_marker() == handle.get_marker()
    assert set(named) == {label("supervised"), "below: collapsed", "the same, with labels"}
