# SPDX-License-Identifier: Apache-2.0
"""A recorder in somebody else's loop: it says what the network answers, and the loop cannot tell that it was there."""

import functools
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dynamics
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.methods.base import how_clearly
from dynamics.recording.judgement import judge
from dynamics.recording.network import ask
from tests.references.rivals import rivals
from tests.typechecks import types_unchecked

K, C = 12, 3


@pytest.fixture(autouse=True)
def as_users_have_it() -> Iterator[None]:
    """The type checks of tests would answer before the recorder does, and they draw random numbers."""
    with types_unchecked():
        yield


class Net(nn.Module):
    """A network with all that a look could disturb: dropout, batch norm, one frozen, and a counter that always runs."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
        self.frozen, self.head = nn.BatchNorm1d(8), nn.Linear(8, C)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        noise = torch.rand(1) + float(np.random.rand()) + random.random()  # even in eval mode
        return self.head(self.frozen(self.body(images))) + 0 * noise


@pytest.fixture
def images() -> Tensor:
    return torch.randn(K, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(K) % C


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs/mine/my-net/seed-0000"


def trained(images: Tensor, labels: Tensor, record: Callable[[nn.Module], None]) -> list[bytes]:
    """Train three epochs; return all bits of the network and of the random states after each."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    bits = []
    for _ in range(3):
        net.train()
        net.frozen.eval()
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
        record(net)
        assert net.training and net.body.training and not net.frozen.training
        bits.append(
            b"".join(value.numpy().tobytes() for value in net.state_dict().values())
            + torch.get_rng_state().numpy().tobytes()
            + repr((np.random.get_state(), random.getstate())).encode()
        )
    return bits


def test_the_training_cannot_tell_that_it_is_recorded(images: Tensor, labels: Tensor, folder: Path) -> None:
    with dynamics.Recorder(folder, panel=dynamics.Panel(images, labels), epochs=3) as recorder:
        recorded = trained(images, labels, recorder.epoch)
        recorder.finish()
    assert recorded == trained(images, labels, lambda net: None)
    run = snapshots.Run(folder)
    assert run.complete and run.epochs == (1, 2, 3) and snapshots.verify(folder) == []


def test_what_is_recorded_is_what_the_network_answers_at_rest(
    images: Tensor, labels: Tensor, folder: Path
) -> None:
    nets = []
    with dynamics.Recorder(folder, panel=dynamics.Panel([images, -images], labels), epochs=3) as recorder:
        trained(
            images,
            labels,
            lambda net: (
                recorder.epoch(net),
                nets.append({k: v.clone() for k, v in net.state_dict().items()}),
            )[0],
        )
        recorder.finish()
    run = snapshots.Run(folder)
    for epoch, state in enumerate(nets, 1):
        net = Net().eval()
        net.load_state_dict(state)
        with torch.no_grad():
            logits = torch.stack([net(images), net(-images)])
        answer = labels.expand(2, K)
        clear = how_clearly(logits, logits.softmax(dim=-1), answer)
        np.testing.assert_array_equal(run.correct([epoch])[0, 0], logits.argmax(dim=-1) == answer)
        np.testing.assert_array_equal(run.read("predicted", [epoch])[0, 0], logits.argmax(dim=-1))
        for name, values in clear._asdict().items():
            np.testing.assert_allclose(run.read(name, [epoch])[0, 0], values, atol=1e-3, rtol=1e-3)


def wrapped(net: nn.Module) -> dict[str, Callable[..., Any]]:
    """Callables that return a network's logits, in all ways in which people wrap them."""
    loss = torch.tensor(0.5)
    owner, hidden = SimpleNamespace(net=net), {"nets": [net]}
    return {
        "module": net,
        "method": net.forward,
        "mapping": lambda images: {"loss": loss, "logits": net(images), "hidden": net(images)},
        "tuple": lambda images: (loss, net(images)),
        "object": lambda images: SimpleNamespace(loss=loss, logits=net(images)),
        "partial": functools.partial(net),
        "of an object": lambda images: owner.net(images),
        "hidden": lambda images: hidden["nets"][0](images),
        "parallel": nn.DataParallel(net, device_ids=[]),
    }


