"""Do the benchmarks' numbers mean what they say: ratios, targets, peers that make the same views and losses."""

import json
import sys
from pathlib import Path

import pytest
import torch

import benchmarks
from benchmarks.__main__ import default_path, main
from benchmarks.harness import Measurement, alternate, in_own_process, median, ratio
from benchmarks.peers.baseline import METHODS, Baseline
from benchmarks.peers.torchvision_views import PilImages, pil_transform
from benchmarks.targets import TARGETS, judge
from dynamics import data
from dynamics.augment import IdentityViews
from dynamics.config import Recipe
from dynamics.errors import UserError
from dynamics.methods.simclr import nt_xent
from dynamics.study_file import preset

CPU = torch.device("cpu")


def tiny(name: str) -> Recipe:
    return preset(name, "quick", train_examples=64, width=2, panel_examples=16, panel_batch=8)


def test_ratios_are_those_of_medians() -> None:
    row = ratio("k", "w", [10.0, 40.0, 20.0], [5.0, 4.0, 100.0])
    assert (row.value, row.low, row.high) == (4.0, 0.2, 10.0)
    assert median("k", "w", "views/s", [100.0, 25.0, 50.0])[2:6] == (50.0, "views/s", 25.0, 100.0)


def test_calls_take_turns() -> None:
    called: list[str] = []
    calls = {name: lambda name=name: called.append(name) for name in "abc"}
    found = alternate(calls, rounds=3, device=CPU)
    assert "".join(called) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(seconds) for name, seconds in found.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_process_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="seconds_of did not come back"):
        in_own_process(benchmarks.harness.seconds_of)


def test_what_targets_are_about_is_measured_first() -> None:
    assert benchmarks.NAMES[:3] == ("train", "photographs", "seeds")
    assert {*benchmarks.NAMES[3:]} == {"augment", "store", "analysis", "recording", "engines", "scale"}
    assert {key.split(".")[0] for key, *_ in TARGETS} <= set(benchmarks.NAMES)


def test_targets_are_met_not_met_or_not_measured() -> None:
    values = {
        "augment.simclr.ratio_pil_workers": 4.0,
        "store.read_seconds": 2.1,
        "store.read_peak_without_torch": None,
        "train.cuda.simclr.epoch": 1.4,
    }
    rows = [Measurement(key, "", value, "") for key, value in values.items()]
    found = judge(rows, {"gpu": "NVIDIA H100"})
    by_key = {target[0]: each["verdict"] for target, each in zip(TARGETS, found, strict=True)}
    assert [by_key[key] for key in values] == ["met", "not met", "not measured", "met (set for an H200)"]
    assert found[0]["target"] == "at least 4 x" and found[0]["measured"] == 4.0
    without = {target[0]: each["verdict"] for target, each in zip(TARGETS, judge([], {}), strict=True)}
    assert without["train.cuda.simclr.epoch"] == "not measured (needs a GPU)"
    assert without["store.read_seconds"] == "not measured"


@pytest.mark.parametrize("name", METHODS)
def test_the_baseline_trains_and_scores_a_fixed_panel(name: str) -> None:
    torch.manual_seed(0)
    peer = Baseline(name, tiny(name), data.load("digits"), device=CPU, workers=0)
    before = [value.clone() for value in peer.network.parameters()]
    loss, correct = peer.train_epoch(), peer.score()
    assert 0 < loss < 20 and correct.dtype == torch.bool
    assert len(correct) == 16 * (1 if name == "random-labels" else 3)
    assert any(not torch.equal(one, two) for one, two in zip(before, peer.network.parameters(), strict=True))
    assert torch.equal(peer.score(), peer.score())


def test_the_baseline_has_our_loss() -> None:
    torch.manual_seed(0)
    peer = Baseline("simclr", tiny("simclr"), data.load("digits"), device=CPU, workers=0)
    peer.network.eval()
    views = [torch.rand(8, 3, 8, 8) for _ in range(2)]
    ours = nt_xent(peer.network(views[0]), peer.network(views[1]), peer.recipe.temperature)
    torch.testing.assert_close(peer.loss(views, torch.zeros(8, dtype=torch.int64)), ours)


def test_panel_items_are_augmentation_after_augmentation() -> None:
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8)
    labels = torch.arange(5)
    items = PilImages(images, labels, pil_transform(IdentityViews(), 8), views=2, fixed_draws=3)
    assert len(items) == 15
    views, label = items[7]
    assert label == 2 and torch.equal(views[0], images[2] / 255) and torch.equal(views[1], views[0])


@pytest.mark.slow
def test_the_command_writes_no_name_of_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "new" / "found.json"
    assert main(["--only", "augment", "--quick", "--device", "cpu", "--output", str(path)]) == 0
    content = json.loads(path.read_text())
    assert {"date", "hardware", "versions", "rows", "targets"} <= content.keys()
    assert "host" not in content["hardware"]
    values = {row["key"]: row["value"] for row in content["rows"]}
    assert values["augment.simclr.ratio_pil"] > 0 and values["augment.supervised.ks_least_p"] > 1e-4


def test_wrong_input_is_said() -> None:
    with pytest.raises(UserError, match="invalid choice 'speed'") as refused:
        main(["--only", "speed"])
    assert all(name in str(refused.value) for name in benchmarks.NAMES)
    with pytest.raises(UserError, match="minutes must be > 0, got 0"):
        main(["--minutes", "0"])
    with pytest.raises(UserError, match="device cuda:77"):
        main(["--device", "cuda:77"])


def test_what_is_measured_is_kept_when_the_rest_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "found.json"
    row = Measurement("one.value", "", 1.0, "s")

    class One:
        measure = staticmethod(lambda setting: [row])

    class Two:
        @staticmethod
        def measure(setting: object) -> list[Measurement]:
            raise KeyboardInterrupt

    for name, module in (("store", One), ("augment", Two)):
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)
    with pytest.raises(KeyboardInterrupt):
        main(["--only", "store", "augment", "--device", "cpu", "--output", str(path)])
    assert [found["key"] for found in json.loads(path.read_text())["rows"]] == ["one.value"]


def test_a_part_of_the_benchmarks_does_not_replace_all() -> None:
    names = [default_path(CPU, only).name for only in ((), ("train",), ("train", "seeds"))]
    assert len(set(names)) == 3 and all(name.startswith("cpu-") for name in names)
    with pytest.raises(UserError, match="is not a regular file"):
        main(["--only", "store", "--quick", "--device", "cpu", "--output", str(Path(__file__).parent)])
