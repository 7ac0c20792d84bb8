from pathlib import Path

import numpy as np
import pytest

from dynamics import snapshots, study_file
from dynamics.errors import UserError
from dynamics.lock import seed_lock
from runners.status import main


def write(runs: Path, seed: int, **config: int) -> Path:
    folder = snapshots.seed_folder(runs, "s", "simclr", seed)
    correct = np.random.default_rng(seed).random((3, 2, 4, 8)) < 0.5
    snapshots.write_finished(
        folder, method="simclr", seed=seed, correct=correct, config={"epochs": 3, **config}
    )
    return folder


def status(runs: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["--runs", str(runs), "--study", "s", *arguments])
    return code, capsys.readouterr().out


def test_complete_partial_locked_and_of_another_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(3):
        write(tmp_path, seed)
    write(tmp_path, 3, width=8)
    partial = snapshots.seed_folder(tmp_path, "s", "simclr", 4)
    snapshots.write_run_json(partial, method="simclr", seed=4, config={"epochs": 3}, provenance={})
    writer = snapshots.Writer.open(
        partial, epochs=3, shape=(2, 4, 8), scalar_names=(), coordinates={"example": np.arange(8)}
    )
    writer.write(1, {"correct": np.zeros((2, 4, 8), bool)}, {})
    with seed_lock(partial):
        code, out = status(tmp_path, capsys)
    assert code == 1
    assert "seed-0003: complete, of another config than most seeds: analyses refuse it" in out
    assert "seed-0004: partial, 1 of 3 epochs, locked by process" in out
    assert "seed-0000" not in out


def test_damage_is_found_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, 0)
    chunk = next((folder / "snapshots.zarr" / "correct").glob("c*"))
    damaged = bytearray(chunk.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    chunk.write_bytes(damaged)
    assert status(tmp_path, capsys)[0] == 0
    code, out = status(tmp_path, capsys, "--verify")
    assert code == 1 and str(chunk) in out


def test_seeds_that_have_not_begun_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipes = {method: study_file.preset(method, "quick") for method in ("simclr", "supervised")}
    study_file.record(tmp_path / "s", recipes, range(4))
    write(tmp_path, 1)
    code, out = status(tmp_path, capsys)
    assert code == 0
    assert "simclr: 3 seeds not begun (0,2-3)" in out and "supervised: 4 seeds not begun (0-3)" in out


def test_what_is_freed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, 0)
    assert status(tmp_path, capsys, "--release") == (0, "none of them is locked\n")
    with pytest.raises(UserError, match="gone says what to free: add release"):
        main(["--runs", str(tmp_path), "--study", "s", "--gone"])


def test_a_hidden_folder_is_no_study(tmp_path: Path) -> None:
    write(tmp_path, 0)
    (tmp_path / "s").rename(tmp_path / ".jobs")
    with pytest.raises(UserError, match=r"no study '\.jobs'"):
        main(["--runs", str(tmp_path), "--study", ".jobs"])


def test_no_study_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        main(["--runs", str(tmp_path / "nowhere")])