@pytest.mark.parametrize("way", wrapped(Net()))
def test_any_callable_that_returns_logits_will_do(way: str, images: Tensor, labels: Tensor) -> None:
    net = Net().train()
    panel = dynamics.Panel(images, labels, batch_size=5)
    said = ask(wrapped(net)[way], panel)["logits"]
    assert net.training and net.calls == 0
    net.eval()
    np.testing.assert_allclose(said[0], net(images).detach(), rtol=1e-5, atol=1e-6)


def test_a_mapping_of_inputs_is_passed_by_name(images: Tensor, labels: Tensor) -> None:
    def model(*, ids: Tensor, mask: Tensor) -> Tensor:
        return ids[:, :C] * mask

    panel = dynamics.Panel({"ids": images, "mask": torch.ones(K, 1)}, labels, batch_size=5)
    np.testing.assert_array_equal(ask(model, panel)["logits"][0], images[:, :C])


def test_two_views_are_looked_up(images: Tensor, labels: Tensor, folder: Path) -> None:
    others = [
        images + 0.4 * torch.randn(K, 4, generator=torch.Generator().manual_seed(seed)) for seed in (2, 3)
    ]
    panel = dynamics.Panel([images, images], labels, positive_views=others, batch_size=4)
    with dynamics.Recorder(folder, panel=panel, epochs=1) as recorder:
        recorder.epoch(lambda views: views)
        recorder.finish()
    run = snapshots.Run(folder)
    for at, second in enumerate(others):
        both = nn.functional.normalize(torch.stack([images, second]), dim=-1).numpy()
        for start in range(0, K, 4):
            part = both[:, start : start + 4].reshape(-1, 4)
            near = part @ part.T
            np.fill_diagonal(near, -np.inf)
            half = len(part) // 2
            right = near.argmax(axis=1) == np.roll(np.arange(len(part)), half)
            np.testing.assert_array_equal(run.correct()[0, :, at, start : start + 4].ravel(), right)
        for view, example in np.ndindex(2, K):
            ahead, own_class = rivals(both, labels.numpy(), view, example)
            assert run.read("rivals")[0, view, at, example] == len(ahead)
            assert run.read("same_class_rivals")[0, view, at, example] == len(own_class)
    study = dynamics.open_study(folder.parents[1])
    assert 0 < study.with_mates("random").learning_probability("my-net").mean() <= 1


def test_probabilities_say_what_their_logits_say(rng: np.random.Generator) -> None:
    logits, labels = rng.normal(size=(2, K, C)) * 3, rng.integers(0, C, K)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    one, other = judge({"logits": logits}, labels), judge({"probabilities": probabilities}, labels)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9, atol=1e-12)


def test_certain_probabilities_have_finite_margins() -> None:
    found = judge({"probabilities": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])}, np.array([0, 1]))
    assert found["margin"].tolist() == [[[6e4, -6e4]]]
    assert found["error_norm"][0, 0].tolist() == pytest.approx([0, 2**0.5])


def test_only_some_examples_of_each_epoch(folder: Path) -> None:
    """As loops log that see most training examples, in another order, in every epoch."""
    panel = dynamics.Panel(labels=[0, 1, 2, 0], ids=["a", "b", "c", "d"])
    with dynamics.Recorder(folder, panel=panel, epochs=2) as recorder:
        recorder.write(ids=["c", "a", "d"], logits=9 * np.eye(3)[[2, 0, 1]])
        recorder.write(ids=["d", "b", "a"], logits=9 * np.eye(3)[[0, 1, 1]], labels=[0, 1, 0])
        recorder.finish()
    run = snapshots.Run(folder)
    assert run.read("present")[:, 0, 0].tolist() == [[True, False, True, True], [True, True, False, True]]
    assert run.correct()[:, 0, 0].tolist() == [[True, False, True, False], [False, True, False, True]]
    study = dynamics.open_study(folder.parents[1])
    r = study.learning_probability("my-net")
    assert r["id"].values.tolist() == ["a", "d"] and r.values.tolist() == [[1, 0], [0, 1]]


def test_a_loop_without_a_panel_says_what_its_examples_are_with_the_first_epoch(folder: Path) -> None:
    with dynamics.Recorder(folder, epochs=[0, 5]) as recorder:
        recorder.write(epoch=0, predicted=[0, 1, 1], labels=[0, 1, 2], ids=[7, 8, 9], classes=["x", "y", "z"])
        recorder.write(epoch=5, predicted=[1, 2], ids=[8, 9])
        recorder.finish()
    run = snapshots.Run(folder)
    assert run.epochs == (0, 5) and run.examples.tolist() == [7, 8, 9]
    assert run.provenance["classes"] == ["x", "y", "z"] and run.labels is not None
    assert run.correct()[:, 0, 0].tolist() == [[True, True, False], [False, True, True]]


