"""The command that evaluates encoders, as a user meets it: a real tiny run, other images, wrong input."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.framework import console, evaluations
from dynamics import data, snapshots
from dynamics.errors import UserError
from dynamics.evaluation import features
from dynamics.training.job import Job
from dynamics.training.loop import train
from runners import probe
from tests.dynamics import small_runs
from tests.references import knn as reference

SHORT = ["--epochs", "2", "--min-steps", "0", "--device", "cpu"]


def make_run(
    runs: Path, method: str, *, dataset: str = "digits", seed: int = 0, root: Path = Path("data")
) -> Path:
    """Train one epoch; return the method's folder."""
    examples = 64 if dataset == "digits" else None
    recipe = small_runs.recipe(method, dataset=dataset, train_examples=examples, batch_size=16)
    folder = snapshots.seed_folder(runs, "s", method, seed)
    job = Job(method=method, recipe=recipe, seed=seed, folder=folder)
    train(job, data.load(dataset, data_root=root), device=torch.device("cpu"))
    return folder.parent


def make_folder(root: Path, *, size: int, seed: int) -> Path:
    """Images of two classes that differ in brightness."""
    rng = np.random.default_rng(seed)
    for split, count in (("train", 12), ("test", 5)):
        for index, name in enumerate(("dark", "light")):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(100 * index, 100 * index + 120, size=(size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("digits") / "runs"
    make_run(runs, "simclr", seed=1)
    return make_run(runs, "simclr")


def call(run: Path, results: Path, *arguments: str) -> dict[str, dict]:
    """Evaluate; return the rows by key."""
    assert probe.main(["--run", str(run), "--results", str(results), *SHORT, *arguments]) == 0
    return {evaluations.key_of(row): dict(row) for row in evaluations.read(results / "s").rows}


def test_a_real_run_in_both_modes(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = call(digits_run, tmp_path)
    kinds = ("simclr", "random-initialisation", "pixels")
    assert set(rows) == {f"simclr/{kind}/digits/linear/1" for kind in kinds}
    assert all(row["seeds"] == 2 and row["top1_sd"] is not None for row in rows.values())
    assert "linear on 64 labels of digits, 2 steps" in capsys.readouterr().out
    rows = call(digits_run, tmp_path, "--mode", "semi", "--fraction", "0.5", "--seeds", "1")
    assert len(rows) == 6 and rows["simclr/simclr/digits/semi/0.5"]["seeds"] == 1
    table = evaluations.read(tmp_path / "s")
    assert table.arrays["simclr.digits.linear.1.simclr.loss"].shape == (2, 2)
    frozen = {key: one["frozen"] for key, one in table.settings["evaluations"].items()}
    assert frozen["simclr/simclr/digits/linear/1"] and not frozen["simclr/simclr/digits/semi/0.5"]


def test_neighbours_join_the_table(digits_run: Path, tmp_path: Path) -> None:
    call(digits_run, tmp_path, "--seeds", "1", "--least-steps=1")  # a flag of version 0.1
    rows = call(digits_run, tmp_path, "--mode", "knn", "--neighbours", "3", "--knn-temperature", "0.1")
    assert len(rows) == 6
    run, images = snapshots.Run(digits_run / "seed-0001"), data.load("digits").subset(64)
    bank, queries = (
        features.of_run(run, images, split, device=torch.device("cpu")).values for split in ("train", "test")
    )
    votes = reference.votes(bank, images.train_labels.tolist(), queries, num_classes=10, k=3, temperature=0.1)
    rank = (votes >= votes[np.arange(355), images.test_labels.numpy()][:, None]).sum(axis=1)
    table = evaluations.read(tmp_path / "s")
    near = table.settings["evaluations"]["simclr/simclr/digits/knn/1"]
    assert near["outcomes"][1]["top1"] == pytest.approx((rank <= 1).mean())
    assert near["outcomes"][1]["top5"] == pytest.approx((rank <= 5).mean())
    assert near["knn"] == {"neighbours": 3, "knn_temperature": 0.1} and near["frozen"]
    assert rows["simclr/simclr/digits/knn/1"]["train_top1"] is None
    assert not any(name.endswith(".loss") and ".knn." in name for name in table.arrays)


def test_naming_the_own_data_set_changes_nothing(digits_run: Path, tmp_path: Path) -> None:
    assert call(digits_run, tmp_path / "a") == call(digits_run, tmp_path / "b", "--dataset", "digits")


@pytest.mark.parametrize("mode", ["linear", "semi"])
def test_transfer_to_another_resolution(mode: str, digits_run: Path, tmp_path: Path) -> None:
    images = make_folder(tmp_path / "images", size=16, seed=0)
    where = ("--dataset", "folder", "--data-root", str(images))
    rows = call(
        digits_run / "seed-0000",
        tmp_path / "results",
        *where,
        "--mode",
        mode,
        "--fraction",
        "1",
        "--epochs",
        "20",
    )
    name = f"folder-{data.load('folder', data_root=images).fingerprint[:8]}"
    assert {row["dataset"] for row in rows.values()} == {name}
    assert {row["trained_on"] for row in rows.values()} == {"digits"}
    assert rows[f"simclr/pixels/{name}/{mode}/1"]["top1"] > 0.9
    assert all(row["top5"] is None for row in rows.values())


@pytest.mark.parametrize("method", ["simclr", "supervised"])
def test_from_one_folder_to_another(method: str, tmp_path: Path) -> None:
    own, other = (make_folder(tmp_path / name, size=8, seed=i) for i, name in enumerate(("own", "other")))
    run = make_run(tmp_path / "runs", method, dataset="folder", root=own)
    rows = call(run, tmp_path / "results", "--dataset", "folder", "--data-root", str(own))
    assert {row["dataset"] for row in rows.values()} == {"folder"}
    where = ("--dataset", "folder", "--data-root", str(other), "--own-data-root", str(own))
    rows = call(run, tmp_path / "results", *where)
    name = f"folder-{data.load('folder', data_root=other).fingerprint[:8]}"
    assert {row["dataset"] for row in rows.values()} == {"folder", name} and len(rows) == 6


def test_the_images_that_a_method_normalises_by_are_asked_for(tmp_path: Path) -> None:
    own, other = (make_folder(tmp_path / name, size=8, seed=i) for i, name in enumerate(("own", "other")))
    run = make_run(tmp_path / "runs", "supervised", dataset="folder", root=own)
    with pytest.raises(UserError, match=r"normalises images.*own_data_root"):
        call(run, tmp_path / "results", "--dataset", "folder", "--data-root", str(other))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--run nowhere", "no run in nowhere: --run must be runs/STUDY/METHOD"),
        ("--run RUN --fraction 0.01 --mode semi", "--fraction must be >= 0.15"),
        ("--run RUN --fraction 2", "--fraction must be in (0, 1], got 2.0"),
        ("--run RUN --seeds 0", "--seeds must be >= 1, got 0"),
        ("--run RUN --dataset mnist", "no data set 'mnist'"),
        ("--run RUN --dataset folder --data-root absent", "images belong in"),
        ("--run RUN --device cuda:77", "--device cuda:77"),
        ("--run RUN --lr -1", "--lr must be > 0, got -1.0"),
        ("--run RUN --mode knn --neighbours 0", "--neighbours must be >= 1, got 0"),
        ("--run RUN --knn-temperature 0", "--knn-temperature must be > 0, got 0.0"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: str,
    message: str,
    digits_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = arguments.replace("RUN", str(digits_run)).split()
    assert status_of(lambda: probe.main(words)) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1 and said.startswith("error: ")
    assert not (tmp_path / "results").exists()


def test_a_damaged_table_is_said_before_anything_is_computed(digits_run: Path, tmp_path: Path) -> None:
    call(digits_run, tmp_path)
    (tmp_path / "s" / "evaluation.npz").write_bytes(b"PK damaged")
    with pytest.raises(UserError, match=r"python -m runners\.probe"):
        call(digits_run, tmp_path)


def status_of(main: Callable[[], int]) -> int | str | None:
    """Return the status that a process would end with."""
    with pytest.raises(SystemExit) as caught:
        console.run(main)
    return caught.value.code
