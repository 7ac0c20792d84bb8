# SPDX-License-Identifier: Apache-2.0
"""The whole of figure 5.1's numbers on small networks, and the map itself on points of known classes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis import embedding
from analysis.embedding import MapSettings, choose_mapped, embed
from analysis.framework import results
from dynamics.errors import UserError
from dynamics.evaluation import features
from dynamics.training.devices import choose_device
from tests.analysis import small_networks, studies
from tests.analysis.test_neighbourhoods import by_all_pairs

QUICK = MapSettings(share=0.05, at_least=0, iterations=250)
NAMES = [*small_networks.METHODS, "random-initialisation", "pixels"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_networks.write(tmp_path_factory.mktemp("embedding") / "runs")


@pytest.fixture(scope="module")
def found(runs: Path) -> results.Result:
    return embedding.analyse(small_networks.opened(runs), settings=QUICK, device="cpu")


def test_every_map_has_the_same_images(found: results.Result) -> None:
    data = small_networks.digits()
    chosen = found.arrays["examples"]
    labels = data.train_labels.numpy()
    assert [row["method"] for row in found.rows] == NAMES
    np.testing.assert_array_equal(found.arrays["labels"], labels[chosen])
    counts = np.bincount(labels[chosen])
    assert (counts == [round(0.05 * count) for count in np.bincount(labels)]).all()
    for name in NAMES:
        assert found.arrays[f"{name}.map"].shape == (len(chosen), 2)
        assert np.isfinite(found.arrays[f"{name}.map"]).all()


def test_numbers_are_those_of_the_features_and_the_map(runs: Path, found: results.Result) -> None:
    data = small_networks.digits()
    chosen, labels = found.arrays["examples"], found.arrays["labels"]
    device = choose_device("cpu")
    run = small_networks.opened(runs).runs["simclr"][0]
    points = {
        "simclr": features.of_run(run, data, "train", device=device).values,
        "random-initialisation": features.of_run(run, data, "train", device=device, untrained=True).values,
        "pixels": data.train_images.flatten(1).numpy() / 255,
    }
    rows = {row["method"]: row for row in found.rows}
    for name, values in points.items():
        expected = by_all_pairs(values[chosen].astype(np.float64), labels, 10).mean()
        assert rows[name]["neighbours_features"] == pytest.approx(expected, abs=0.01)
        in_map = by_all_pairs(found.arrays[f"{name}.map"].astype(np.float64), labels, 10)
        np.testing.assert_allclose(found.arrays[f"{name}.neighbours"], in_map, atol=1e-6)
        assert rows[name]["neighbours_map"] == pytest.approx(in_map.mean(), abs=1e-6)
        assert rows[name]["features"] == values.shape[1]
        assert rows[name]["kl"] > 0
    assert rows["pixels"]["neighbours_features"] > 3 * rows["pixels"]["neighbours_chance"]
    assert [rows[name]["seed"] for name in NAMES] == [1, 1, 1, None]


def test_a_map_keeps_classes_that_lie_apart(rng: np.random.Generator) -> None:
    labels = np.arange(150) % 5
    points = (8 * np.eye(5)[labels] + rng.normal(size=(150, 5))).astype(np.float32)
    one, again = (embed(points, perplexity=20.0, iterations=400, random_state=1) for _ in range(2))
    np.testing.assert_array_equal(one.places, again.places)
    assert by_all_pairs(one.places.astype(np.float64), labels, 10).mean() > 0.99
    assert 0 < one.kl < 1


def test_a_collapsed_network_has_an_empty_map() -> None:
    found = embed(np.ones((40, 6), dtype=np.float32), perplexity=10.0, iterations=250, random_state=0)
    assert not found.places.any() and np.isnan(found.kl)


def test_settings_are_recorded(found: results.Result) -> None:
    settings = found.settings
    assert settings["perplexity"] == pytest.approx((len(found.arrays["examples"]) - 1) / 3)
    assert settings["asked"]["perplexity"] == 30
    assert settings["share"] == pytest.approx(0.05, abs=0.01)
    assert list(settings["classes"]) == [str(digit) for digit in range(10)]


def test_small_sets_give_more_images() -> None:
    labels = np.arange(2000) % 10
    assert len(choose_mapped(labels, MapSettings())) == 1000
    assert len(choose_mapped(np.arange(8000) % 10, MapSettings())) == 2000
    assert len(choose_mapped(labels[:400], MapSettings())) == 400
    assert len(choose_mapped(labels, MapSettings(at_least=0))) == 500


@pytest.mark.parametrize(
    "settings",
    [
        MapSettings(share=0.0),
        MapSettings(share=1.5),
        MapSettings(perplexity=0.5),
        MapSettings(iterations=10),
        MapSettings(random_state=-1),
        MapSettings(share=0.001, at_least=0),
    ],
)
def test_settings_out_of_range_are_explained(settings: MapSettings) -> None:
    with pytest.raises(UserError, match=r"^(share|perplexity|iterations|random_state) "):
        choose_mapped(np.arange(100) % 10, settings)


def test_the_command(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--share", "0.05", "--at-least", "0", "--iterations", "250", "--no-floors", "--seed", "2")
    assert studies.command("embedding", runs, monkeypatch, *options, "--device", "cpu") == 0
    assert "instead of 30: at most a third of the images" in capsys.readouterr().out
    read = results.read(runs.parent / "results" / studies.STUDY, "embedding")
    assert [(row["method"], row["seed"]) for row in read.rows] == [("simclr", 2), ("supervised", 2)]
    error = small_networks.refused("embedding", runs, monkeypatch, capsys, "--methods", "vicreg")
    assert "no networks of 'vicreg': --methods are simclr, supervised" in error


def test_torch_stays_out_until_a_network_is_needed() -> None:
    code = (
        "import sys, analysis.embedding, analysis.activations; "
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
