# SPDX-License-Identifier: Apache-2.0
"""A study in an archive answers everything as the one in a folder does."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from analysis.framework.where import choose_study
from dynamics import archive, snapshots, study_file
from dynamics.errors import UserError
from dynamics.opening import open_study
from dynamics.study import Study
from dynamics.study_file import preset
from runners import pack, status
from tests.trained import trained_here

SMALL = {
    "epochs": 2,
    "train_examples": 64,
    "batch_size": 32,
    "width": 2,
    "panel_examples": 32,
    "panel_batch": 16,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    trained_here(folder, "simclr", range(2), **SMALL)
    trained_here(folder, "supervised", range(2), **SMALL)
    assert pack.main(["--runs", str(folder), "--study", "s"]) == 0
    return folder


@pytest.fixture
def packed(runs: Path) -> Iterator[Study]:
    yield open_study(runs / "s.zip")


def test_it_holds_what_the_folder_holds(runs: Path, packed: Study) -> None:
    study = open_study(runs / "s")
    assert (packed.name, packed.methods) == ("s", study.methods)
    for method in study.methods:
        for name in study.runs[method][0].recorded:
            if name != "scalars":
                assert np.array_equal(packed.array(method, name).values, study.array(method, name).values)
        ours, theirs = packed.scalars(method), study.scalars(method)
        assert ours.equals(theirs)
        assert [run.digest() for run in packed.runs[method]] == [run.digest() for run in study.runs[method]]
        assert [run.identity for run in packed.runs[method]] == [run.identity for run in study.runs[method]]
        for run in packed.runs[method]:
            assert snapshots.verify(run.folder) == [] and snapshots.is_complete(run.folder)
            assert snapshots.state(run.folder).kind == "complete"
            assert not run.weights.exists()


def test_commands_find_it(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert snapshots.list_studies(runs) == ["s", "s.zip"]
    assert status.main(["--runs", str(runs), "--study", "s.zip"]) == 0
    assert "supervised" in capsys.readouterr().out


def test_equal_studies_make_equal_archives_and_networks_come_along_when_asked(
    runs: Path, tmp_path: Path
) -> None:
    words = ["--runs", str(runs), "--study", "s", "--to"]
    pack.main([*words, str(tmp_path / "again.zip")])
    assert (tmp_path / "again.zip").read_bytes() == (runs / "s.zip").read_bytes()
    pack.main([*words, str(tmp_path / "whole.zip"), "--weights"])
    run = open_study(tmp_path / "whole.zip").runs["simclr"][0]
    original = open_study(runs / "s").runs["simclr"][0]
    assert run.weights.read_bytes() == original.weights.read_bytes() and snapshots.verify(run.folder) == []


def test_what_cannot_be_packed_is_said(runs: Path, tmp_path: Path) -> None:
    words = ["--runs", str(runs), "--study"]
    for study, to, said in (
        ("s", runs / "s.zip", "exists: remove it first"),
        ("s", tmp_path / "s.tar", "must end in .zip"),
        ("s.zip", tmp_path / "t.zip", "is packed already"),
    ):
        with pytest.raises(UserError, match=said):
            pack.main([*words, study, "--to", str(to)])
    trained_here(tmp_path, "supervised", [0], **SMALL)
    snapshots.seed_folder(tmp_path, "s", "supervised", 1).mkdir()
    with pytest.raises(UserError, match="seed-0001 is not complete: finish it"):
        pack.main(["--runs", str(tmp_path), "--study", "s"])
    assert not [*tmp_path.glob("*.zip*")]


def test_a_flipped_bit_in_it_is_found(runs: Path, tmp_path: Path) -> None:
    damaged = bytearray((runs / "s.zip").read_bytes())
    with zipfile.ZipFile(runs / "s.zip") as there:
        chunk = next(info for info in there.infolist() if "/correct/c." in info.filename)
    damaged[chunk.header_offset + 30 + len(chunk.filename) + 20] ^= 1
    (tmp_path / "s.zip").write_bytes(damaged)
    method = chunk.filename.partition("/")[0]
    with pytest.raises(UserError, match=r"s\.zip/.*/correct/c.*is damaged"):
        open_study(tmp_path / "s.zip").counts(method)


def test_a_file_that_is_no_archive_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"no archive")
    assert snapshots.list_studies(tmp_path) == []
    with pytest.raises(UserError, match="no study at"):
        open_study(tmp_path / "photos.zip")


def test_a_copy_that_was_cut_off_is_called_so(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.zip").write_bytes((runs / "s.zip").read_bytes()[:5000])
    with pytest.raises(UserError, match=r"cut\.zip is no archive of a study, or cut off: copy it again"):
        choose_study(tmp_path, "cut.zip")


def test_seeds_that_the_study_asks_for_are_missed(tmp_path: Path) -> None:
    trained_here(tmp_path, "supervised", [0], **SMALL)
    study_file.record(tmp_path / "s", {"supervised": preset("supervised", "quick", **SMALL)}, [0, 2, 3])
    with pytest.raises(UserError, match=r"seeds 2-3 of supervised have not begun, and study\.toml says"):
        pack.main(["--runs", str(tmp_path), "--study", "s"])


def test_a_folder_of_studies_is_no_study(runs: Path) -> None:
    with pytest.raises(UserError, match=r"holds studies: name one of them, such as .*/s"):
        open_study(runs)


def test_nothing_is_written_into_it(runs: Path) -> None:
    place = archive.opened(runs / "s.zip") / "simclr"
    with pytest.raises(PermissionError):
        (place / "new").open("w")
    with pytest.raises(OSError, match="Not a directory"):
        (place / "new").mkdir()
    assert not (place / "new").exists() and not (place / "new").is_file()
    with pytest.raises(FileNotFoundError):
        (place / "new").read_bytes()
    with pytest.raises(FileNotFoundError):
        list((place / "new").iterdir())