def epochs_of(folder: Path) -> tuple[int, ...]:
    return snapshots.Run(folder).epochs


def test_a_loop_that_is_started_again_goes_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    panel = dynamics.Panel(labels=[0, 1])
    right, wrong = [[2.0, 0.0], [0.0, 2.0]], [[0.0, 2.0], [2.0, 0.0]]
    killed = (
        f"import os, dynamics; recorder = dynamics.Recorder({str(folder)!r}, epochs=4); "
        f"recorder.write(logits={right}, labels=[0, 1]); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == 9
    recorder = dynamics.Recorder(folder, panel=panel, epochs=4)
    assert recorder.recorded == (1,)
    with pytest.raises(UserError, match="epochs 1 to 1 of an earlier session: say which one this is, epoch"):
        recorder.write(logits=right)
    recorder.write(logits=right, epoch=1)
    recorder.write(logits=right, epoch=2)
    recorder.write(logits=right, epoch=3)
    assert not caplog.records and epochs_of(folder) == (1, 2, 3)
    recorder.close()
    recorder = dynamics.Recorder(folder, panel=panel, epochs=4)
    recorder.write(logits=wrong, epoch=2)  # from a checkpoint of epoch 1, on another machine
    assert (
        "epoch 2 came out differently and is replaced; what the training before had after it is deleted: epoch 3"
        in caplog.text
    )
    assert epochs_of(folder) == (1, 2)
    with pytest.raises(UserError, match="lacks 2 of 4 epochs"):
        recorder.finish()
    recorder.finish(early=True)
    assert epochs_of(folder) == (1, 2) and snapshots.Run(folder).complete
    assert dynamics.Recorder(folder, panel=panel, epochs=4).finished
    with pytest.raises(UserError, match="is finished: record another seed"):
        dynamics.Recorder(folder, panel=panel, epochs=4).write(logits=right, epoch=3)


def test_a_cell_that_is_run_again_takes_the_folder_over(folder: Path) -> None:
    first = dynamics.Recorder(folder, panel=dynamics.Panel(labels=[0, 1]), epochs=2)
    second = dynamics.Recorder(folder, panel=dynamics.Panel(labels=[0, 1]), epochs=2)
    with pytest.raises(UserError, match="was closed by another that was opened there"):
        first.write(correct=np.array([True, False]))
    second.write(correct=np.array([True, False]))
    assert repr(second).endswith("1 of 2 epochs")


def test_another_process_is_kept_out_and_a_fork_does_not_keep_the_lock(folder: Path) -> None:
    code = f"import dynamics; dynamics.Recorder({str(folder)!r}, epochs=1)"
    recorder = dynamics.Recorder(folder, panel=dynamics.Panel(labels=[0, 1]), epochs=1)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is being written by process" in said.stderr.splitlines()[-1]
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:  # as a DataLoader's worker, which outlives the recorder
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        recorder.close()
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
    finally:
        os.close(reader)
        os.close(writer)
        os.waitpid(child, 0)


def test_writing_needs_no_torch(folder: Path) -> None:
    code = (
        "import sys, dynamics, numpy; "
        f"recorder = dynamics.Recorder({str(folder)!r}, epochs=1); "
        "recorder.write(logits=9 * numpy.eye(3), labels=[0, 1, 2]); recorder.finish(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert snapshots.Run(folder).complete


def test_a_panel_of_a_data_set_has_fixed_draws_and_leaves_no_trace() -> None:
    class Noisy(torch.utils.data.Dataset):
        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            return index + torch.rand(2) + float(np.random.rand()) + random.random(), index % 2

    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    one, again = (dynamics.Panel.from_dataset(Noisy(), [5, 2, 9], augmentations=2) for _ in range(2))
    assert torch.equal(states[0], torch.get_rng_state()) and random.getstate() == states[2]
    assert repr(states[1]) == repr(np.random.get_state())
    assert one.augmentations == 2 and one.labels is not None and one.labels.tolist() == [1, 0, 1]
    assert one.fingerprint() == again.fingerprint() and not torch.equal(one.inputs[0], one.inputs[1])


def logits(examples: int = 4, classes: int = 3) -> np.ndarray:
    return np.arange(examples * classes, dtype=float).reshape(examples, classes) % 5


PANEL: dict[str, Any] = {"labels": [0, 1, 2, 0]}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "give logits, or probabilities, or some of correct"),
    "two": ({"logits": logits(), "correct": np.ones(4, bool)}, "got logits, correct"),
    "integers": (
        {"logits": np.ones((4, 3), int)},
        "logits must be floats with the classes as their last axis",
    ),
    "examples": ({"logits": logits(5)}, r"logits must hold 4 examples, got shape \(1, 1, 5, 3\)"),
    "classes": ({"logits": logits(4, 2)}, "labels must be < 2, the number of classes in logits, got 2"),
    "one logit": ({"logits": logits(4, 1)}, r"at least two classes.*the logits \(0, z\)"),
    "nan": (
        {"logits": np.full((4, 3), np.nan)},
        "logits must be finite, got nan: the training may have diverged",
    ),
    "softmax": ({"logits": np.full((4, 3), 1 / 3)}, "logits look like probabilities"),
    "no softmax": ({"probabilities": logits()}, "probabilities must be >= 0 and add up to 1"),
    "numbers": ({"correct": np.ones(4)}, "correct must hold booleans, got float64"),
    "shapes": (
        {"correct": np.ones(4, bool), "margin": np.ones((2, 4))},
        "all that is given must have one shape",
    ),
    "unsure": ({"probability": np.ones(4)}, "give correct, predicted or margin as well"),
    "certain": (
        {"correct": np.ones(4, bool), "probability": np.full(4, 1.5)},
        "probability must be from 0 to 1",
    ),
    "ragged": ({"logits": [[1.0], [1.0, 2.0]]}, "logits must be an array"),
    "text": ({"logits": "high"}, "logits must be floats"),
    "ids": ({"logits": logits(2), "ids": [3, 9]}, "ids must be those of the panel, got 9"),
    "twice": ({"logits": logits(2), "ids": [3, 3]}, "ids must be unique within an epoch"),
    "one for two": (
        {"correct": np.ones(1, bool), "ids": [0, 1]},
        "ids must name each of the 1 answers, got 2",
    ),
    "no ids": ({"correct": np.ones(4, bool), "ids": []}, "ids must be a list of at least one"),
    "mask of numpy": (
        {"correct": np.ma.array([True] * 4, mask=[0, 0, 0, 1])},
        "correct is a masked array: give its",
    ),
    "labels": ({"logits": logits(), "labels": [0, 1, 2, 1]}, "labels must be those of the panel"),
    "present": ({"correct": np.ones(4, bool), "present": np.ones(3, bool)}, "present must have the shape"),
    "absent": (
        {"correct": np.ones(4, bool), "present": np.zeros(4, bool)},
        "must have an answer that is present",
    ),
    "mask": ({"correct": np.ones(4, bool), "present": np.ones(4)}, "present must be booleans, got float64"),
    "scalars": (
        {"logits": logits(), "scalars": {"loss": "low"}},
        "scalars must hold numbers, got loss = 'low'",
    ),
    "epoch 0": (
        {"logits": logits(), "epoch": 0},
        "one of the declared epochs, 1 to 3, got 0: epochs count from 1",
    ),
    "epoch 1.5": ({"logits": logits(), "epoch": 1.5}, "epoch must be an integer, got 1.5"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_said_in_a_line_and_nothing_is_written(what: str, folder: Path) -> None:
    given, message = WRONG[what]
    with dynamics.Recorder(folder, panel=dynamics.Panel(**PANEL), epochs=3) as recorder:
        with pytest.raises(UserError, match=message) as caught:
            recorder.write(**given)
        assert "\n" not in str(caught.value) and recorder.recorded == ()
        recorder.write(logits=logits())  # the recorder is as good as new
        assert recorder.recorded == (1,)


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ({"correct": np.ones(4, bool)}, "every epoch must have the same arrays: .* before, correct now"),
        (
            {"logits": logits(), "scalars": {"loss": 1.0}},
            "the same scalars: none before, loss now",
        ),
        ({"logits": np.stack([logits()] * 2)}, r"the same shape, \(1, 1, 4\) before, \(1, 2, 4\) now"),
        ({"logits": logits(3), "ids": [0, 1, 2]}, "the same arrays"),
        ({"logits": logits(4, 5)}, "the same number of classes, 3 before, 5 now"),
    ],
)
def test_a_later_epoch_is_like_the_first(folder: Path, later: dict[str, Any], message: str) -> None:
    with dynamics.Recorder(folder, panel=dynamics.Panel(**PANEL), epochs=3) as recorder:
        recorder.write(logits=logits())
        with pytest.raises(UserError, match=message):
            recorder.write(**later)
        assert recorder.recorded == (1,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda runs: dynamics.Recorder(runs / "mine/net", epochs=1), "folder must be runs/<study>/<method>/seed-0000"),
        (lambda runs: dynamics.Recorder(runs / "mine/net/seed-1", epochs=1), "folder must be runs/"),
        (lambda runs: dynamics.Recorder(runs / "mine/My_Net/seed-0001", epochs=1), "got 'My_Net': use my-net"),
        (lambda runs: dynamics.Recorder(runs / "mine/net/seed-0001", epochs=0), "epochs must be >= 1"),
        (lambda runs: dynamics.Recorder(runs / "mine/net/seed-0001", epochs=[3, 1]), "numbers >= 0 that increase"),
        (lambda runs: dynamics.Recorder(runs / "mine/net/seed-0001", epochs="ten"), "epochs must be an integer"),
        (lambda runs: dynamics.Recorder(runs / "mine/net/seed-0001", epochs=1, panel=[1]), "must be a dynamics.Panel"),
        (
            lambda runs: dynamics.Recorder(runs / "mine/net/seed-0001", epochs=1, config={"net": Net()}),
            "config must hold plain values by name, got 'net'",
        ),
        (
            lambda runs: dynamics.Recorder(runs / "mine/net/seed-0001", epochs=1, config={"lr": float("nan")}),
            "config must hold plain values by name, got 'lr', nan",
        ),
        (lambda runs: dynamics.Recorder(runs / "mine/net/seed-0001", epochs=10**19), "epochs must be <= 1000000"),
        (lambda runs: dynamics.Panel({}, [0, 1]), "inputs must hold arrays, got an empty mapping"),
        (lambda runs: dynamics.Panel(labels=[0, 1], temperature="low"), "temperature must be a number > 0"),
        (lambda runs: dynamics.Panel(labels=[0, 1], ids=5), "ids must be texts, got 5"),
        (lambda runs: dynamics.Panel(labels=[0, 1], indices=[-1, 0]), "indices must be >= 0, got -1"),
        (lambda runs: dynamics.Panel(labels=np.ma.array([0, 1])), "labels is a masked array"),
        (
            lambda runs: dynamics.Panel(torch.ones(5, 2), positive_views=torch.ones(5, 2), batch_size=4),
            "batch_size must divide the number of examples .* 5, got 4",
        ),
        (lambda runs: dynamics.Panel.from_dataset([(1.0, 0)], [3]), "indices must be from 0 to 0, got 3 to 3"),
        (lambda runs: dynamics.Panel(), "a panel needs inputs, labels, indices or ids"),
        (lambda runs: dynamics.Panel(labels=[]), "at least one example"),
        (lambda runs: dynamics.Panel(labels=[0.5, 1.0]), "labels must hold integers"),
        (lambda runs: dynamics.Panel(labels=[0, -1]), "labels must be from 0, got -1 to 0"),
        (lambda runs: dynamics.Panel(labels=[0, 2], classes=["a", "b"]), "labels must be from 0 to 1, got 0 to 2"),
        (lambda runs: dynamics.Panel(torch.ones(3, 2), [0, 1]), "one entry for each of the 3 examples"),
        (lambda runs: dynamics.Panel([torch.ones(3, 2), torch.ones(2, 2)], [0, 1, 0]), "inputs must hold 3 examples"),
        (lambda runs: dynamics.Panel("some text", [0, 1]), "must hold arrays or tensors, got str"),
        (lambda runs: dynamics.Panel(["one text", "another"], [0, 1]), "what the tokenizer returns"),
        (lambda runs: dynamics.Panel(labels=[0, 1], ids=["a", "a"]), "ids must be unique, got 'a' twice"),
        (
            lambda runs: dynamics.Panel(torch.ones(2, 2), positive_views=[torch.ones(2, 2)] * 2),
            "positive_views must have as many augmentations as inputs, 1, got 2",
        ),
    ],
)  # fmt: skip
def test_wrong_declarations_are_said_in_a_line(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        make(tmp_path)
    assert "\n" not in str(caught.value) and not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda images: images.sum(), "must return floats .batch, output. for 12 inputs"),
        (lambda images: (images, images), "a mapping or tuple with one of them or with logits, got"),
        (lambda images: None, "got NoneType"),
        (lambda images: torch.full((len(images), C), torch.nan), "logits must be finite"),
    ],
)
def test_an_output_that_does_not_fit_is_said(
    images: Tensor, labels: Tensor, folder: Path, model: Callable[..., Any], message: str
) -> None:
    panel = dynamics.Panel(images, labels)
    with (
        dynamics.Recorder(folder, panel=panel, epochs=1) as recorder,
        pytest.raises(UserError, match=message),
    ):
        recorder.epoch(model)


