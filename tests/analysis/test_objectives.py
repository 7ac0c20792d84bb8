"""Scalars of made-up runs, averaged by hand, and networks whose collapse is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

from analysis import objectives
from analysis.framework import results
from analysis.objectives import DIAGNOSTICS, about, output_dimensions
from analysis.statistics.collapse import CollapseKind, kinds, limits, verdict
from dynamics import methods
from dynamics.methods.base import ImageStatistics
from dynamics.study import Study
from dynamics.study_file import preset
from dynamics.training import diagnostics
from tests.analysis import studies

EPOCHS, EXAMPLES = 6, 64
VICREG = {"encoder": "n1", "projector": [32, 16]}
LABELLED = {"encoder": "resnet18", "width": 2}


def write(
    runs: Path, method: str, scalars: list[dict[str, np.ndarray]], config: dict, *, labels: bool = False
) -> None:
    """Write one seed for each dictionary."""
    for seed, own in enumerate(scalars):
        folder = studies.snapshots.seed_folder(runs, studies.STUDY, method, seed)
        correct = np.zeros((EPOCHS, 1, 1, EXAMPLES), dtype=bool)
        known = {"labels": np.arange(EXAMPLES) % 4} if labels else {}
        studies.snapshots.write_finished(
            folder, method=method, seed=seed, correct=correct, scalars=own, config=config, **known
        )


def recorded(rng: np.random.Generator, names: tuple[str, ...], **fixed: float) -> dict[str, np.ndarray]:
    scalars = {name: rng.random(EPOCHS) + 1 for name in names}
    return scalars | {name: np.full(EPOCHS, value) for name, value in fixed.items()}


@pytest.fixture
def runs(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A sound vicreg of two seeds, a supervised network of one without diagnostics, an ingested method."""
    folder = tmp_path / "runs"
    of_views = ("loss", "invariance", "variance", "learning_rate", "alignment", "uniformity")
    sound = {"embedding_std": 0.9, "embedding_std_min": 0.5, "embedding_rank": 9.0}
    sound |= {"feature_std": 0.8, "feature_std_min": 0.3, "feature_rank": 40.0}
    write(folder, "vicreg", [recorded(rng, of_views, **sound) for _ in range(2)], VICREG)
    write(folder, "supervised", [recorded(rng, ("loss", "learning_rate"))], LABELLED, labels=True)
    write(folder, "random-labels", [{}], {"source": "ingest"})
    return folder


@pytest.fixture
def found(runs: Path) -> results.Result:
    return objectives.analyse(studies.opened(runs))


def test_rows_are_means_over_seeds(runs: Path, found: results.Result) -> None:
    opened = studies.opened(runs)
    for method in ("vicreg", "supervised"):
        scalars = [run.scalars() for run in opened.runs[method]]
        for name in scalars[0]:
            values = np.stack([own[name] for own in scalars])
            np.testing.assert_array_equal(found.arrays[f"{method}.{name}"], values)
            own = [row for row in found.rows if (row["method"], row["scalar"]) == (method, name)]
            assert [row["epoch"] for row in own] == list(range(1, EPOCHS + 1))
            assert [row["mean"] for row in own] == pytest.approx(values.mean(axis=0))
            if len(values) > 1:
                assert [row["sd"] for row in own] == pytest.approx(values.std(axis=0, ddof=1))
            else:
                assert [row["sd"] for row in own] == [None] * EPOCHS
            assert {row["seeds"] for row in own} == {len(values)}
    assert {(row["method"], row["encoder"]) for row in found.rows} == {
        ("vicreg", "n1"),
        ("supervised", "resnet18"),
    }
    assert set(found.inputs) == {"vicreg", "supervised"}


def test_terms_are_told_from_diagnostics(found: results.Result) -> None:
    own = found.settings["methods"]
    assert own["vicreg"]["terms"] == ["loss", "invariance", "variance"]
    assert own["supervised"]["terms"] == ["loss"]
    assert own["supervised"]["diagnostics"] == []
    assert (own["vicreg"]["features"], own["vicreg"]["outputs"], own["vicreg"]["classes"]) == (256, 16, None)
    assert (own["supervised"]["features"], own["supervised"]["classes"]) == (16, 4)


def test_names_are_those_that_training_records() -> None:
    assert set(DIAGNOSTICS) == set(diagnostics.names(2))


