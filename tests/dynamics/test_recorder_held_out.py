# SPDX-License-Identifier: Apache-2.0
"""Examples that a loop does not train on, recorded beside its panel, and examples that single seeds leave out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dynamics
from analysis import correlation, generalization, memorization
from dynamics.errors import UserError
from dynamics.recording.panel import Panel
from tests.references.rivals import rivals
from tests.typechecks import types_unchecked

K, HELD, C = 12, 9, 3


@pytest.fixture(autouse=True)
def as_users_have_it() -> Iterator[None]:
    with types_unchecked():
        yield


@pytest.fixture
def images() -> Tensor:
    return torch.randn(K + HELD, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(K + HELD) % C


def panels(images: Tensor, labels: Tensor) -> tuple[Panel, Panel]:
    parts = (slice(0, K), slice(K, None))
    panel, held_out = (Panel([images[at], 2 * images[at]], labels[at]) for at in parts)
    return panel, held_out


def test_a_network_is_asked_about_both(images: Tensor, labels: Tensor, tmp_path: Path) -> None:
    panel, held_out = panels(images, labels)
    torch.manual_seed(0)
    network = nn.Linear(4, C)
    folder = tmp_path / "s" / "net" / "seed-0000"
    with dynamics.Recorder(folder, panel=panel, held_out=held_out, epochs=[1, 5]) as recorder:
        for epoch in (1, 5):
            recorder.epoch(network, epoch=epoch)
        recorder.finish()
    with torch.no_grad():
        right = [network(scale * images).argmax(dim=1) == labels for scale in (1, 2)]
    run = dynamics.open_study(tmp_path / "s").runs["net"][0]
    for name, part in (("correct", slice(0, K)), ("held_out_correct", slice(K, None))):
        wanted = np.stack([one[part].numpy() for one in right])
        assert np.array_equal(run.read(name)[:, 0], np.stack([wanted, wanted])), name
    assert np.array_equal(run.coordinate("held_out_label"), labels[K:].numpy())


def test_what_is_written_is_what_a_network_is_asked(images: Tensor, labels: Tensor, tmp_path: Path) -> None:
    panel, held_out = panels(images, labels)
    network = nn.Linear(4, C)
    with torch.no_grad():
        logits = torch.stack([network(scale * images) for scale in (1, 2)]).numpy()
    for method, given in (
        ("asked", None),
        ("logits", {"logits": logits[:, K:]}),
        ("right", {"correct": None}),
    ):
        with dynamics.Recorder(
            tmp_path / "s" / method / "seed-0000", panel=panel, held_out=held_out, epochs=1
        ) as recorder:
            if given is None:
                recorder.epoch(network)
            else:
                right = logits[:, K:].argmax(-1) == labels[K:].numpy()
                recorder.write(
                    logits=logits[:, :K], held_out=given if "logits" in given else {"correct": right}
                )
            recorder.finish()
    study = dynamics.open_study(tmp_path / "s")
    asked, *others = (run.read("held_out_correct") for (run,) in study.runs.values())
    assert all(np.array_equal(asked, other) for other in others) and asked.shape == (1, 1, 2, HELD)


def test_rivals_of_held_out_embeddings_are_counted(images: Tensor, tmp_path: Path) -> None:
    views = images + 0.5 * torch.randn(images.shape, generator=torch.Generator().manual_seed(2))
    panel, held_out = (Panel(images[at], positive_views=views[at]) for at in (slice(0, K), slice(K, None)))
    network = nn.Linear(4, 3)
    with dynamics.Recorder(
        tmp_path / "s" / "net" / "seed-0000", panel=panel, held_out=held_out, epochs=1
    ) as recorder:
        recorder.epoch(network)
        recorder.finish()
    (run,) = dynamics.open_study(tmp_path / "s").runs["net"]
    with torch.no_grad():
        embedded = torch.stack([network(one[K:]) for one in (images, views)])
    classes = np.zeros(HELD)
    wanted = [[len(rivals(embedded.numpy(), classes, view, at)[0]) for at in range(HELD)] for view in (0, 1)]
    assert np.array_equal(run.read("held_out_rivals")[0, :, 0], wanted)
    assert np.array_equal(run.read("held_out_correct")[0, :, 0], np.array(wanted) == 0)


def test_gap_and_memorization_of_a_loop(tmp_path: Path) -> None:
    """A network that knows what it was trained on by heart, and nothing else."""
    rng = np.random.default_rng(0)
    labels, new = rng.integers(2, size=40), rng.integers(2, size=40)
    for seed in range(8):
        trained = rng.random(40) < 0.7
        with dynamics.Recorder(
            tmp_path / "s" / "net" / f"seed-{seed:04d}",
            panel=Panel(labels=labels),
            held_out=Panel(labels=new),
            in_training=trained,
            epochs=1,
        ) as recorder:
            guesses = rng.integers(2, size=40)
            recorder.write(
                correct=trained | (guesses == labels), held_out={"predicted": rng.integers(2, size=40)}
            )
            recorder.finish()
    study = dynamics.open_study(tmp_path / "s")
    (gap,) = generalization.analyse(study).rows
    assert gap["mean_r"] == 1.0 and 0.4 < gap["mean_r_held_out"] < 0.6 and gap["verdict"] == "memorises"
    (remembered,) = memorization.analyse(study).rows
    assert 0.35 < remembered["mean_m"] < 0.65


@pytest.mark.parametrize(
    ("held_out", "why"),
    [
        (Panel(labels=[0, 1], ids=["b", "c"]), "must hold examples that the panel does not, got 'b' in both"),
        (Panel(indices=[4, 5]), "must have the same labels as the panel, True, got False"),
        (Panel(np.zeros((2, 3)), labels=[0, 1]), "must have the same inputs as the panel, False, got True"),
        (Panel(labels=[0, 1], classes=["x", "y"]), "must have the same classes"),
        ([0, 1], "must be a dynamics.Panel, got list"),
    ],
)
def test_what_does_not_go_together_is_refused(held_out: Panel, why: str, tmp_path: Path) -> None:
    panel = Panel(labels=[0, 1], ids=["a", "b"])
    with pytest.raises(UserError, match=why):
        dynamics.Recorder(tmp_path / "s" / "net" / "seed-0000", panel=panel, held_out=held_out, epochs=1)
    with pytest.raises(UserError, match="needs a panel"):
        dynamics.Recorder(tmp_path / "s" / "net" / "seed-0000", held_out=Panel(labels=[0]), epochs=1)


def test_an_epoch_without_them_or_of_another_shape_is_refused(tmp_path: Path) -> None:
    with dynamics.Recorder(
        tmp_path / "s" / "net" / "seed-0000", panel=Panel(labels=[0, 1]), held_out=Panel(labels=[1]), epochs=1
    ) as recorder:
        for wrong, why in (
            (None, "then with every epoch"),
            ({"predicted": [1, 0]}, "must hold 1 examples, got 2"),
            ({"predicted": [[1], [0]]}, "under the 1 augmentations of the panel"),
            ({"margin": [1.0], "rivals": [0]}, "must hold one of logits"),
        ):
            with pytest.raises(UserError, match=why):
                recorder.write(correct=[True, False], held_out=wrong)
    with pytest.raises(UserError, match="each of the 2 examples, got shape"):
        dynamics.Recorder(
            tmp_path / "s" / "net" / "seed-0001", panel=Panel(labels=[0, 1]), in_training=[True], epochs=1
        ).write(correct=[True, False])


def test_examples_of_a_part_are_named_by_their_place_in_the_whole() -> None:
    whole = torch.utils.data.TensorDataset(torch.arange(10.0)[:, None], torch.arange(10) % 2)
    part = torch.utils.data.Subset(torch.utils.data.Subset(whole, [9, 7, 5, 3]), [3, 0, 1])
    panel = Panel.from_dataset(part, [1, 2])
    assert panel.indices.tolist() == [9, 7] and panel.inputs[0].tolist() == [[9.0], [7.0]]


def test_methods_whose_labels_contradict_are_not_compared(tmp_path: Path) -> None:
    """Two data sets that both count from 0: their examples are not the same ones."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=30)
    for method, panel in {
        "one": Panel(labels=labels, indices=range(30)),
        "other": Panel(labels=1 - labels, indices=range(30)),
        "wrong-on-purpose": Panel(labels=1 - labels, true_labels=labels, indices=range(30)),
    }.items():
        for seed in range(3):
            with dynamics.Recorder(
                tmp_path / "s" / method / f"seed-{seed:04d}", panel=panel, epochs=2
            ) as recorder:
                for epoch in (1, 2):
                    recorder.write(correct=rng.random(30) < 0.4 * epoch, epoch=epoch)
                recorder.finish()
    study = dynamics.open_study(tmp_path / "s")
    why = correlation.why_not_comparable(study, "one", "other")
    assert why is not None and "30 of 30 examples of the same index or id have different labels" in why
    assert correlation.why_not_comparable(study, "one", "wrong-on-purpose") is None


def test_the_same_examples_of_a_data_set_are_not_held_out(tmp_path: Path) -> None:
    """Under a random transform no two draws are alike, and the gap would be near 0 without a word."""

    class Noisy(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 9

        def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
            return torch.rand(3), at % 2

    whole, folder = Noisy(), tmp_path / "runs/mine/net/seed-0000"
    first, second = (torch.utils.data.Subset(whole, part) for part in (range(5), range(4, 9)))
    panel = dynamics.Panel.from_dataset(first, range(5), augmentations=2)
    overlapping = dynamics.Panel.from_dataset(second, range(3), augmentations=2, seed=1)
    with pytest.raises(UserError, match="got number 4 of their data set in both"):
        dynamics.Recorder(folder, panel=panel, held_out=overlapping, epochs=1)
    apart = dynamics.Panel.from_dataset(second, [1, 2], augmentations=2, seed=1)
    dynamics.Recorder(folder, panel=panel, held_out=apart, epochs=1)
    other = dynamics.Panel.from_dataset(Noisy(), range(3), augmentations=2, seed=1)  # counts from 0, too
    dynamics.Recorder(folder, panel=panel, held_out=other, epochs=1)
