# SPDX-License-Identifier: Apache-2.0
"""The whole of figure 5.4's numbers on small networks: rows, arrays, dead units, wrong input."""

from pathlib import Path

import numpy as np
import pytest
import torch

from analysis import activations
from analysis.activation_maximisation import ascent
from analysis.activation_maximisation.settings import AscentSettings
from analysis.framework import results
from dynamics import networks
from dynamics.training import checkpoint
from tests.analysis import small_networks, studies
from tests.dynamics import small_runs

QUICK = AscentSettings(tiles=5, steps=3)
NAMES = (*small_networks.METHODS, "random-initialisation")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of two networks; seed 1 of simclr has a unit in block 2 that nothing activates."""
    folder = small_networks.write(tmp_path_factory.mktemp("activations") / "runs")
    path = small_networks.seed_folder(folder, "simclr", 1) / "weights.safetensors"
    weights = checkpoint.load_weights(path)
    weights["encoder.stages.1.1.bn2.bias"][2] = -1e4
    checkpoint.save_weights(weights, path)
    return folder


@pytest.fixture(scope="module")
def found(runs: Path) -> results.Result:
    return activations.analyse(small_networks.opened(runs), settings=QUICK, device="cpu")


def test_one_row_a_network_and_block(found: results.Result) -> None:
    assert [(row["method"], row["block"]) for row in found.rows] == [
        (m, b) for m in NAMES for b in (1, 2, 3, 4)
    ]
    for row in found.rows:
        assert row["seed"] == 1
        assert row["receptive_field"] == (11, 25, 53, 109)[row["block"] - 1]
        assert row["canvas"] == 8
        assert row["channels"] == 2 ** row["block"]
        assert row["tiles"] == min(5, row["channels"])
    assert found.settings["steps"] == 3 and found.settings["real_images"] == 8
    results.to_csv(found.rows)


def test_arrays_agree_with_the_rows(found: results.Result) -> None:
    for row in found.rows:
        own = {
            name: found.arrays[f"{row['method']}.block{row['block']}.{name}"]
            for name in ("images", "channels", "activation", "largest", "percentile", "dead")
        }
        assert own["images"].shape == (row["tiles"], 8, 8, 3) and own["images"].dtype == np.uint8
        assert all(len(values) == row["tiles"] for values in own.values())
        assert row["dead"] == own["dead"].sum()
        assert row["dead_share"] == pytest.approx(own["dead"].mean())
        live = ~own["dead"]
        if live.any():
            assert row["median_percentile"] == pytest.approx(np.median(own["percentile"][live]))
        assert ((own["percentile"] == 100) == (own["activation"] > own["largest"])).all()
        assert (own["activation"][own["dead"]] == 0).all()


def test_channels_are_the_same_for_all_networks(found: results.Result) -> None:
    for block in (1, 2, 3, 4):
        drawn = {tuple(found.arrays[f"{name}.block{block}.channels"]) for name in NAMES}
        assert len(drawn) == 1


def test_the_dead_unit_is_shown_as_dead(found: results.Result) -> None:
    row = next(row for row in found.rows if (row["method"], row["block"]) == ("simclr", 2))
    assert found.arrays["simclr.block2.dead"].tolist() == [False, False, True, False]
    assert row["dead_share"] == 0.25 and row["silent_share"] >= 0.25
    assert found.arrays["simclr.block2.percentile"][2] == 0
    assert not found.arrays["supervised.block2.dead"][2]


@pytest.mark.parametrize("preset", ["robust", "thesis"])
def test_a_unit_that_real_images_activate_is_not_dead_but_in_the_thesis(
    runs: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    search = getattr(ascent, preset)
    monkeypatch.setattr(
        ascent,
        preset,
        lambda values, **given: search(values, **given)._replace(
            activation=torch.zeros(given["count"]), dead=torch.ones(given["count"], dtype=torch.bool)
        ),
    )
    found = activations.analyse(
        small_networks.opened(runs),
        settings=AscentSettings(preset=preset, tiles=3, steps=1),
        methods=("simclr",),
        device="cpu",
    )
    for block in (1, 2, 3, 4):
        dead, largest = (found.arrays[f"simclr.block{block}.{name}"] for name in ("dead", "largest"))
        assert (dead == ((largest <= 0) | (preset == "thesis"))).all()


def test_images_activate_their_units_as_said(runs: Path, found: results.Result) -> None:
    """Show the stored images, bytes, to the network: the activations are the reported ones, up to rounding."""
    data = small_networks.digits()
    run = small_networks.opened(runs).runs["supervised"][0]
    network = networks.trained(run, data)
    views = network.views(network.recipe, networks.image_statistics(data))
    outputs: list[torch.Tensor] = []
    for stage in network.encoder.stages:
        stage.register_forward_hook(lambda *seen: outputs.append(seen[2]))
    for block in (1, 2, 3, 4):
        images = torch.from_numpy(found.arrays[f"supervised.block{block}.images"]).permute(0, 3, 1, 2)
        real = data.train_images[torch.from_numpy(np.unique(run.examples))]
        seen = []
        for batch in (images, real):
            outputs.clear()
            with torch.no_grad():
                network.encoder(views.clean(batch))
            maps = outputs[block - 1]
            seen.append(maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2].numpy())
        channels = found.arrays[f"supervised.block{block}.channels"]
        shown = seen[0][np.arange(len(channels)), channels]
        np.testing.assert_allclose(
            shown, found.arrays[f"supervised.block{block}.activation"], rtol=0.05, atol=0.02
        )
        np.testing.assert_allclose(
            seen[1][:, channels].max(axis=0),
            found.arrays[f"supervised.block{block}.largest"],
            rtol=1e-4,
            atol=1e-6,
        )
        less = 100 * (seen[1][:, channels] < found.arrays[f"supervised.block{block}.activation"]).mean(axis=0)
        np.testing.assert_allclose(less, found.arrays[f"supervised.block{block}.percentile"])


def test_a_seed_repeats_and_another_draws_other_channels(runs: Path, found: results.Result) -> None:
    study = small_networks.opened(runs)
    again = activations.analyse(study, settings=QUICK, methods=("supervised",), device="cpu")
    for name, values in again.arrays.items():
        if name.startswith("supervised"):
            np.testing.assert_array_equal(values, found.arrays[name])
    other = activations.analyse(
        study,
        settings=AscentSettings(tiles=5, steps=3, random_state=1),
        methods=("supervised",),
        device="cpu",
    )
    name = "supervised.block4.channels"
    assert other.arrays[name].tolist() != found.arrays[name].tolist()


def test_the_thesis_preset_has_its_sizes(runs: Path) -> None:
    settings = AscentSettings(preset="thesis", tiles=2, steps=2)
    found = activations.analyse(
        small_networks.opened(runs), settings=settings, methods=("simclr",), seed=2, device="cpu"
    )
    assert [row["canvas"] for row in found.rows if row["method"] == "simclr"] == [11, 19, 27, 35]
    assert {row["seed"] for row in found.rows} == {2}
    assert found.arrays["simclr.block4.images"].shape == (2, 35, 35, 3)
    assert AscentSettings(preset="thesis").steps_for(32) == 1000
    assert AscentSettings().steps_for(32) == 256


def test_true_receptive_fields_on_request(runs: Path) -> None:
    settings = AscentSettings(canvas="receptive-field", tiles=1, steps=1)
    found = activations.analyse(
        small_networks.opened(runs), settings=settings, methods=("simclr",), device="cpu"
    )
    assert [row["canvas"] for row in found.rows[:4]] == [11, 25, 32, 32]


def test_the_command_writes_what_it_found(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--tiles", "2", "--steps", "1", "--device", "cpu", "--methods", "simclr")
    assert studies.command("activations", runs, monkeypatch, *options) == 0
    assert "activation maximisation, preset robust, 1 steps" in capsys.readouterr().out
    read = results.read(runs.parent / "results" / studies.STUDY, "activations")
    assert len(read.rows) == 8
    assert read.arrays["simclr.block1.images"].dtype == np.uint8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--methods", "vicreg"), "no networks of 'vicreg': --methods are simclr, supervised"),
        (("--seed", "7"), "--seed must be one of 1, 2"),
        (("--steps", "0"), "--steps must be >= 1, got 0"),
        (("--tiles", "0"), "--tiles must be >= 1, got 0"),
        (("--random-state", "-1"), "--random-state must be >= 0, got -1"),
        (("--device", "abacus"), "--device abacus"),
    ],
)
def test_wrong_options_are_one_line(
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    said: str,
) -> None:
    assert said in small_networks.refused("activations", runs, monkeypatch, capsys, *options)


@pytest.mark.parametrize("name", ["activations", "embedding"])
def test_studies_without_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    small_networks.ingest(tmp_path, "theirs", studies.STUDY)
    reason = activations.applies(small_networks.opened(tmp_path))
    assert reason is not None and "no seed" in reason
    assert reason in small_networks.refused(name, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("name", ["activations", "embedding"])
def test_weights_of_another_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    runs = small_networks.write(tmp_path / "runs", seeds=(0,))
    wide = small_runs.scrambled(
        "simclr", small_runs.recipe("simclr", width=3), small_networks.digits(), seed=0
    )
    path = small_networks.seed_folder(runs, "simclr", 0) / "weights.safetensors"
    checkpoint.save_weights(wide.state_dict(), path)
    assert "another architecture" in small_networks.refused(name, runs, monkeypatch, capsys)


def test_a_method_without_a_network_is_left_out(tmp_path: Path) -> None:
    runs = small_networks.write(tmp_path / "runs", seeds=(0,))
    small_networks.ingest(runs, "theirs", studies.STUDY)
    study = small_networks.opened(runs)
    assert activations.applies(study) is None
    found = activations.analyse(study, settings=AscentSettings(tiles=1, steps=1), device="cpu")
    assert {row["method"] for row in found.rows} == set(NAMES)