def test_the_same_seed_with_another_panel_or_config_is_refused(
    images: Tensor, labels: Tensor, folder: Path
) -> None:
    with dynamics.Recorder(
        folder, panel=dynamics.Panel(images, labels, indices=range(K)), epochs=2, config={"lr": 0.1}
    ) as recorder:
        recorder.epoch(Net())
    for panel, config, message in (
        (
            dynamics.Panel(-images, labels, indices=range(K)),
            {"lr": 0.1},
            "another fingerprint: use the same one",
        ),
        (
            dynamics.Panel(images, labels, indices=range(K), classes=["a", "b", "c"]),
            {"lr": 0.1},
            "another classes",
        ),
        (
            dynamics.Panel(images, labels, indices=range(K)),
            {"lr": 0.2},
            "another config .lr = 0.1 there, 0.2 now",
        ),
        (
            dynamics.Panel(images, labels, indices=range(1, K + 1)),
            {"lr": 0.1},
            "another fingerprint",
        ),
    ):
        with (
            dynamics.Recorder(folder, panel=panel, epochs=2, config=config) as recorder,
            pytest.raises(UserError, match=message),
        ):
            recorder.epoch(Net(), epoch=2)
    assert epochs_of(folder) == (1,)


def test_another_seed_of_the_method_is_recorded_alike_or_not_at_all(
    images: Tensor, labels: Tensor, folder: Path
) -> None:
    with dynamics.Recorder(
        folder, panel=dynamics.Panel(images, labels), epochs=1, config={"lr": 0.1}
    ) as recorder:
        recorder.epoch(Net())
        recorder.finish()
    second = folder.with_name("seed-0001")
    for panel, config, message in (
        (
            dynamics.Panel(images, (labels + 1) % C),
            {"lr": 0.1},
            "must have the same fingerprint of the panel as",
        ),
        (
            dynamics.Panel(images, labels),
            {"lr": 0.2},
            "must have the same lr in config as .*seed-0000: the seeds of a",
        ),
        (dynamics.Panel(images, labels), {}, "must have the same lr in config as"),
    ):
        with pytest.raises(UserError, match=message):
            dynamics.Recorder(second, panel=panel, epochs=1, config=config)
    assert not second.exists()
    with (
        dynamics.Recorder(second, epochs=1, config={"lr": 0.1}) as recorder,
        pytest.raises(UserError, match="must have the same fingerprint of the panel as"),
    ):
        recorder.write(correct=[True] * K)  # its panel is known with the first epoch
    assert not snapshots.has_record(second)
    with dynamics.Recorder(
        second, panel=dynamics.Panel(images, labels), epochs=1, config={"lr": 0.1}
    ) as recorder:
        recorder.epoch(Net())


