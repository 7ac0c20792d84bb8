import csv
import json
from pathlib import Path

import numpy as np
import pytest

from analysis.storage import results
from analysis.storage.results import Result
from dynamics.console import UserError

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


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"format": "else"}', "{"])
def test_a_damaged_result_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "toy.json").write_text(text)
    with pytest.raises(UserError, match="toy"):
        results.read(tmp_path, "toy")


def test_damaged_arrays_are_said(tmp_path: Path) -> None:
    results.write(make(arrays={"a": np.zeros(3)}), tmp_path)
    (tmp_path / "toy.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"toy\.npz is damaged"):
        results.read(tmp_path, "toy")
