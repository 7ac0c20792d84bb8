# SPDX-License-Identifier: Apache-2.0
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dynamics import snapshots
from dynamics.errors import UserError
from tests.dynamics.recorded import LABELS, SHAPE, all_correct, record


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study in which seed 0 is complete, seed 1 has epochs 1 to 3, and seed 12 is empty."""
    runs = tmp_path_factory.mktemp("runs")
    record(seed(runs, 0), [1, 2, 3, 4], seed=0, finish=True)
    record(seed(runs, 1), [1, 2, 3], seed=1)
    record(seed(runs, 12), [], seed=12)
    return runs


@pytest.fixture
def runs(kept: Path, tmp_path: Path) -> Path:
    """Return a copy of that study which a test may change."""
    return shutil.copytree(kept, tmp_path / "runs")


def seed(runs: Path, number: int, method: str = "simclr") -> Path:
    return snapshots.seed_folder(runs, "study", method, number)


def test_folders_are_named_by_study_method_and_seed() -> None:
    assert snapshots.seed_folder(Path("runs"), "demo", "simclr", 7) == Path("runs/demo/simclr/seed-0007")
    assert snapshots.seed_folder(Path("runs"), "demo", "simclr", 12345).name == "seed-12345"
    for study, method, number in (
        ("..", "a", 0),
        ("a/b", "a", 0),
        ("", "a", 0),
        ("a", ".b", 0),
        ("a", "b", -1),
    ):
        with pytest.raises(ValueError, match=r"that of a visible folder|must be >= 0"):
            snapshots.seed_folder(Path("runs"), study, method, number)


def test_studies_methods_and_seeds_are_listed_in_order(runs: Path) -> None:
    (runs / "study" / "vicreg").mkdir()
    (runs / "empty").mkdir()
    (runs / "study" / "simclr" / "seed-0005.tmp").mkdir()
    (runs / "study" / "simclr" / "seed-x").mkdir()
    (runs / "notes.txt").write_text("")
    seed(runs, 3, "barlow-twins").mkdir(parents=True)
    assert snapshots.list_studies(runs) == ["study"]
    assert snapshots.list_methods(runs, "study") == ["barlow-twins", "simclr"]
    assert snapshots.list_seeds(runs, "study", "simclr") == [0, 1, 12]
    assert snapshots.list_studies(runs / "absent") == []
    assert snapshots.list_seeds(runs, "absent", "simclr") == []


def test_a_run_tells_what_it_is(runs: Path) -> None:
    run = snapshots.Run(seed(runs, 0))
    assert (run.method, run.seed, run.config, run.provenance, run.panel) == (
        "simclr",
        0,
        {"lr": 0.5},
        {"a": 1},
        {},
    )
    assert run.fingerprint == snapshots.fingerprint("simclr", {"lr": 0.5})
    assert (run.epochs, run.complete, run.wall_seconds, run.shape) == ((1, 2, 3, 4), True, 12.5, SHAPE)
    assert run.examples.tolist() == list(range(100, 100 + SHAPE[2]))
    assert run.labels is not None
    assert run.true_labels is not None
    assert run.labels.tolist() == run.true_labels[::-1].tolist() == LABELS.tolist()
    other = snapshots.Run(seed(runs, 1))
    assert (other.epochs, other.complete, other.wall_seconds) == ((1, 2, 3), False, None)


def test_the_same_bits_have_the_same_digest(runs: Path, tmp_path: Path) -> None:
    record(tmp_path / "seed-0000", [1, 2, 3, 4], seed=0)
    record(tmp_path / "seed-0001", [1, 2, 3, 4], seed=1)
    digests = [snapshots.Run(folder).digest() for folder in (seed(runs, 0), *sorted(tmp_path.glob("seed*")))]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("epochs", [[2], [1, 3], [3, 1, 1], range(1, 4), [], None])
def test_epochs_are_chosen_by_number_in_the_order_asked(
    runs: Path, number: int, epochs: list[int] | None
) -> None:
    run = snapshots.Run(seed(runs, number))
    expected = list(run.epochs) if epochs is None else list(epochs)
    correct = run.correct(epochs)
    assert correct.shape == (len(expected), *SHAPE)
    if expected:
        assert np.array_equal(correct, all_correct(number, expected))
    assert len(run.scalars(epochs)["loss"]) == len(expected)


def test_what_is_read_is_the_callers_own(tmp_path: Path) -> None:
    """PyTorch warns of arrays that cannot be written to."""
    record(tmp_path, [1, 2])
    run = snapshots.Run(tmp_path)
    for values in (run.examples, run.correct(), run.labels, run.scalars()["loss"]):
        assert values is not None and values.flags.writeable


def test_an_epoch_that_is_not_there_is_an_error(runs: Path) -> None:
    with pytest.raises(UserError, match=r"seed-0001 has no epoch 4 \(there: 1 to 3\)"):
        snapshots.Run(seed(runs, 1)).correct([1, 4])
    with pytest.raises(UserError, match=r"seed-0012 has no epoch 1 \(there: none yet\)"):
        snapshots.Run(seed(runs, 12)).correct([1])


def test_a_run_without_probabilities_says_so(tmp_path: Path) -> None:
    folder = seed(tmp_path, 0)
    snapshots.write_finished(folder, method="simclr", seed=0, correct=np.ones((2, 1, 1, 3), bool))
    run = snapshots.Run(folder)
    assert run.scalars() == {}
    with pytest.raises(UserError, match="holds no probability: use a run that recorded it"):
        run.read("probability")


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run\.json in"):
        snapshots.Run(tmp_path)


def test_by_default_the_epochs_of_all_seeds_are_read(runs: Path) -> None:
    opened = snapshots.open_runs(runs, "study", "simclr")
    assert [run.seed for run in opened] == [0, 1]
    assert snapshots.common_epochs(opened) == [1, 2, 3]


def test_seeds_and_complete_seeds_can_be_chosen(runs: Path) -> None:
    assert [run.seed for run in snapshots.open_runs(runs, "study", "simclr", seeds=[1])] == [1]
    assert [run.seed for run in snapshots.open_runs(runs, "study", "simclr", complete_only=True)] == [0]
    with pytest.raises(UserError, match=r"no seed 3 of simclr in .* \(there: 0, 1, 12\)"):
        snapshots.open_runs(runs, "study", "simclr", seeds=[3])
    with pytest.raises(UserError, match=r"no finished seed of simclr .*--method simclr --study study"):
        snapshots.open_runs(runs, "study", "simclr", seeds=[1], complete_only=True)
    with pytest.raises(UserError, match="no seed with an epoch on disk of vicreg"):
        snapshots.open_runs(runs, "study", "vicreg")


def test_seeds_of_another_config_are_no_copies(runs: Path) -> None:
    record(seed(runs, 2), [1], seed=2, config={"lr": 0.25})
    with pytest.raises(
        UserError, match=r"seed-0000 and .*seed-0002 must have the same lr, got 0\.5 and 0\.25"
    ):
        snapshots.open_runs(runs, "study", "simclr")


def test_seeds_of_another_panel_are_no_copies(runs: Path) -> None:
    record(seed(runs, 2), [1], seed=2, coordinates={"example": np.arange(7) + 100, "label": LABELS[::-1]})
    with pytest.raises(
        UserError, match=r"seed-0000 and .*seed-0002 must have the same panel, but differ in label"
    ):
        snapshots.open_runs(runs, "study", "simclr")
    record(seed(runs, 2, "other"), [1, 2], seed=2)
    arrays = {"correct": np.ones((1, 3, 7), bool), "probability": np.ones((1, 3, 7), np.float16)}
    writer = record(seed(runs, 3, "other"), [], seed=3, shape=(1, 3, 7))
    writer.write(1, arrays, {"loss": 0.0, "rate": 0.0})
    with pytest.raises(UserError, match=r"panels of the same shape, got \(2, 3, 7\) and \(1, 3, 7\)"):
        snapshots.open_runs(runs, "study", "other")


def test_a_config_is_compared_field_by_field(tmp_path: Path) -> None:
    folder = seed(tmp_path, 0)
    config = {"lr": 0.5, "views": (1, 2), "amp": True, "name": "a"}
    snapshots.check_config(folder, config)  # nothing there, nothing to compare
    snapshots.write_run_json(folder, method="simclr", seed=0, config=config, provenance={})
    snapshots.check_config(folder, config)
    with pytest.raises(UserError) as caught:
        snapshots.check_config(folder, {**config, "lr": 0.07, "amp": False})
    assert str(caught.value) == (
        f"{folder} was made with another config (lr = 0.5 there, 0.07 now, amp = true there, false now): "
        "use another study, or go on with lr=0.5 amp=True"
    )
    with pytest.raises(
        UserError, match=r"lr = 0\.5 there, \(absent\) now, views = \[1, 2\] there.* and 1 more"
    ):
        snapshots.check_config(folder, {})
    with pytest.raises(UserError, match=r"width = \(absent\) there, 8 now"):
        snapshots.check_config(folder, {**config, "width": 8})


def test_a_record_that_is_none_is_an_error(tmp_path: Path) -> None:
    folder = seed(tmp_path, 0)
    snapshots.write_run_json(folder, method="simclr", seed=0, config={"lr": 0.5}, provenance={})
    path = folder / "run.json"
    text = path.read_text()
    for before, after, message in (
        ("run/1", "run/2", r"newer version .*its format is 'training-dynamics\.run/2'"),
        ("0.5", "0.6", "changed by hand or damaged"),
        ('"seed": 0', '"seed": "0"', "no int 'seed'"),
        ('"seed": 0', '"seed": true', "no int 'seed'"),
        ('"training-dynamics.run/1"', "1", "its format is 1"),
        ("{", "", "not JSON"),
    ):
        path.write_text(text.replace(before, after, 1))
        with pytest.raises(UserError, match=message):
            snapshots.read_run_json(folder)


def test_reading_loads_no_torch() -> None:
    code = "import sys; import dynamics.snapshots, dynamics.lock, dynamics.study; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