def test_a_loop_that_was_killed_before_it_finished_has_only_to_finish(folder: Path) -> None:
    with dynamics.Recorder(folder, panel=dynamics.Panel(labels=[0, 1]), epochs=1) as recorder:
        with pytest.raises(UserError, match="has no epoch yet: write one before you finish"):
            recorder.finish()
        recorder.write(correct=np.array([True, False]))
    again = dynamics.Recorder(folder, panel=dynamics.Panel(labels=[0, 1]), epochs=1)
    assert again.recorded == (1,) and not again.finished
    again.finish()
    assert again.finished and snapshots.Run(folder).complete and snapshots.verify(folder) == []


def test_a_network_that_fails_is_left_as_it_was(images: Tensor, labels: Tensor, folder: Path) -> None:
    net = Net().train()
    net.head.register_forward_hook(lambda *ignored: 1 / 0)
    states = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())
    with dynamics.Recorder(folder, panel=dynamics.Panel(images, labels), epochs=1) as recorder:
        with pytest.raises(ZeroDivisionError):
            recorder.epoch(net)
        assert net.training and net.calls == 0 and torch.equal(states[0], torch.get_rng_state())
        assert (random.getstate(), repr(np.random.get_state())) == states[1:]
        recorder.epoch(Net())
        assert recorder.recorded == (1,)