@pytest.mark.parametrize("method", methods.names())
@pytest.mark.parametrize("chosen", ["thesis", "quick"])
def test_lengths_follow_from_the_recipe(method: str, chosen: str) -> None:
    recipe = preset(method, chosen)
    config = recipe.to_json()
    expected = 8 * recipe.width
    network = methods.load(method)
    if network.panel_views == 1:
        assert output_dimensions(config, expected) is None
        return

    statistics = ImageStatistics(10, 8, (0.5,) * 3, (0.2,) * 3)
    with torch.device("meta"):
        built = network(recipe, statistics)
    widths = [module.out_features for module in built.head.modules() if isinstance(module, torch.nn.Linear)]
    assert output_dimensions(config, expected) == widths[-1]
    assert built.encoder.num_features == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "none"),
        ({"embedding_std": 0.01}, "complete"),
        ({"embedding_rank": 0.7}, "dimensional"),  # 5 % of 16 outputs is 0.8
        ({"embedding_rank": np.nan}, "not finite"),
    ],
)
def test_the_verdict_of_an_embedding(
    tmp_path: Path, rng: np.random.Generator, changes: dict[str, float], expected: str
) -> None:
    sound = {"embedding_std": 0.9, "embedding_std_min": 0.5, "embedding_rank": 9.0}
    seeds = [recorded(rng, ("loss",), **sound) for _ in range(2)]
    for name, value in changes.items():
        for own in seeds:
            own[name][-1] = value
    write(tmp_path, "vicreg", seeds, VICREG)
    (row,) = objectives.analyse(studies.opened(tmp_path)).settings["collapse"]
    assert row["verdict"] == expected
    assert row["space"] == "embedding" and row["rank_limit"] == pytest.approx(0.8)
    assert row["largest_rank"] == 16


def test_labels_ask_for_as_many_dimensions_as_classes(tmp_path: Path, rng: np.random.Generator) -> None:
    for method, rank in (("supervised", 2.5), ("random-labels", 1.9)):
        own = recorded(rng, ("loss",), feature_std=0.9, feature_std_min=0.1, feature_rank=rank)
        write(tmp_path, method, [own], LABELLED, labels=True)
    rows = objectives.analyse(studies.opened(tmp_path)).settings["collapse"]
    assert [(row["method"], row["verdict"]) for row in rows] == [
        ("supervised", "none"),
        ("random-labels", "dimensional"),
    ]


def test_measured_networks_of_known_collapse(rng: np.random.Generator) -> None:
    """The thresholds on vectors made to collapse, through the measures of training themselves."""
    spread = rng.normal(size=(200, 32))
    one = spread[:1] + 0.02 * rng.normal(size=(200, 32))
    few = rng.normal(size=(200, 1)) @ rng.normal(size=(1, 32))
    limit = limits(examples=200, dimensions=32, classes=None)
    for vectors, expected in (
        (spread, CollapseKind.NONE),
        (one, CollapseKind.COMPLETE),
        (few, CollapseKind.DIMENSIONAL),
    ):
        tensor = torch.from_numpy(vectors)
        std = np.array([float(diagnostics.dimension_std(tensor)[0])])
        rank = np.array([float(diagnostics.effective_rank(tensor))])
        assert kinds(std, rank, limit) == [expected]


def test_seeds_that_differ_are_counted() -> None:
    assert verdict([CollapseKind.NONE, CollapseKind.NONE]) == "none"
    assert verdict([CollapseKind.COMPLETE, CollapseKind.NONE]) == "complete in 1 of 2 seeds"
    both = "complete in 1 of 3 seeds, dimensional in 2 of 3 seeds"
    assert verdict([CollapseKind.COMPLETE, CollapseKind.DIMENSIONAL, CollapseKind.DIMENSIONAL]) == both
    assert verdict([]) == "none"


def test_a_scalar_that_some_seeds_lack(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "vicreg", [recorded(rng, ("loss",)), recorded(rng, ("loss", "variance"))], VICREG)
    found = objectives.analyse(studies.opened(tmp_path))
    assert np.isnan(found.arrays["vicreg.variance"][0]).all()
    assert {row["seeds"] for row in found.rows if row["scalar"] == "variance"} == {1}
    assert {row["seeds"] for row in found.rows if row["scalar"] == "loss"} == {2}


def test_a_recipe_of_unknown_size_has_no_limit(tmp_path: Path, rng: np.random.Generator) -> None:
    own = recorded(rng, ("loss",), embedding_std=0.9, embedding_std_min=0.5, embedding_rank=1.0)
    write(tmp_path, "a-method-of-mine", [own], {"encoder": "a-network-of-mine"})
    (row,) = objectives.analyse(studies.opened(tmp_path)).settings["collapse"]
    assert row["largest_rank"] is None and row["verdict"] == "not complete"
    run = studies.opened(tmp_path).runs["a-method-of-mine"][0]
    assert about(run, own)["features"] is None


def test_a_study_without_scalars(tmp_path: Path) -> None:
    write(tmp_path, "random-labels", [{}], {"source": "ingest"})
    study: Study = studies.opened(tmp_path)
    assert "ingested runs have none" in (objectives.applies(study) or "")
    assert objectives.analyse(study).rows == []


def test_the_command(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert objectives.applies(studies.opened(runs)) is None
    assert studies.command("objectives", runs, monkeypatch) == 0
    shown = capsys.readouterr().out
    for expected in ("invariance", "collapsed below", "complete: std below 0.1", "objectives.csv"):
        assert expected in shown
    read = results.read(runs.parent / "results" / studies.STUDY, "objectives")
    assert len(read.rows) == EPOCHS * (6 + 6 + 2)
    assert read.arrays["vicreg.loss"].shape == (2, EPOCHS)


def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "runs", "random-labels", [{}], {"source": "ingest"})
    assert studies.command("objectives", tmp_path / "runs", monkeypatch) == 2
    assert "train seeds with python -m runners.seeds" in capsys.readouterr().err
