import csv
import json
from pathlib import Path

import numpy as np
import pytest

from analysis.framework import results
from analysis.framework.results import Result
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


def test_a_damaged_table_is_not_read(written: Path) -> None:
    """The .csv is for the reader: this program takes all numbers from .json and .npz."""
    (written / "toy.csv").write_bytes(b"\0")
    assert results.read(written, "toy").rows[1]["mean"] == 1 / 3


def test_damaged_arrays_are_said(written: Path) -> None:
    (written / "toy.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"toy\.npz is damaged"):
        results.read(written, "toy")
    (written / "toy.npz").unlink()
    (written / "toy.npz").mkdir()
    with pytest.raises(UserError, match=r"toy\.npz is damaged"):
        results.read(written, "toy")