def test_a_network_that_changes_its_input_or_replaces_its_buffers_changes_nothing_here(
    images: Tensor, labels: Tensor
) -> None:
    class Rude(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, images: Tensor) -> Tensor:
            self.calls = self.calls + torch.ones(3)
            return images.sub_(1.0)[:, :C]

    net, panel, before = Rude(), dynamics.Panel(images, labels, batch_size=5), images.clone()
    buffer, fingerprint = net.calls, panel.fingerprint()
    first, second = ask(net, panel)["logits"], ask(net, panel)["logits"]
    np.testing.assert_array_equal(first, second)
    assert torch.equal(images, before) and panel.fingerprint() == fingerprint
    assert net.calls is buffer and buffer == 0


def test_arrays_of_any_layout_are_inputs(images: Tensor, labels: Tensor) -> None:
    whole = images.numpy()
    for odd in (whole[::-1], np.asfortranarray(whole), whole.astype(">f4")):
        said = ask(lambda images: images[:, :C], dynamics.Panel(odd, labels))["logits"][0]
        np.testing.assert_array_equal(said, odd[:, :C])


def test_missing_answers_are_not_in_the_log(folder: Path) -> None:
    with dynamics.Recorder(folder, panel=dynamics.Panel(labels=[0] * 4), epochs=1) as recorder:
        recorder.write(correct=np.ones(4, bool), present=np.array([True, False, False, False]))
    assert '"mean_correct": 1.0' in (folder / "log.jsonl").read_text()


