"""The thesis's own counts, taken in and analysed by the real commands, give its printed numbers."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# Tables 4.1 and 4.2 and figure 4.2 of the memorization thesis.
CHI2 = {
    "simclr": {2: (0.279, "1.3e+17"), 5: (0.521, "2.1e+11"), 39: (0.751, "1.3e+19")},
    "random-labels": {5: (0.265, "8.4e+04"), 12: (0.515, "4.2e+04"), 17: (0.798, "4.5e+05")},
}
MAE = {
    "simclr": {2: (0.289, 0.042), 5: (0.532, 0.055), 37: (0.751, 0.048)},
    "random-labels": {5: (0.265, 0.037), 12: (0.515, 0.052), 17: (0.798, 0.031)},
}
ALIGNED = {"simclr": [1, 5, 10, 25, 50, 200], "random-labels": [1, 13, 15, 16, 17, 18]}
SEEDS, AUGMENTATIONS = 30, {"simclr": 10, "random-labels": 1}


def first_ones(counts: np.ndarray, trials: int) -> np.ndarray:
    """Return bool (trial, epoch, example) with the given sums over trials."""
    return np.arange(trials)[:, None, None] < counts


def build(folder: Path, method: str) -> np.ndarray:
    """Return indicators (seed, epoch, augmentation, example) whose sums are the thesis's counts."""
    with np.load(folder / f"{method}.npz") as stored:
        counts = stored["r_counts"].astype(int)
        counts[stored["r_table_epochs"] - 1] = stored["r_table_counts"]
        single = counts // AUGMENTATIONS[method]
        single[stored["r_tilde_epochs"] - 1] = stored["r_tilde_counts"]
    others = AUGMENTATIONS[method] - 1
    rest = counts - single
    assert rest.min() >= 0 and rest.max() <= SEEDS * others
    correct = np.zeros((SEEDS, counts.shape[0], 1 + others, counts.shape[1]), dtype=bool)
    correct[:, :, 0] = first_ones(single, SEEDS)
    if others:
        spread = first_ones(rest, SEEDS * others).reshape(SEEDS, others, *counts.shape)
        correct[:, :, 1:] = spread.transpose(0, 2, 1, 3)
    return correct


def command(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    shared = Path(__file__).resolve().parents[3] / "shared" / "thesis"
    if not shared.is_dir():
        pytest.skip("no ../shared/thesis beside the checkout")
    folder = tmp_path_factory.mktemp("thesis")
    where = ("--study", "thesis", "--runs", folder / "runs")
    for method in CHI2:
        np.save(folder / f"{method}.npy", build(shared, method))
        command("runners.ingest", "--method", method, "--correct", folder / f"{method}.npy", *where)
    found = {}
    for name in ("alignment", "binomial"):
        command(f"analysis.{name}", *where, "--results", folder / "results")
        with (folder / "results" / "thesis" / f"{name}.csv").open(newline="") as file:
            found[name] = list(csv.DictReader(file))
    return found


def rows(tables: dict[str, list[dict[str, str]]], method: str, quantity: str) -> list[dict[str, str]]:
    own = [row for row in tables["binomial"] if row["method"] == method]
    return [row for row in own if row["quantity"] == quantity or row["augmentations"] == "1"]  # r is r~ then


@pytest.mark.parametrize("method", CHI2)
def test_table_4_1(tables: dict[str, list[dict[str, str]]], method: str) -> None:
    found = rows(tables, method, "r_tilde")
    assert [int(row["epoch"]) for row in found] == list(CHI2[method])
    for row, (p0, chi2) in zip(found, CHI2[method].values(), strict=True):
        assert round(float(row["p0"]), 3) == p0
        assert f"{float(row['chi2']):.1e}" == chi2
        assert row["chi2_valid"] == "false"


@pytest.mark.parametrize("method", MAE)
def test_table_4_2(tables: dict[str, list[dict[str, str]]], method: str) -> None:
    found = rows(tables, method, "r")
    assert [int(row["epoch"]) for row in found] == list(MAE[method])
    for row, (p0, mae) in zip(found, MAE[method].values(), strict=True):
        assert round(float(row["p0"]), 3) == p0
        assert float(row["mae"]) == pytest.approx(mae, abs=0.002)


@pytest.mark.parametrize("method", ALIGNED)
def test_figure_4_2(tables: dict[str, list[dict[str, str]]], method: str) -> None:
    found = [int(row["epoch"]) for row in tables["alignment"] if row["method"] == method]
    assert found == ALIGNED[method]
