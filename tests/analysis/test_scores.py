# SPDX-License-Identifier: Apache-2.0
"""Difficulty scores: against loops over epochs, and on networks that were given some wrong labels."""

from pathlib import Path

import numpy as np
import pytest
import torch

import dynamics
from analysis import examples, scores
from analysis.statistics.difficulty import difficulty_scores, early_epoch
from dynamics import methods, networks
from dynamics.config import Recipe
from dynamics.data import Dataset, flipped_labels
from dynamics.methods.base import how_clearly
from dynamics.opening import open_study
from runners import ingest
from tests.analysis.studies import opened, rising, write
from tests.references import difficulty as loops
from tests.trained import trained_here

EPOCHS, SHAPE = 9, (3, 2, 7)


@pytest.fixture
def recorded(rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Return the arrays of some epochs, in which the first example is never learnt."""
    epochs = []
    for _ in range(EPOCHS):
        correct = rng.random(SHAPE) < 0.6
        correct[..., 0] = False
        p = rng.random(SHAPE).astype(np.float16)
        floats = {name: rng.normal(size=SHAPE).astype(np.float16) for name in ("margin", "error_norm")}
        epochs.append(
            {"correct": correct, "probability": p, "predicted": rng.integers(0, 2, SHAPE), **floats}
        )
    return epochs


def test_aum_is_that_of_its_authors(tmp_path: Path, rng: np.random.Generator) -> None:
    """Their library's file is taken in, and stands beside our score in one table."""
    library = pytest.importorskip("aum")
    logits, labels = rng.normal(size=(5, 40, 3)) * 3, rng.integers(0, 3, 40)
    ids = [f"image-{at}" for at in range(40)]
    theirs = library.AUMCalculator(str(tmp_path))
    panel = dynamics.Panel(labels=labels, ids=ids)
    with dynamics.Recorder(tmp_path / "runs/s/net/seed-0000", panel=panel, epochs=5) as recorder:
        for epoch in logits:
            recorder.write(logits=epoch)
            order = rng.permutation(40)
            theirs.update(torch.tensor(epoch[order]), torch.tensor(labels[order]), [ids[at] for at in order])
        recorder.finish()
    theirs.finalize()
    words = ["--study", "s", "--runs", str(tmp_path / "runs"), "--scores", str(tmp_path / "aum_values.csv")]
    assert ingest.main(words) == 0
    found = examples.analyse(open_study(tmp_path / "runs/s"))
    np.testing.assert_allclose(found.table["net.aum"], found.table["others.aum"], atol=5e-3)
    (row,) = (row for row in found.tables()[1].rows if row["score"] == "AUM")
    assert row["rho"] == pytest.approx(1) and row["examples"] == 40


def test_all_scores_are_those_of_loops(recorded: list[dict[str, np.ndarray]]) -> None:
    found = difficulty_scores(recorded, early=3)

    def series(name: str, place: tuple[int, int, int]) -> list[float]:
        return [float(epoch[name][place]) for epoch in recorded]

    def mean(score: object, seed: int, x: int) -> float:
        return float(np.mean([score((seed, m, x)) for m in range(SHAPE[1])]))  # type: ignore[operator]

    # how many examples have a larger probability, of the others
    probabilities = [epoch["probability"].astype(float) for epoch in recorded]
    ranks = [(p[..., None, :] > p[..., :, None]).sum(axis=-1) / (SHAPE[2] - 1) for p in probabilities]
    for seed in range(SHAPE[0]):
        for x in range(SHAPE[2]):
            expected = {
                "forgetting": lambda at: loops.forgetting_events(
                    [bool(one) for one in series("correct", at)]
                ),
                "iteration_learned": lambda at: loops.iteration_learned(
                    [int(one) for one in series("predicted", at)]
                ),
                "confidence": lambda at: loops.data_map(series("probability", at))[0],
                "variability": lambda at: loops.data_map(series("probability", at))[1],
                "aum": lambda at: np.mean(series("margin", at)),
                "el2n": lambda at: series("error_norm", at)[2],
                "area": lambda at: np.mean(series("correct", at)),
                "loss_rank": lambda at: np.mean([one[at] for one in ranks]),
            }
            for name, score in expected.items():
                assert found[name][seed, x] == pytest.approx(mean(score, seed, x), abs=1e-12), name
    assert (found["forgetting"][:, 0] == EPOCHS).all()


def test_margins_and_error_norms_are_those_of_the_papers() -> None:
    logits = torch.randn(2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    labels = torch.arange(6) % 5
    found = how_clearly(logits, logits.softmax(dim=-1), labels.expand(2, 6))
    for view in range(2):
        for x in range(6):
            one, label = logits[view, x].numpy(), int(labels[x])
            assert found.margin[view, x].item() == pytest.approx(loops.margin(one, label))
            assert found.error_norm[view, x].item() == pytest.approx(loops.error_norm(one, label))


def test_a_single_class_has_a_finite_margin() -> None:
    one = torch.zeros(3, 1)
    found = how_clearly(one, one.softmax(dim=-1), torch.zeros(3, dtype=torch.int64))
    assert found.margin.half().isfinite().all() and (found.error_norm == 0).all()


@pytest.mark.parametrize("method", ["supervised", "simclr"])
def test_training_records_what_scores_need(method: str, tmp_path: Path) -> None:
    study = trained_here(
        tmp_path, method, range(2), epochs=2, train_examples=96, width=2, panel_examples=32, panel_batch=16,
        panel_augmentations=2,
    )  # fmt: skip
    arrays = {
        name: study.array(method, name).values for name in ("correct", "margin", "probability", "error_norm")
    }
    assert ((arrays["margin"] > 0) == arrays["correct"]).all()
    assert ((arrays["probability"] > 0.5) <= arrays["correct"]).all()
    low, high = (1 - arrays["probability"].astype(float)), np.sqrt(2)
    assert (arrays["error_norm"] >= low - 2e-3).all() and (arrays["error_norm"] <= high + 1e-3).all()
    if method == "supervised":
        right = study.array(method, "predicted").values == study.runs[method][0].labels
        np.testing.assert_array_equal(right, arrays["correct"])
    found = scores.analyse(study)
    names = {row["score"] for row in found.rows}
    assert names == {*scores.NEEDS} - ({"iteration_learned"} if method == "simclr" else set())


def made_up(count: int = 300) -> Dataset:
    rng = np.random.default_rng(0)
    parts = [(rng.integers(0, 256, (n, 3, 8, 8), dtype=np.uint8), np.arange(n) % 4) for n in (count, 20)]
    return Dataset.build("mine", train=parts[0], test=parts[1], classes=[*"abcd"])


@pytest.mark.parametrize("fraction", [0.1, 0.25])
def test_a_fraction_of_the_labels_is_wrong_for_methods_that_learn_from_true_ones(fraction: float) -> None:
    images, recipe = made_up(), Recipe(flip_labels=fraction)
    given = networks.training_labels(methods.load("supervised"), recipe, images)
    assert int((given != images.train_labels).sum()) == 300 * fraction
    assert given.min() >= 0 and given.max() <= 3
    again = networks.training_labels(methods.load("supervised"), recipe, images)
    other = networks.training_labels(
        methods.load("supervised"), Recipe(flip_labels=fraction, label_seed=1), images
    )
    assert torch.equal(given, again) and not torch.equal(given, other)
    for name in ("simclr", "random-labels"):
        same = [networks.training_labels(methods.load(name), one, images) for one in (recipe, Recipe())]
        assert torch.equal(*same)
    assert torch.equal(
        networks.held_out_labels(methods.load("supervised"), recipe, images), images.test_labels
    )


def test_wrong_labels_are_of_every_other_class() -> None:
    labels = torch.zeros(3000, dtype=torch.int64)
    given = flipped_labels(labels, 1.0, 4, torch.Generator().manual_seed(0))
    assert (given.bincount(minlength=4)[1:] / 3000 - 1 / 3).abs().max() < 0.04
    assert (given == 0).sum() == 0


def test_the_area_under_the_curve_is_a_fraction_of_pairs(rng: np.random.Generator) -> None:
    values, wrong = rng.integers(0, 5, (3, 60)).astype(float), rng.random(60) < 0.3
    mean = values.mean(axis=0)
    assert scores.detection(values, wrong, "el2n") == pytest.approx(loops.auroc(mean, wrong))
    assert scores.detection(values, wrong, "aum") == pytest.approx(loops.auroc(-mean, wrong))
    expected = loops.auroc(mean, wrong)
    assert scores.detection(values, wrong, "variability") == pytest.approx(max(expected, 1 - expected))


@pytest.mark.slow
def test_wrong_labels_are_detected(tmp_path: Path) -> None:
    study = trained_here(tmp_path, "supervised", range(3), flip_labels=0.1, panel_examples=256, epochs=15)
    found = scores.analyse(study)
    wrong = found.arrays["supervised.wrong"]
    run = study.runs["supervised"][0]
    np.testing.assert_array_equal(wrong, run.labels != run.true_labels)
    area = {row["score"]: row["auroc"] for row in found.rows if row["auroc"] is not None}
    for name in ("area", "confidence", "aum", "loss_rank"):
        assert area[name] > 0.9, area
    curve = found.arrays["supervised.auroc.aum"]
    assert curve[-1] > curve[0] and len(curve) == len(found.arrays["supervised.checkpoints"])
    assert "examples have a wrong label" in found.tables()[0].notes[0]


def test_reliability_and_pairs_have_a_row_each(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "mine", rising(rng, seeds=4))
    write(tmp_path, "yours", rising(rng, seeds=4))
    found = scores.analyse(opened(tmp_path))
    own = [row for row in found.rows if row["reliability"] is not None]
    assert len(own) == 8 and len(found.rows) == 8 * 9 / 2
    assert all(row["rho"] is None for row in own)
    within = [
        row
        for row in found.rows
        if (row["method"], row["other"]) == ("mine", "mine") and row["rho"] is not None
    ]
    assert all(row["rho"] > 0.3 for row in within if "forgetting" not in (row["score"], row["other_score"]))


def test_scores_of_random_mates_are_not_mixed_in(tmp_path: Path, rng: np.random.Generator) -> None:
    """What is stored of answers is among fixed mates: so are all scores."""
    write(tmp_path, "mine", rising(rng, seeds=2))
    study = open_study(tmp_path / "made-up")
    assert scores.analyse(study).table.equals(scores.analyse(study.with_mates("random")).table)


@pytest.mark.parametrize(("epochs", "early"), [(1, 1), (4, 1), (20, 2), (200, 20)])
def test_el2n_is_early(epochs: int, early: int) -> None:
    assert early_epoch(epochs) == early
