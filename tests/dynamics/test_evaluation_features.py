# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dynamics import methods, networks, snapshots
from dynamics.data import Dataset
from dynamics.errors import UserError
from dynamics.evaluation import features
from dynamics.training import checkpoint
from dynamics.training.devices import choose_device
from tests.dynamics import small_runs

CPU = torch.device("cpu")
every_method = pytest.mark.parametrize("method", methods.names())


@pytest.fixture
def images() -> Dataset:
    return small_runs.dataset()


@pytest.fixture
def run(tmp_path: Path, images: Dataset) -> snapshots.Run:
    return small_runs.write(tmp_path, "supervised", 1, images)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every time that features are computed, and not read, a split is added."""
    done: list[str] = []
    original = features.encode

    def spy(method, dataset, split, **options):
        done.append(split)
        return original(method, dataset, split, **options)

    monkeypatch.setattr(features, "encode", spy)
    return done


@every_method
def test_features_are_the_encoders_outputs_on_clean_images(
    method: str, tmp_path: Path, images: Dataset
) -> None:
    """One image at a time, in eval mode, with the pixels scaled by hand."""
    run = small_runs.write(tmp_path, method, 2, images)
    made = features.of_run(run, images, "test", device=CPU)
    assert made.values.shape == (small_runs.TEST, 16) and made.values.dtype == np.float32
    network = networks.trained(run, images)
    pixels = images.test_images / 255
    if method in ("supervised", "random-labels-aug"):
        mean, std = (torch.tensor(part).view(3, 1, 1) for part in images.channel_moments())
        pixels = (pixels - mean) / std
    with torch.no_grad():
        for index in (0, 7, 49):
            alone = network.encoder(pixels[index : index + 1])[0]
            np.testing.assert_allclose(made.values[index], alone, rtol=1e-4, atol=1e-6)
    assert made.values.std(axis=0).max() > 1e-3


def test_batches_are_put_together_in_order(
    run: snapshots.Run, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = networks.trained(run, images)
    whole = features.encode(network, images, "train", device=CPU).values
    monkeypatch.setattr(features, "BATCH", 7)
    np.testing.assert_allclose(
        features.encode(network, images, "train", device=CPU).values, whole, rtol=1e-5, atol=1e-7
    )


def test_the_network_stays_as_it_was(run: snapshots.Run, images: Dataset) -> None:
    network = networks.trained(run, images).train()  # features are made in eval mode all the same
    before = features.state_hash(network)
    made = features.encode(network, images, "train", device=CPU)
    assert features.state_hash(network) == made.state == before
    again = features.encode(networks.trained(run, images), images, "train", device=CPU)
    np.testing.assert_array_equal(made.values, again.values)


def test_a_change_of_the_network_would_be_noticed(
    run: snapshots.Run, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = networks.trained(run, images)
    monkeypatch.setattr(network, "eval", lambda: network.train())  # batch norm takes in what it sees
    with pytest.raises(AssertionError, match="changed the network"):
        features.encode(network, images, "train", device=CPU)


def test_the_hash_sees_every_weight_and_buffer(run: snapshots.Run, images: Dataset) -> None:
    network = networks.trained(run, images)
    hashes = {features.state_hash(network)}
    for tensor in network.state_dict().values():
        tensor.view(-1)[-1] += 1
        hashes.add(features.state_hash(network))
    assert len(hashes) == 1 + len(network.state_dict())
    assert any("running_var" in name for name in network.state_dict())


def test_features_are_computed_once(run: snapshots.Run, images: Dataset, computed: list[str]) -> None:
    first = features.of_run(run, images, "train", device=CPU)
    second = features.of_run(run, images, "train", device=CPU)
    assert computed == ["train"]
    assert isinstance(second.values, np.memmap) and not second.values.flags.writeable
    np.testing.assert_array_equal(first.values, second.values)
    assert first.state == second.state
    assert sorted(path.name for path in (run.folder / "features").iterdir()) == ["train.json", "train.npy"]
    np.testing.assert_array_equal(np.load(run.folder / "features" / "train.npy"), first.values)
    features.of_run(run, images, "test", device=CPU)
    assert computed == ["train", "test"]


def test_other_weights_make_a_cache_stale(run: snapshots.Run, images: Dataset, computed: list[str]) -> None:
    old = np.array(features.of_run(run, images, "test", device=CPU).values)
    other = small_runs.scrambled("supervised", small_runs.recipe("supervised"), images, seed=9)
    checkpoint.save_weights(other.state_dict(), run.folder / "weights.safetensors")
    new = features.of_run(run, images, "test", device=CPU)
    assert computed == ["test", "test"]
    assert np.abs(new.values - old).max() > 1e-3
    assert new.state == features.state_hash(other)


def test_other_images_make_a_cache_stale(run: snapshots.Run, images: Dataset, computed: list[str]) -> None:
    features.of_run(run, images, "test", device=CPU)
    features.of_run(run, small_runs.dataset(seed=5), "test", device=CPU)
    assert computed == ["test", "test"]


def test_another_code_makes_a_cache_stale(
    run: snapshots.Run, images: Dataset, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    features.of_run(run, images, "test", device=CPU)
    monkeypatch.setattr(features, "FORMAT", "training-dynamics.features/2")
    features.of_run(run, images, "test", device=CPU)
    features.of_run(run, images, "test", device=CPU)
    assert computed == ["test", "test"]


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["test.npy", "test.json"])
@pytest.mark.parametrize("damage", [shorten, flip_a_bit, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_damaged_cache_is_made_again(
    name: str, damage, run: snapshots.Run, images: Dataset, computed: list[str]
) -> None:
    good = np.array(features.of_run(run, images, "test", device=CPU).values)
    damage(run.folder / "features" / name)
    np.testing.assert_array_equal(features.of_run(run, images, "test", device=CPU).values, good)
    assert computed == ["test", "test"]
    features.of_run(run, images, "test", device=CPU)
    assert computed == ["test", "test"]


@pytest.mark.parametrize("content", [b"[]", b"\xff\xfe", b'{"format": "training-dynamics.features/1"}'])
def test_a_record_of_something_else_is_no_cache(
    content: bytes, run: snapshots.Run, images: Dataset, computed: list[str]
) -> None:
    features.of_run(run, images, "test", device=CPU)
    (run.folder / "features" / "test.json").write_bytes(content)
    features.of_run(run, images, "test", device=CPU)
    assert computed == ["test", "test"]


def test_an_array_without_its_state_is_no_cache(
    run: snapshots.Run, images: Dataset, computed: list[str]
) -> None:
    features.of_run(run, images, "test", device=CPU)
    record = run.folder / "features" / "test.json"
    content = json.loads(record.read_text())
    del content["state"]
    record.write_text(json.dumps(content))
    features.of_run(run, images, "test", device=CPU)
    assert computed == ["test", "test"]


def test_a_folder_that_cannot_be_written_costs_time_only(
    run: snapshots.Run, images: Dataset, computed: list[str]
) -> None:
    (run.folder / "features").write_text("in the way")
    first = features.of_run(run, images, "test", device=CPU)
    second = features.of_run(run, images, "test", device=CPU)
    assert computed == ["test", "test"]
    np.testing.assert_array_equal(first.values, second.values)


def test_the_run_is_still_whole_afterwards(run: snapshots.Run, images: Dataset) -> None:
    features.of_run(run, images, "test", device=CPU)
    assert snapshots.verify(run.folder) == []


def test_untrained_features_are_those_of_the_seeds_first_weights(
    run: snapshots.Run, images: Dataset, computed: list[str]
) -> None:
    untrained = features.of_run(run, images, "test", device=CPU, untrained=True)
    config = small_runs.recipe("supervised")
    network = networks.untrained("supervised", config, images, seed=run.seed)
    np.testing.assert_array_equal(
        untrained.values, features.encode(network, images, "test", device=CPU).values
    )
    assert untrained.state == features.state_hash(network)
    trained = features.of_run(run, images, "test", device=CPU)
    assert np.abs(trained.values - untrained.values).max() > 1e-3
    del computed[:]
    features.of_run(run, images, "test", device=CPU, untrained=True)
    features.of_run(run, images, "test", device=CPU)
    assert computed == []


def test_pixels_are_the_images_between_0_and_1(images: Dataset) -> None:
    pixels = features.of_pixels(images, "train")
    assert pixels.shape == (small_runs.TRAIN, 3 * 8 * 8) and pixels.dtype == np.float32
    np.testing.assert_allclose(pixels[3].reshape(3, 8, 8), images.train_images[3].numpy() / 255, rtol=1e-6)


def test_weights_of_another_architecture_are_said(run: snapshots.Run, images: Dataset) -> None:
    other = small_runs.scrambled("supervised", small_runs.recipe("supervised", width=3), images, seed=1)
    checkpoint.save_weights(other.state_dict(), run.folder / "weights.safetensors")
    with pytest.raises(UserError, match="weights of another architecture"):
        features.of_run(run, images, "test", device=CPU)


def test_missing_and_damaged_weights_are_said(run: snapshots.Run, images: Dataset) -> None:
    features.of_run(run, images, "test", device=CPU)
    flip_a_bit(run.folder / "weights.safetensors")
    with pytest.raises(UserError, match="damaged"):
        features.of_run(run, images, "test", device=CPU)
    (run.folder / "weights.safetensors").unlink()
    with pytest.raises(UserError, match="no weights in"):
        features.of_run(run, images, "test", device=CPU)


def test_devices_are_chosen_or_refused() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu") == CPU
    with pytest.raises(UserError, match="device abacus cannot be used"):
        choose_device("abacus")


def test_nothing_is_left_aside(run: snapshots.Run, images: Dataset) -> None:
    features.of_run(run, images, "test", device=CPU)
    assert not list((run.folder / "features").glob("*.tmp"))