def test_a_first_epoch_that_is_refused_declares_nothing(folder: Path) -> None:
    with dynamics.Recorder(folder, epochs=1) as recorder:
        with pytest.raises(UserError, match="logits must be finite"):
            recorder.write(logits=np.full((2, 3), np.nan), labels=[0, 1], ids=["a", "b"])
        with pytest.raises(UserError, match="scalars must hold numbers by name"):
            recorder.write(logits=logits(4, 7), labels=[0, 1, 2, 0], scalars={1: 2.0})
        recorder.write(logits=logits(), labels=[0, 1, 2, 0])
        assert recorder.recorded == (1,)


def test_a_loop_without_a_panel_goes_on_with_that_of_the_run(folder: Path) -> None:
    with dynamics.Recorder(folder, epochs=2) as recorder:
        recorder.write(predicted=[0, 1, 1], labels=[0, 1, 2], ids=["a", "b", "c"])
    with dynamics.Recorder(folder, epochs=2) as recorder:
        recorder.write(epoch=2, predicted=[2, 0], ids=["c", "a"])
        recorder.finish()
    assert snapshots.Run(folder).correct()[:, 0, 0].tolist() == [[True, True, False], [True, False, True]]


def test_an_epoch_that_was_skipped_is_missed_at_once(folder: Path) -> None:
    """A loop that saves its checkpoint first and dies before it records noticed the hole after the last epoch."""
    panel, wrong = dynamics.Panel(labels=[0, 1]), [[0.0, 3.0], [3.0, 0.0]]
    with dynamics.Recorder(folder, panel=panel, epochs=[1, 2, 5, 7]) as recorder:
        recorder.write(logits=wrong, epoch=1)
        with pytest.raises(UserError, match="epoch 2 must be recorded before epoch 5"):
            recorder.write(logits=wrong, epoch=5)
    with dynamics.Recorder(folder, panel=panel, epochs=[1, 2, 5, 7]) as recorder:
        recorder.write(logits=np.array(wrong) + 1, epoch=2)
        recorder.write(logits=np.array(wrong) + 2, epoch=5)
        recorder.finish(early=True)
    assert dynamics.open_study(folder.parents[1]).runs["my-net"][0].epochs == (1, 2, 5)
