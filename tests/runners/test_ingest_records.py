# SPDX-License-Identifier: Apache-2.0
"""What people have recorded, in the forms in which they have it: it comes in as it is, or is refused in a line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import binomial, correlation, examples, learning, order, scores
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.ingest import from_arrays
from dynamics.opening import open_study
from dynamics.study import Study
from runners import export
from runners.ingest import main

S, T, K, C = 3, 4, 20, 3


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Study]:
    """Take in files, which are arrays or written already; return the study."""

    def taken(method: str = "mine", **flags: Any) -> Study:
        words = ["--method", method, "--study", "s", "--runs", str(tmp_path / "runs")]
        for name, value in flags.items():
            if isinstance(value, np.ndarray):
                np.save(tmp_path / f"{name}.npy", value)
                value = tmp_path / f"{name}.npy"
            values = [] if value is True else value if isinstance(value, (list, tuple)) else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
        assert main(words) == 0
        return open_study(tmp_path / "runs/s")

    return taken


@pytest.fixture
def logits(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(S, T, K, C))


LABELS = np.arange(K) % C


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32])
def test_three_axes_of_right_and_wrong(
    run: Callable[..., Study], rng: np.random.Generator, capsys: pytest.CaptureFixture[str], kind: type
) -> None:
    correct = rng.random((S, T, K)) < 0.6
    study = run(correct=correct.astype(kind))
    np.testing.assert_array_equal(study.correct("mine")[:, :, 0, 0], correct)
    assert "correct is taken as (seed, epoch, example)" in capsys.readouterr().out


def test_a_mean_over_answers_of_which_some_are_missing_is_printed(run: Callable[..., Study]) -> None:
    found = learning.analyse(run(correct=np.array([[[1, 0], [1, np.nan]], [[0, 1], [1, 1]]])))
    (table,) = learning.tables(found)
    assert [row[3] for row in table.cells()] == ["2", "1.5"]


def test_a_missing_answer_is_missing(run: Callable[..., Study], rng: np.random.Generator) -> None:
    correct = (rng.random((S, T, K)) < 0.6).astype(float)
    correct[rng.random(correct.shape) < 0.2] = np.nan
    correct[0] = np.nan_to_num(correct[0])
    study = run(correct=correct)
    np.testing.assert_array_equal(study.array("mine", "present")[:, :, 0, 0], ~np.isnan(correct))
    np.testing.assert_allclose(study.learning_probability("mine"), np.nanmean(correct, axis=0))


def test_logits_and_probabilities_are_understood(run: Callable[..., Study], logits: np.ndarray) -> None:
    powers = np.exp(logits)
    study = run(logits=logits, labels=LABELS)
    study = run("Other_Net", probabilities=powers / powers.sum(axis=-1, keepdims=True), labels=LABELS)
    assert study.methods == ("mine", "other-net")
    np.testing.assert_array_equal(study.correct("mine")[:, :, 0, 0], logits.argmax(axis=-1) == LABELS)
    for name in ("correct", "predicted"):
        np.testing.assert_array_equal(study.array("mine", name), study.array("other-net", name))
    for name in ("probability", "margin", "error_norm"):
        np.testing.assert_allclose(study.array("mine", name), study.array("other-net", name), atol=4e-3)
    own = powers[..., 0] / powers.sum(axis=-1)
    np.testing.assert_allclose(study.array("mine", "probability")[:, :, 0, 0, 0], own[:, :, 0], atol=1e-3)


def test_counts_are_fractions_and_nothing_is_made_up(
    run: Callable[..., Study], rng: np.random.Generator
) -> None:
    counts = rng.integers(0, 11, (S, T, K))
    study = run(counts=counts, out_of=10)
    np.testing.assert_allclose(study.learning_probability("mine"), counts.mean(axis=0) / 10)
    assert learning.analyse(study).rows[-1]["mean_r"] == pytest.approx(counts[:, -1].mean() / 10)
    order.analyse(study, permutations=9)
    with pytest.raises(UserError, match="it is known only how many answers were right"):
        binomial.analyse(study)


def test_the_theses_counts_come_in(run: Callable[..., Study], shared: Path) -> None:
    known = np.load(shared / "thesis/simclr.npz")["r_counts"]
    study = run(counts=known, out_of=300)
    np.testing.assert_allclose(study.learning_probability("mine"), known / 300, rtol=1e-6)


def test_seeds_of_different_length_are_not_cut_in_silence(
    run: Callable[..., Study], rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    correct = (rng.random((S, 6, K)) < 0.6).astype(float)
    correct[1, 4:] = np.nan
    study = run(correct=correct, epochs=[0, 1, 5, 10, 50, 100])
    assert "the seeds have 6, 4, 6 epochs; analyses use the 4 that all have" in capsys.readouterr().out
    assert "epochs 0 to 10 are used" in study.notes[0]
    assert study.runs["mine"][1].epochs == (0, 1, 5, 10) and study.runs["mine"][2].epochs[-1] == 100
    assert "present" not in study.runs["mine"][0].recorded  # no answer is missing within the epochs


def test_another_seed_comes_later(run: Callable[..., Study], rng: np.random.Generator) -> None:
    correct = rng.random((S + 1, T, K)) < 0.6
    run(correct=correct[:S])
    with pytest.raises(UserError, match=r"seed-0000 exists already and is not from this .*: say which seeds"):
        run(correct=correct[S:])
    study = run(correct=correct[S:], seeds=[S])
    np.testing.assert_array_equal(study.correct("mine")[:, :, 0, 0], correct)
    assert study.notes == ()


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        ({"labels": np.roll(LABELS, 1)}, "label"),
        ({"labels": LABELS, "ids": np.arange(K).astype(str)}, "ids"),
        ({}, "label"),
    ],
)
def test_a_seed_that_comes_later_has_the_panel_of_the_others(
    run: Callable[..., Study], rng: np.random.Generator, flags: dict[str, Any], what: str
) -> None:
    study = run(correct=rng.random((S, T, K)) < 0.6, labels=LABELS)
    with pytest.raises(UserError, match=f"must have the {what} of .*seed-0000: choose another"):
        run(correct=rng.random((1, T, K)) < 0.6, seeds=[S], **flags)
    assert len(open_study(study.folder).runs["mine"]) == S


def test_an_archive_holds_all_of_it(
    run: Callable[..., Study], rng: np.random.Generator, tmp_path: Path
) -> None:
    correct = rng.random((S, T, K)) < 0.6
    parts = {"labels": LABELS, "true_labels": np.roll(LABELS, 1), "epochs": np.arange(T) * 10,
             "ids": np.array([f"image-{at}" for at in range(K)]), "classes": np.array(["a", "b", "c"]),
             "seeds": np.array([4, 7, 9])}  # fmt: skip
    np.savez(tmp_path / "all.npz", correct=correct, **parts)
    study = run(records=tmp_path / "all.npz")
    answers = study.correct("mine")
    assert answers["seed"].values.tolist() == [4, 7, 9] and answers["epoch"].values.tolist() == [
        0,
        10,
        20,
        30,
    ]
    assert answers["id"].values.tolist() == parts["ids"].tolist()
    row = examples.analyse(study).rows[1]
    assert (row["id"], row["class"], row["mine.label"]) == ("image-1", "a", 1)


def cartography(folder: Path, logits: np.ndarray, *, seed: int, order: np.ndarray) -> Path:
    """Write the files of dataset cartography for one seed, whose rows are in the order of training."""
    folder = folder / f"seed-{seed}" / "training_dynamics"
    folder.mkdir(parents=True)
    for epoch, values in enumerate(logits):
        lines = [
            json.dumps({"guid": f"{at:05d}n", f"logits_epoch_{epoch}": values[at].tolist(), "gold": int(LABELS[at]),
                        "device": "cuda:0"})
            for at in order
        ]  # fmt: skip
        (folder / f"dynamics_epoch_{epoch}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_cartographys_files_come_in_whatever_their_order(
    run: Callable[..., Study], logits: np.ndarray, tmp_path: Path, rng: np.random.Generator
) -> None:
    folders = [cartography(tmp_path, logits[seed], seed=seed, order=rng.permutation(K)) for seed in range(S)]
    study = run("RoBERTa_large", records=folders)
    assert study.methods == ("roberta-large",)
    answers = study.correct("roberta-large")
    right = logits.argmax(axis=-1) == LABELS
    by_id = {name: at for at, name in enumerate(answers["id"].values.tolist())}
    places = [by_id[f"{at:05d}n"] for at in range(K)]
    np.testing.assert_array_equal(answers[:, :, 0, 0, places], right)
    assert answers["epoch"].values.tolist() == [0, 1, 2, 3]
    powers = np.exp(logits)
    p = np.take_along_axis(powers / powers.sum(-1, keepdims=True), LABELS[None, None, :, None], -1)[..., 0]
    confidence = scores.analyse(study).arrays["roberta-large.confidence"]
    np.testing.assert_allclose(confidence[:, places], p.mean(axis=1), atol=1e-3)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_tables_in_any_format(
    run: Callable[..., Study], rng: np.random.Generator, tmp_path: Path, suffix: str
) -> None:
    names = np.array(["cat", "NA", "None"])
    rows = [
        {"sample_id": f"00{at}", "seed": seed, "epoch": 10 * t, "label": names[at % 3],
         "pred": names[rng.integers(3)], "margin": float(rng.normal())}
        for seed in range(2) for t in range(3) for at in range(K)
    ]  # fmt: skip
    del rows[17]
    frame = pd.DataFrame(rows).sample(frac=1, random_state=1)
    path = tmp_path / f"log.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    study = run(records=path)
    answers, there = study.correct("mine"), study.array("mine", "present")
    assert int((~there).sum()) == 1 and study.runs["mine"][0].provenance["classes"] == ["NA", "None", "cat"]
    for row in rows:
        where = {"seed": row["seed"], "epoch": row["epoch"]}
        place = answers["id"].values.tolist().index(row["sample_id"])
        assert bool(answers.sel(where)[0, 0, place]) == (row["pred"] == row["label"])
        assert float(study.array("mine", "margin").sel(where)[0, 0, place]) == pytest.approx(
            row["margin"], rel=1e-3
        )


def test_seeds_that_saw_different_examples(
    run: Callable[..., Study], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"id": at, "seed": seed, "epoch": t, "correct": (at + seed + t) % 2}
        for seed in range(2) for t in (1, 2) for at in range(seed, 10 + seed)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "log.csv", index=False)
    study = run(records=tmp_path / "log.csv")
    assert "4 of 44 answers are missing, which is not wrong" in capsys.readouterr().out
    r = study.learning_probability("mine")
    assert r["example"].values.tolist() == list(range(11)) and set(np.unique(r)) <= {0, 0.5, 1}
    assert study.complete().correct("mine")["example"].values.tolist() == list(range(1, 10))
    assert "mine: 9 of 11 examples have the answers of all seeds and epochs" in str(study.notes)


def test_methods_are_compared_only_where_somebody_vouches(
    run: Callable[..., Study], rng: np.random.Generator
) -> None:
    hard = rng.random(60)
    answers = [rng.random((8, 5, 60)) < hard for _ in range(4)]
    run("one", correct=answers[0])
    study = run("two", correct=answers[1])
    assert not order.analyse(study, permutations=9).table["rho"].notna().any()
    assert "nothing says which examples those of one and two are" in str(
        order.analyse(study, permutations=9).settings
    )
    run("three", correct=answers[2], aligned=True)
    study = run("four", correct=answers[3], aligned=True)
    compared = correlation.why_not_comparable(study, "three", "four")
    assert compared is None and correlation.why_not_comparable(study, "one", "three") is not None
    assert {row.get("panel") for row in examples.analyse(study).rows} == {"four", "one", "two"}


def test_named_examples_are_brought_into_one_order(
    run: Callable[..., Study], rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    correct = rng.random((S, T, K)) < 0.6
    ids = np.array([f"image-{at}" for at in range(K)])
    shuffled = rng.permutation(K)
    run("one", correct=correct, ids=ids)
    study = run("two", correct=~correct[..., shuffled], ids=ids[shuffled])
    np.testing.assert_array_equal(study.correct("two"), ~study.correct("one"))
    assert "examples are ordered as those of one" in capsys.readouterr().out
    assert correlation.why_not_comparable(study, "one", "two") is None


def saved(tmp_path: Path, name: str, text: str) -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({}, "give some of logits"),
        ({"correct": np.ones((2, 3)), "logits": np.ones((3, 2, 3, 4))}, "all arrays must have the same sizes"),
        ({"logits": np.ones((S, T, K, C))}, "logits need the labels"),
        ({"logits": np.ones((S, T, K, C)), "labels": LABELS + 1}, "labels must be < 3, the number of classes"),
        ({"probabilities": np.ones((S, T, K, C)), "labels": LABELS}, "probabilities must be >= 0 and add up to 1"),
        ({"counts": np.ones((T, K), int)}, "counts need out_of"),
        ({"counts": np.full((T, K), 11), "out_of": 10}, "counts must be integers from 0 to 10, got 11 to 11"),
        ({"counts": np.full((T, K), 0.5), "out_of": 10}, "counts must be integers from 0 to 10"),
        ({"correct": np.full((T, K), np.nan)}, "seed 0 has no answer at all: leave it out"),
        ({"correct": np.ones((T, K)), "present": np.ones((T, K))}, "present must be booleans, got float64"),
        ({"correct": np.ones((T, K)), "epochs": [1, 2]}, "epochs must have one number for each of 4, got 2"),
        ({"correct": np.ones((T, K)), "epochs": [4, 3, 2, 1]}, "epochs must be >= 0, each once and in order"),
        ({"correct": np.ones((T, K)), "seeds": [0, 1]}, "seeds must have one number for each of 1, got 2"),
        ({"correct": np.ones((T, K)), "ids": np.array(["a"] * K)}, "ids must have one entry, each another"),
        ({"correct": np.ones((T, K)), "labels": np.ones(K)}, "labels must hold integers, got float64"),
        ({"margin": np.full((T, K), np.inf)}, "margin must be finite"),
        ({"correct": np.ones((T, K)), "labels": LABELS, "classes": ["a", "b"]}, "classes must name all 3 classes"),
        ({"logits": np.eye(3)[None] * 5, "labels": np.array([0, 1, -1])}, "labels must be >= 0, the place of a class"),
        ({"logits": np.array([[[1, np.nan], [1, 2]]]), "labels": np.array([0, 1])}, "NaN for all classes of an answer"),
        ({"correct": np.ones((1, 2)), "probability": np.array([[0.5, np.nan]])}, "probability is NaN where correct is"),
        ({"counts": np.ones((T, K), int), "out_of": 2, "correct": np.ones((T, K))}, "give nothing else beside them"),
        ({"correct": np.ones((1, 3)), "indices": np.array([5, 5, 7])}, "indices must be >= 0, each another"),
        ({"correct": np.ones((1, 2)), "ids": np.array([[1, 2]])}, "ids must be a list of texts"),
        ({"error_norm": np.ones((T, K))}, "give correct, predicted or margin as well"),
    ],
)  # fmt: skip
def test_wrong_arrays_are_said_in_a_line(
    run: Callable[..., Study], tmp_path: Path, flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        run(**flags)
    assert "\n" not in str(caught.value) and not snapshots.list_studies(tmp_path / "runs")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("log.csv", "id,correct\na,1\n", "log.csv needs a column called epoch, checkpoint, got id, correct"),
        ("log.csv", "epoch,correct\n1,1\n", "needs a column called id, ids, guid, .* got epoch, correct"),
        ("log.csv", "id,epoch\na,1\n", "the tables say nothing of answers"),
        ("log.csv", "id,epoch,correct\na,1,1\na,1,0\n", "two rows are about example 'a' after epoch 1"),
        ("log.csv", "id,epoch,correct\na,1,maybe\n", "correct must hold numbers"),
        ("log.csv", "id,epoch,label,pred\na,1,x,y\na,2,y,y\n", "example 'a' has more than one label"),
        ("log.csv", "id,epoch,label,pred\na,1,x,z\n", "classes must name all labels, got 'z'"),
        ("log.csv", "id,guid,epoch,correct\na,b,1,1\n", "several columns that mean id"),
        ("log.csv", "id,epoch,correct\na,1.5,1\n", "epoch must be an integer in every row, got 1.5"),
        ("log.csv", "id,seed,epoch,correct\na,,1,1\n", "seed must be an integer in every row, got nan"),
        ("log.csv", "", "log.csv cannot be read"),
        ("log.csv", "id,epoch,correct,present\na,1,1,False\n", "present says of no answer that it is there"),
        ("log.csv", "id,epoch,correct,present\na,1,1,2\n", "present must be true or false in every row, got 2"),
        ("log.csv", "id,epoch,label,true_label,correct\na,1,0,dog,1\nb,1,1,cat,1\n", "classes must name the labels"),
        ("log.csv", "id,epoch,label,pred\na,1,,cat\n", "every row needs a label, or none"),
        ("log.csv", "id,epoch,label,logits_0,logits_2\na,1,0,1,2\n", "columns logits_0, logits_1 and so on, without"),
        ("log.csv", "id,index,epoch,correct\na,5,1,1\nb,5,1,1\n", "every id must have one example, its index"),
        ("log.csv", "id,epoch,correct\na,1e30,1\n", "epoch must be an integer in every row"),
        ("log.jsonl", '{"id": 1, "epoch": 9, "gold": 0, "logits_epoch_3": [1, 2]}', "a column epoch that is not 3"),
        ("log.jsonl", '{"id": 1, "epoch": 1, "correct": 1}\n{"id": "1", "epoch": 1, "correct": 0}',
         "id must be a text in every row, or an integer in every row, got '1'"),
        ("log.jsonl", '{"id": [1], "epoch": 1, "correct": 1}', "id must be a text in every row, .* got .1."),
        ("log.jsonl", '{"id": 1.5, "epoch": 1, "correct": 1}', "id must be a text in every row, .* got 1.5"),
        ("log.jsonl",
         '{"id": 1, "epoch": 1, "correct": 1, "label": "x"}\n{"id": 2, "epoch": 1, "correct": 0, "label": 1}',
         "label must be an integer in every row, or a text in every row"),
        ("log.csv", "id,epoch,correct\n", "log.csv has no rows"),
        ("log.jsonl", '{"id": 1, "epoch": 1, "correct": true\n', "log.jsonl cannot be read"),
        ("log.jsonl",
         '{"id": 1, "epoch": 1, "gold": 0, "logits": [1, 2]}\n{"id": 2, "epoch": 1, "gold": 0, "logits": [1]}\n',
         "logits must hold a list of numbers in every row, all of one length"),
        ("log.parquet", "not parquet", "log.parquet cannot be read"),
        ("log.xlsx", "PK", "must be a table, .csv, .jsonl, .parquet"),
        ("log.npz", "PK", "cannot be read as an .npz archive"),
    ],
)  # fmt: skip
def test_wrong_tables_are_said_in_a_line(
    run: Callable[..., Study], tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        run(records=saved(tmp_path, name, text))
    assert "\n" not in str(caught.value) and not snapshots.list_studies(tmp_path / "runs")


def test_arrays_and_tables_do_not_mix(run: Callable[..., Study], tmp_path: Path) -> None:
    table = saved(tmp_path, "log.csv", "id,epoch,correct\na,1,1\n")
    with pytest.raises(UserError, match="tables say all of it themselves: leave out labels"):
        run(records=table, labels=np.array([0]))
    np.savez(tmp_path / "odd.npz", right=np.ones((2, 3)))
    with pytest.raises(UserError, match="holds an array called 'right': rename it"):
        run(records=tmp_path / "odd.npz")


def test_a_prediction_that_is_missing_is_missing(run: Callable[..., Study], tmp_path: Path) -> None:
    table = saved(tmp_path, "log.csv", "id,epoch,label,pred\na,1,cat,\nb,1,dog,dog\nc,1,cat,dog\n")
    study = run(records=table)
    assert study.array("mine", "present").values.ravel().tolist() == [False, True, True]
    assert study.correct("mine").values.ravel().tolist() == [False, True, False]


def test_logits_that_are_null_are_missing(run: Callable[..., Study], tmp_path: Path) -> None:
    rows = [{"id": at, "epoch": 1, "gold": 1, "logits": None if at == 1 else [0.5, 2.0]} for at in range(3)]
    study = run(records=saved(tmp_path, "log.jsonl", "\n".join(map(json.dumps, rows))))
    assert study.array("mine", "present").values.ravel().tolist() == [True, False, True]
    table = saved(tmp_path, "log.csv", "id,epoch,correct\n0,1,nan\n1,1,1\n2,1,1\n")
    study = run("other", records=table)
    assert study.array("other", "present").values.ravel().tolist() == [False, True, True]


def test_names_in_bytes_are_texts_and_a_mask_is_not_dropped() -> None:
    correct = np.ones((1, 2))
    assert from_arrays({"correct": correct}, ids=np.array([b"a", b"b"])).ids == ["a", "b"]
    with pytest.raises(UserError, match="correct is a masked array: give its data, and ~mask as present"):
        from_arrays({"correct": np.ma.array(correct, mask=[[True, False]])})


@pytest.mark.parametrize(
    "answers", ["logits_0,logits_1,logits_2\nx,1,entailment,9,0,0\ny,1,neutral,0,9,0\nz,1,contradiction,0,0,9\n",
                "pred\nx,1,entailment,0\ny,1,neutral,1\nz,1,contradiction,2\n"]
)  # fmt: skip
def test_the_order_of_classes_is_asked_for_where_answers_number_them(
    run: Callable[..., Study], tmp_path: Path, answers: str
) -> None:
    table = saved(tmp_path, "log.csv", f"id,epoch,label,{answers}")
    with pytest.raises(
        UserError, match="classes must name the labels in the order in which the answers number them"
    ):
        run(records=table)
    study = run(records=table, classes=["entailment", "neutral", "contradiction"])
    assert bool(study.correct("mine").all())


def test_labels_as_pandas_writes_them_are_numbers(run: Callable[..., Study], tmp_path: Path) -> None:
    rows = [
        f"x{at:02d},1,{at}.0,{','.join('9' if at == other else '0' for other in range(12))}"
        for at in range(12)
    ]
    head = "id,epoch,label," + ",".join(f"logits_{at}" for at in range(12))
    study = run(records=saved(tmp_path, "log.csv", "\n".join([head, *rows])))
    assert bool(study.correct("mine").all()) and study.correct("mine")["label"].values.tolist() == list(
        range(12)
    )


def test_names_stay_what_they_are(run: Callable[..., Study], tmp_path: Path) -> None:
    names = ["007", "008", "010"]
    saved(tmp_path, "ids.txt", "\ufeff" + "\n".join(names) + "\n")
    study = run(correct=np.ones((1, 3)), ids=tmp_path / "ids.txt")
    assert study.correct("mine")["id"].values.tolist() == names
    assert main(["--study", "s", "--runs", str(tmp_path / "runs"), "--scores",
                 str(saved(tmp_path, "scores.csv", "id,aum\n007,0.5\n008,\n"))]) == 0  # fmt: skip
    assert [row["others.aum"] for row in examples.analyse(study).rows] == [0.5, None, None]


def test_a_column_of_what_is_present_is_heeded(run: Callable[..., Study], tmp_path: Path) -> None:
    table = saved(
        tmp_path, "log.csv", "id,epoch,correct,present\n1,1,1,True\n2,1,1,False\n1,2,0,True\n2,2,1,True\n"
    )
    study = run(records=table)
    assert study.array("mine", "present").values.ravel().tolist() == [True, False, True, True]


def test_fractions_are_exported_and_come_in_again(
    run: Callable[..., Study], rng: np.random.Generator, tmp_path: Path
) -> None:
    counts = rng.integers(0, 11, (S, T, K))
    run(counts=counts, out_of=10)
    where = ["--study", "s", "--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    assert export.main([*where, "--to", "csv"]) == 0
    study = run("again", records=tmp_path / "results/s/export/mine.csv")
    np.testing.assert_allclose(study.learning_probability("again"), counts.mean(axis=0) / 10, rtol=1e-6)


def test_classes_with_other_names_are_not_those_of_the_study(
    run: Callable[..., Study], tmp_path: Path
) -> None:
    run(records=saved(tmp_path, "a.csv", "id,epoch,label,pred\na,1,cat,cat\nb,1,dog,cat\n"))
    other = saved(tmp_path, "b.csv", "id,seed,epoch,label,pred\na,1,1,dog,dog\nb,1,1,emu,dog\n")
    for method in ("mine", "another"):
        with pytest.raises(
            UserError, match=r"must have the classes of|the classes must be those of mine .* cat, dog"
        ):
            run(method, records=other)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,aum\nx,1\n", "names no example of the study"),
        ("id,aum\n0,high\n1,2\n", "aum must hold finite numbers, got 'high'"),
        ("id,aum\n0,inf\n", "must hold finite numbers, got 'inf'"),
        ("id,aum\n0,1\n0,2\n", "must have one row an example, but names 0 twice"),
        ("aum\n1\n", "must have one column of ids"),
        ("id,note\n0,good\n", "holds no numbers beside the ids"),
        ("id,aum,aum\n0,1,2\n", "the column 'aum' is there twice"),
        ("id,aum\n0\n", "line 2 has 1 entries, not 2"),
    ],
)
def test_wrong_scores_are_said_in_a_line(
    run: Callable[..., Study], tmp_path: Path, text: str, message: str
) -> None:
    run(correct=np.ones((2, 3)))
    with pytest.raises(UserError, match=message) as caught:
        main(
            [
                "--study",
                "s",
                "--runs",
                str(tmp_path / "runs"),
                "--scores",
                str(saved(tmp_path, "x.csv", text)),
            ]
        )
    assert "\n" not in str(caught.value) and not (tmp_path / "runs/s/scores.csv").exists()
