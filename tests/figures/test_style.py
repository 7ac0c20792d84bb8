# SPDX-License-Identifier: Apache-2.0
"""Can the colours be told apart, by everyone and in grey, and does a method keep its own."""

import itertools

import numpy as np
import pytest
from matplotlib.cbook import is_math_text
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dynamics.names import ORDER, ordered
from figures._names import label
from figures._style import COLOURS, SCALE, SHADES, colours, shades, style

VISION = {
    "normal": np.eye(3),
    # Machado, Oliveira, Fernandes 2009, table 1, severity 1.0; they act on linear RGB
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, vision: str = "normal") -> np.ndarray:
    """Return CIELAB coordinates of a colour as somebody sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = TO_XYZ @ np.clip(np.asarray(VISION[vision]) @ linear, 0, 1) / (0.9505, 1.0, 1.089)
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_methods_are_told_apart(vision):
    seen = {method: lab(colour, vision) for method, colour in COLOURS.items()}
    for one, other in itertools.combinations(seen, 2):
        least = 40 if {one, other} <= set(ORDER) else 17
        assert np.linalg.norm(seen[one] - seen[other]) > least, (one, other)


def test_the_four_settings_are_told_apart_in_grey():
    lightness = sorted(lab(COLOURS[method])[0] for method in ORDER)
    assert np.diff(lightness).min() > 11
    assert lightness[-1] < 75  # shows on white


@pytest.mark.parametrize("vision", VISION)
def test_time_gets_lighter_throughout(vision):
    lightness = np.array([lab(SCALE(x), vision)[0] for x in np.linspace(0, 1, 40)])
    steps = np.diff(lightness)
    assert steps.min() > 0
    assert steps.max() < 3 * steps.mean()
    assert lightness[-1] < 88


@pytest.mark.parametrize("colour", [*COLOURS.values(), "#ffffff"])
def test_shades_have_the_lightness_and_the_hue(colour):
    made = [lab(shade) for shade in shades(colour, 3)]
    np.testing.assert_allclose([shade[0] for shade in made], SHADES, atol=1)
    angles = [np.arctan2(shade[2], shade[1]) for shade in made if np.hypot(shade[1], shade[2]) > 10]
    base = lab(colour)
    if np.hypot(base[1], base[2]) > 10:
        turned = [abs(np.angle(np.exp(1j * (angle - np.arctan2(base[2], base[1]))))) for angle in angles]
        assert max(turned) < np.pi / 5
    else:
        assert not angles


def test_any_number_of_shades():
    assert len(set(shades("#2A9D8F", 5))) == 5
    assert len(shades("#2A9D8F", 1)) == 1


def test_a_known_method_keeps_its_colour_in_every_study():
    for methods in (["simclr"], ["tico", "simclr", "mine"], [*COLOURS, "mine"]):
        given = colours(methods)
        assert all(given[method] == COLOURS[method] for method in methods if method in COLOURS)


def test_unknown_methods_get_colours_of_their_own():
    given = colours(["simclr", "supervised", "mine", "yours"])
    assert len(set(given.values())) == 4
    assert given == colours(["yours", "mine", "supervised", "simclr"])
    assert colours([*COLOURS, "mine", "yours"])["mine"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("$5_{bill", "$5_{bill"),
        ("$a$ to $b", "$a$ to $b"),
        ("back\\slash$", "back\\slash$"),
        ("_background_", " _background_"),
        ("cafe\u0301", "caf\u00e9"),
        ("猫", "U+732B"),
        ("a\nb\x00", "aU+000AbU+0000"),
        ("訓練" * 20, "U+8A13+7DF4+8A13+7DF4+8…"),
    ],
)
def test_names_are_shown_as_they_are(name, shown):
    """No formula, no entry that a legend leaves out, no glyph that the font lacks."""
    written = label(name)
    assert not is_math_text(written) and written.replace(r"\$", "$") == shown
    with style():
        figure = Figure()
        axes = figure.subplots()
        axes.plot([0, 1], label=written)
        axes.set_title(rf"{written} at $t = 5$")
        assert [text.get_text() for text in axes.legend().get_texts()] == [written]
        figure.draw_without_rendering()  # a missing glyph is a warning, and warnings are errors here


def test_order_and_labels():
    from dynamics.names import ORDER as ORDER_OF_ANALYSES

    assert ORDER == ORDER_OF_ANALYSES
    assert ordered(["b", "supervised", "a", "simclr"]) == ("simclr", "supervised", "a", "b")
    assert label("random-labels-aug") == "random labels + aug."
    assert label("mine") == "mine"
    assert len(label("x" * 60)) == 24
