# SPDX-License-Identifier: Apache-2.0
"""A study that is published: the same bits in the same format, small, and nothing of the computer it was made on."""

import dataclasses
import platform
from pathlib import Path

import numpy as np
import pytest

import dynamics
from dynamics import snapshots, study_file
from dynamics.errors import UserError
from dynamics.opening import open_study
from dynamics.snapshots.schema import COORDINATES
from dynamics.study_file import preset
from runners import publish
from tests.trained import trained_here

SMALL = {
    "epochs": 2, "train_examples": 64, "width": 2, "batch_size": 32,
    "panel_examples": 32, "panel_batch": 16, "panel_augmentations": 2, "hold_out": 0.25,
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("original") / "runs"
    for method in ("simclr", "supervised"):
        trained_here(runs, method, range(2), **SMALL)
    recipe = preset("simclr", "quick", **SMALL)
    study_file.record(runs / "s", {"simclr": recipe}, [0, 1, 9], analyses=("learning",))
    return runs


def published(runs: Path, to: Path, *more: str) -> Path:
    assert publish.main(["--runs", str(runs), "--study", "s", "--to", str(to), *more]) == 0
    return to


def test_what_is_published_keeps_every_bit(runs: Path, tmp_path: Path) -> None:
    to = published(runs, tmp_path / "to", "--arrays", "held_out_correct", "rivals", "predicted")
    before, after = open_study(runs / "s"), open_study(to / "s")
    for method, extra in (("simclr", "rivals"), ("supervised", "predicted")):
        for one, other in zip(before.runs[method], after.runs[method], strict=True):
            assert other.complete and snapshots.verify(other.folder) == []
            assert set(other.recorded) == {"correct", "held_out_correct", extra, "scalars"}
            for name in ("correct", "held_out_correct", extra):
                np.testing.assert_array_equal(one.read(name), other.read(name))
            for name in COORDINATES:
                np.testing.assert_array_equal(one.coordinate(name), other.coordinate(name))
            for name, values in one.scalars().items():
                np.testing.assert_array_equal(values, other.scalars()[name])
            assert (one.config, one.fingerprint, one.seed) == (other.config, other.fingerprint, other.seed)
            assert one.wall_seconds == other.wall_seconds
    assert before.inputs() == after.inputs()  # results of either, and their figures, belong together


def test_the_studys_file_lists_what_is_published(runs: Path, tmp_path: Path) -> None:
    to = published(runs, tmp_path / "to", "--methods", "supervised")
    one = study_file.read(to / "s/study.toml")
    assert (one.methods, one.seed_list(), one.analyses) == (("supervised",), [0, 1], ("learning",))
    published(runs, to)
    both = study_file.read(to / "s/study.toml")
    assert both.methods == ("simclr", "supervised")
    assert both.recipe_of("simclr") == preset("simclr", "quick", **SMALL)


def test_no_network_and_no_name_of_a_computer_is_published(runs: Path, tmp_path: Path) -> None:
    to = published(runs, tmp_path / "to")
    original = open_study(runs / "s").runs["simclr"][0]
    assert original.provenance["machine"]["host"] == platform.node()
    for path in to.rglob("*"):
        assert path.suffix != ".safetensors" and path.name not in ("log.jsonl", "lock", "holder.json")
    for run in open_study(to / "s").runs["simclr"]:
        assert "host" not in run.provenance["machine"] and "processor" in run.provenance["machine"]
        assert run.provenance["published"]["arrays"] == ["held_out_correct"]


def test_seeds_that_are_there_are_kept_and_others_refused(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = published(runs, tmp_path / "to", "--methods", "simclr")
    assert snapshots.list_methods(to, "s") == ["simclr"]
    before = {path: path.stat().st_mtime_ns for path in to.rglob("*.json")}
    published(runs, to, "--methods", "simclr")
    assert "0 new seeds" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in to.rglob("*.json")} == before
    with pytest.raises(UserError, match="holds that seed with the arrays held_out_correct: publish with"):
        publish.main(["--runs", str(runs), "--study", "s", "--to", str(to), "--arrays", "rivals"])


def test_a_seed_that_is_not_finished_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = snapshots.seed_folder(tmp_path / "runs", "s", "net", 7)
    with dynamics.Recorder(folder, panel=dynamics.Panel(labels=range(4)), epochs=2) as recorder:
        recorder.write(epoch=1, correct=[True, False, True, True])
    published(tmp_path / "runs", tmp_path / "to")
    assert "0 new seeds, 1 seed not finished" in capsys.readouterr().out
    with pytest.raises(UserError, match="not finished: train it to its end"):
        publish.publish.publish(snapshots.Run(folder), tmp_path / "x", [])


def test_a_copy_of_a_copy_is_one_of_the_original(runs: Path, tmp_path: Path) -> None:
    for source, to in ((runs, tmp_path / "first"), (tmp_path / "first", tmp_path / "second")):
        published(source, to)
    first, second = (open_study(tmp_path / place / "s").inputs() for place in ("first", "second"))
    assert first == second == open_study(runs / "s").inputs()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arrays", "weights"], "`arrays` must be of correct, probability"),
        (["--methods", "vicreg"], "study s has no `methods` vicreg: it has simclr, supervised"),
        (["--study", "none"], "no study 'none' in"),
        (["--to", "RUNS"], "must be a folder outside `runs`"),
        (["--to", "RUNS/s"], "must be a folder outside `runs`"),
    ],
)
def test_wrong_input_is_refused(runs: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    given = [word.replace("RUNS", str(runs)) for word in arguments]
    with pytest.raises(UserError) as refused:
        publish.main(["--runs", str(runs), "--study", "s", "--to", str(tmp_path / "to"), *given])
    assert message in refused.value.args[0]
    assert not (tmp_path / "to").exists()


def test_the_default_is_small() -> None:
    assert {field.name: field.default for field in dataclasses.fields(publish.Publish)}["arrays"] == (
        "held_out_correct",
    )
