# SPDX-License-Identifier: Apache-2.0
"""Files of a user's own: commands find them by their names, in the folders of TRAINING_DYNAMICS_PATH alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
METHOD = """
from dynamics.methods.supervised import Method as Supervised, Recipe

class Method(Supervised):
    def loss(self, views, labels):
        return {"loss": FACTOR * super().loss(views, labels)["loss"]}
"""
ENCODER = """
from torch import nn
from dynamics.encoders import ImageEncoder

class Encoder(ImageEncoder):
    def __init__(self, width=64):
        super().__init__()
        self.layer, self.num_features = nn.Linear(3, width), width

    def forward(self, images):
        return self.layer(images.mean(dim=(2, 3))).relu()
"""
DATA = """
from dynamics.data import Dataset, load as loaded

def load(*, data_root, download, progress):
    digits = loaded("digits")
    pairs = [(images[labels < 2], labels[labels < 2]) for images, labels in (
        (digits.train_images, digits.train_labels), (digits.test_images, digits.test_labels))]
    return Dataset.build("two-digits", train=pairs[0], test=pairs[1], classes=["0", "1"])
"""
ANALYSIS = """
from analysis.framework.command import main
from analysis.framework.results import Result
from analysis.framework.table import Column, Table

def analyse(study, *, times: int = 1):
    '''Count.

    Parameters
    ----------
    times
        How often.
    '''
    rows = [{"method": method, "seeds": times * len(study.runs[method])} for method in study.methods]
    return Result(name="seeds_there", rows=rows, inputs=study.inputs())

def tables(result):
    columns = [Column("method", "method"), Column("seeds", "seeds", "d")]
    return [Table(caption="seeds", columns=columns, rows=result.rows)]

if __name__ == "__main__":
    main("seeds_there")
"""
FIGURE = """
from matplotlib.figure import Figure

NUMBER, TITLE, NEEDS = "X.1", "seeds", ("seeds_there",)

def draw(results):
    figure = Figure()
    figure.subplots().bar(*zip(*((row["method"], row["seeds"]) for row in results["seeds_there"].rows)))
    return figure
"""
FILES = {
    "dynamics/methods/scaled.py": METHOD.replace("FACTOR", "2"),
    "dynamics/encoders/mean_colour.py": ENCODER,
    "dynamics/data/two_digits.py": DATA,
    "analysis/seeds_there.py": ANALYSIS,
    "figures/seeds_there.py": FIGURE,
}
TRAIN = (
    "-m runners.seeds --method scaled --encoder mean-colour --dataset two-digits --study own --preset quick "
    "--epochs 1 --train-examples 64 --panel-examples 16 --panel-augmentations 1 --width 4 --workers 1"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def python(folder: Path, words: str, own: str = "own") -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "TRAINING_DYNAMICS_PATH": own, "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, *words.split()], cwd=folder, env=environment, text=True, capture_output=True
    )


@pytest.mark.slow
def test_commands_find_own_files_and_know_other_code(folder: Path) -> None:
    done = python(folder, f"{TRAIN} --n 1")
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "runs/own/scaled/seed-0000/run.json").read_text())
    assert {*record["provenance"]["own_code"]} == {"method scaled", "encoder mean-colour"}
    done = python(folder, "-m analysis.seeds_there --study own --times 3")
    assert done.returncode == 0 and "seeds_there.csv" in done.stdout, done.stderr
    done = python(folder, "-m figures X.1 --study own")
    assert done.returncode == 0 and (folder / "results/own/figures/figure-X.1-seeds-there.png").exists()

    (folder / "own/dynamics/methods/scaled.py").write_text(METHOD.replace("FACTOR", "3"))
    done = python(folder, f"{TRAIN} --n 2")
    assert done.returncode == 2 and "was trained with other code of method scaled" in done.stderr


@pytest.mark.slow
def test_what_is_wrong_is_said(folder: Path) -> None:
    done = python(folder, "-c pass", own="elsewhere")
    assert done.returncode == 0  # nothing of ours was imported
    done = python(folder, "-m runners.seeds --help", own="elsewhere")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: TRAINING_DYNAMICS_PATH names {folder / 'elsewhere'}, which is no folder\n",
    )
    (folder / "own/dynamics/methods/simclr.py").write_text(METHOD)
    done = python(folder, "-m runners.seeds --help")
    assert (
        done.returncode == 1 and "simclr.py has the name of another file of dynamics.methods" in done.stderr
    )


@pytest.mark.slow
def test_what_is_wrong_in_a_file_is_said_in_one_line(folder: Path) -> None:
    methods = folder / "own/dynamics/methods"
    for text, said in (
        ("def broken(:", "cannot be imported (SyntaxError: invalid syntax"),
        ("import nowhere", "cannot be imported (ModuleNotFoundError: No module named 'nowhere'): mend it"),
        ("", "must have Method, as the files of dynamics.methods have"),
    ):
        (methods / "broken.py").write_text(text)
        done = python(folder, "-m runners.seeds --method broken --preset quick --dry-run")
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    (methods / "my-loss.py").write_text(METHOD)
    done = python(folder, "-m runners.seeds --help")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "my-loss.py must be called my_loss.py" in done.stderr


@pytest.mark.slow
def test_without_the_variable_files_where_a_command_starts_are_not_found(folder: Path) -> None:
    done = python(folder / "own", "-m runners.seeds --method scaled", own="")
    assert done.returncode != 0 and "scaled" in done.stderr
