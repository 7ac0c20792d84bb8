import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.framework import results
from analysis.framework.results import Result
from dynamics import files
from dynamics.errors import UserError

ROWS = [
    {"method": "simclr", "epoch": 1, "mean": np.float64(0.1), "valid": np.bool_(True), "p": float("nan")},
    {"method": "a,b", "epoch": np.int64(2), "mean": 1 / 3, "valid": False, "p": None},
]


def make(**changes: object) -> Result:
    fields = {"name": "toy", "rows": ROWS, "inputs": {"simclr": {"seeds": [0, 1]}}, "settings": {"seed": 0}}
    return Result(**{**fields, **changes})  # type: ignore[arg-type]


def test_json_and_arrays_come_back(tmp_path: Path) -> None:
    curves = np.arange(6, dtype=np.uint16).reshape(2, 3)
    results.write(make(arrays={"simclr.correct": curves}), tmp_path)
    back = results.read(tmp_path, "toy")
    assert back.rows[0] == {"method": "simclr", "epoch": 1, "mean": 0.1, "valid": True, "p": None}
    assert back.rows[1]["mean"] == 1 / 3
    assert back.inputs == {"simclr": {"seeds": [0, 1]}} and back.settings == {"seed": 0}
    np.testing.assert_array_equal(back.arrays["simclr.correct"], curves)


def test_csv_is_tidy_and_in_full_precision(tmp_path: Path) -> None:
    results.write(make(), tmp_path)
    with (tmp_path / "toy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"method": "simclr", "epoch": "1", "mean": "0.1", "valid": "true", "p": ""}
    assert rows[1]["method"] == "a,b" and float(rows[1]["mean"]) == 1 / 3


def test_json_says_where_numbers_come_from(tmp_path: Path) -> None:
    results.write(make(), tmp_path)
    content = json.loads((tmp_path / "toy.json").read_text())
    assert {"command", "created", "code", "versions", "inputs", "settings", "rows"} <= content.keys()
    assert "numpy" in content["versions"]


def test_a_missing_result_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"python -m analysis\.learning"):
        results.read(tmp_path, "learning")


NO_RESULTS = [
    "",
    "[1, 2]",
    '{"format": "else"}',
    "{",
    '{"format": "training-dynamics.result/1", "rows": []}',
    '{"format": "training-dynamics.result/1", "rows": [1], "inputs": {}, "settings": {}}',
    '{"format": "training-dynamics.result/1", "rows": [], "inputs": {}, "settings": null}',
]


@pytest.mark.parametrize("content", [*(text.encode() for text in NO_RESULTS), b"\xff\xfe{}"])
def test_a_damaged_result_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "toy.json").write_bytes(content)
    with pytest.raises(
        UserError, match=rf"toy\.json is .*run python -m analysis\.toy --study {tmp_path.name}"
    ):
        results.read(tmp_path, "toy")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return a folder with a result whose archive has two arrays, one of them large enough to be compressed."""
    arrays = {"a": np.arange(600, dtype=np.uint16).reshape(2, 300), "b": np.float64([0.5, np.nan])}
    results.write(make(arrays=arrays), tmp_path)
    return tmp_path


def read_or_refused(folder: Path) -> dict[str, np.ndarray] | None:
    """Return what arrays are read; None where they are refused with the file's name and the command."""
    try:
        return dict(results.read(folder, "toy").arrays)
    except UserError as error:
        assert "toy.npz is damaged" in str(error)
        assert f"run python -m analysis.toy --study {folder.name}" in str(error)
        return None


def test_an_archive_that_was_cut_is_said(written: Path) -> None:
    path = written / "toy.npz"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_or_refused(written) is None, length


def test_no_flipped_byte_changes_a_number(written: Path) -> None:
    """What the archive's checksums do not cover (dates, the version that made it) may change nothing that is read."""
    path = written / "toy.npz"
    whole, arrays = path.read_bytes(), dict(results.read(written, "toy").arrays)
    refused = 0
    for place in range(len(whole)):
        for bits in (0x01, 0x80, 0xFF):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1 :])
            found = read_or_refused(written)
            refused += found is None
            for name, values in (found or {}).items():
                np.testing.assert_array_equal(values, arrays[name])
    assert refused > 0.7 * 3 * len(whole)


@pytest.mark.parametrize("ending", ["csv", "npz", "json"])
def test_files_of_two_runs_are_no_result(
    written: Path, tmp_path_factory: pytest.TempPathFactory, ending: str
) -> None:
    """Each is whole by itself: the .json knows which ones were written with it."""
    other = tmp_path_factory.mktemp("other")
    results.write(make(rows=ROWS[:1], arrays={"a": np.zeros(3)}), other)
    (written / f"toy.{ending}").write_bytes((other / f"toy.{ending}").read_bytes())
    with pytest.raises(
        UserError, match=rf"of another run .*run python -m analysis\.toy --study {written.name}"
    ):
        results.read(written, "toy")


@pytest.mark.parametrize("ending", ["csv", "npz", "json"])
def test_what_fails_while_writing_leaves_the_earlier_result(
    written: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    before = {path.name: path.read_bytes() for path in written.iterdir()}
    write = files.write_synced

    def full(path: Path, *parts: bytes | memoryview) -> None:
        if f"toy.{ending}" in path.name:
            raise UserError("the disk is full")
        write(path, *parts)

    monkeypatch.setattr(files, "write_synced", full)
    with pytest.raises(UserError, match="the disk is full"):
        results.write(make(rows=ROWS[:1], arrays={"a": np.zeros(3)}), written)
    assert {path.name: path.read_bytes() for path in written.iterdir()} == before


def test_arrays_of_an_earlier_run_do_not_stay(written: Path) -> None:
    results.write(make(), written)
    assert results.read(written, "toy").arrays == {} and not (written / "toy.npz").exists()


def test_no_changed_field_is_read(written: Path) -> None:
    """Every value of the .json, at any depth, is covered by its hash."""
    path = written / "toy.json"
    whole = json.loads(path.read_text())

    def changed(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield {name: one for name, one in value.items() if name != key}
                yield from ({**value, key: odd} for odd in changed(inner))
        elif isinstance(value, list):
            yield value[:-1] if value else [0]
            for at, inner in enumerate(value):
                yield from ([*value[:at], odd, *value[at + 1 :]] for odd in changed(inner))
        else:
            yield from (odd for odd in (None, "x", -1, {}, [[]]) if odd != value)

    tried = 0
    for odd in changed(whole):
        path.write_text(json.dumps(odd))
        with pytest.raises(UserError, match=r"toy\.json is .*: remove"):
            results.read(written, "toy")
        tried += 1
    assert tried > 100


def test_deeply_nested_json_is_said(written: Path) -> None:
    (written / "toy.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"toy\.json is damaged"):
        results.read(written, "toy")


def test_a_result_of_version_0_1_is_read(written: Path) -> None:
    """It has no hashes: what another version wrote differently is said when it is used."""
    path = written / "toy.json"
    old = {
        name: value for name, value in json.loads(path.read_text()).items() if name not in ("files", "sha256")
    }
    path.write_text(json.dumps(old | {"format": results.BEFORE}))
    assert results.read(written, "toy").rows[1]["mean"] == 1 / 3
    with (
        pytest.raises(
            UserError, match=r"result toy does not have .*'targets'.*: make it anew with python -m"
        ),
        results.usable([results.read(written, "toy")], "demo"),
    ):
        results.read(written, "toy").rows[0]["targets"]


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-x", "@SUM(A1)", "\t=1", "plain", "a=1"]
    results.write(make(rows=[{"=name": name, "number": -0.5} for name in names]), tmp_path)
    with (tmp_path / "toy.csv").open(newline="") as file:
        cells = list(csv.reader(file))
    assert cells[0] == ["'=name", "number"] and {row[1] for row in cells[1:]} == {"-0.5"}
    assert [row[0] for row in cells[1:]] == [*(f"'{name}" for name in names[:5]), "plain", "a=1"]
    assert [row["=name"] for row in results.read(tmp_path, "toy").rows] == names


def test_damaged_arrays_are_said(written: Path) -> None:
    (written / "toy.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"toy\.npz is damaged"):
        results.read(written, "toy")
    (written / "toy.npz").unlink()
    (written / "toy.npz").mkdir()
    with pytest.raises(UserError, match=r"toy\.npz is damaged"):
        results.read(written, "toy")
