"""The table against arrays whose truth is known."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis import binomial, learning
from analysis.framework.results import Result
from analysis.framework.targets import of_quantity
from analysis.framework.where import Where, open_study
from dynamics.errors import UserError
from dynamics.study import Study
from tests.analysis.studies import write

SEEDS, EXAMPLES = 20, 300


def study_of(runs: Path, **methods: np.ndarray) -> Study:
    """Write arrays (seed, epoch, augmentation, example) as a study and open it."""
    for method, correct in methods.items():
        write(runs, method, correct[:, :, None], study="s")
    return open_study(Where(study="s", runs=runs))


def of(result: Result, method: str, quantity: str) -> list[dict[str, object]]:
    return [row for row in result.rows if (row["method"], row["quantity"]) == (method, quantity)]


def rising(rng: np.random.Generator, difficulty: np.ndarray, augmentations: int = 3) -> np.ndarray:
    """Three epochs with means near 0.3, 0.55 and 0.8; `difficulty` is added to an example's probability."""
    p = np.clip(np.array([0.3, 0.55, 0.8])[:, None, None] + difficulty, 0, 1)
    return rng.random((SEEDS, 3, augmentations, EXAMPLES)) < p


@pytest.fixture(scope="module")
def equal(tmp_path_factory: pytest.TempPathFactory) -> Result:
    correct = rising(np.random.default_rng(1), np.zeros(EXAMPLES))
    return binomial.analyse(study_of(tmp_path_factory.mktemp("equal"), equal=correct), permutations=199)


def test_equal_examples_look_like_noise(equal: Result) -> None:
    found = equal
    for row in of(found, "equal", "r_tilde"):
        assert row["p0"] == pytest.approx({0.25: 0.3, 0.5: 0.55, 0.75: 0.8}[row["targets"][0]], abs=0.03)
        assert row["dispersion"] == pytest.approx(1, abs=0.35)
        assert abs(row["icc"]) < 0.02
        assert min(row[p] for p in ("tarone_p", "cochran_p", "permutation_p", "pooled_p")) > 1e-3
        assert row["mae"] < 3 * row["mae_floor"]
    for row in of(found, "equal", "r"):
        # 60 independent trials against noise of 20: far from 0, and just what the table says to expect.
        assert row["mae"] == pytest.approx(row["mae_if_equal"], rel=0.15)
        assert row["mae"] > 2 * row["mae_floor"]
        assert row["permutation_p"] > 1e-3


def test_unequal_examples_do_not(tmp_path: Path, rng: np.random.Generator) -> None:
    difficulty = np.linspace(-0.2, 0.2, EXAMPLES)
    found = binomial.analyse(study_of(tmp_path, unequal=rising(rng, difficulty)), permutations=199)
    middle = of(found, "unequal", "r_tilde")[1]
    expected = difficulty.var() / (0.55 * 0.45)  # variance of p over p0 (1 - p0)
    assert middle["icc"] == pytest.approx(expected, abs=0.02)
    assert middle["icc_these_examples_low"] < expected < middle["icc_these_examples_high"]
    assert max(middle[p] for p in ("tarone_p", "cochran_p", "permutation_p", "permutation_q")) < 0.01


@pytest.mark.parametrize(
    ("epochs", "augmentations", "tests"),
    [([0, 1, 2], 3, 6), ([0, 1, 2], 1, 3), ([2], 1, 1), ([2], 3, 2), ([0, 2], 1, 2)],
)
def test_a_test_is_made_and_counted_once(
    tmp_path: Path, rng: np.random.Generator, epochs: list[int], augmentations: int, tests: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Targets that one epoch is the first to reach, and r and r~ of one augmentation, are one test."""
    made = []
    permute = binomial.within_seeds.permutation_test
    monkeypatch.setattr(
        binomial.within_seeds, "permutation_test", lambda *a, **k: made.append(a) or permute(*a, **k)
    )
    correct = rising(rng, np.linspace(-0.2, 0.2, EXAMPLES), augmentations)[:, epochs]
    found = binomial.analyse(study_of(tmp_path, mine=correct), permutations=19)
    assert len(made) == len(found.rows) == tests
    assert len({(row["quantity"], row["epoch"]) for row in found.rows}) == tests
    for quantity in ("r", "r_tilde"):
        own = of_quantity(found.rows, quantity)
        assert [target for row in own for target in row["targets"]] == [0.25, 0.5, 0.75]
    q = stats.false_discovery_control([row["permutation_p"] for row in found.rows])
    assert [row["permutation_q"] for row in found.rows] == pytest.approx(q)
    single, averaged = binomial.tables(found)
    assert [row["epoch"] for row in averaged.rows] == [row["epoch"] for row in single.rows]
    assert any("one augmentation" in note for note in averaged.notes) == (augmentations == 1)


def test_trials_of_one_seed_are_not_called_independent(equal: Result) -> None:
    for row in of(equal, "equal", "r"):
        assert all(row[name] is None for name in binomial.INDEPENDENT if name != "chi2_valid")
        assert row["chi2_valid"] is False


def test_a_mean_without_learning_is_said(tmp_path: Path, rng: np.random.Generator) -> None:
    """Three classes: at the first epoch every network says the first one, and a third of the answers is right."""
    labels = np.arange(60) % 3
    one_class = np.broadcast_to(labels == 0, (1, 1, 2, 60))
    correct = np.stack([np.concatenate([one_class, rng.random((1, 1, 2, 60)) < 0.7]) for _ in range(4)])
    write(tmp_path, "mine", correct, study="s", labels=labels)
    averaged = binomial.analyse(open_study(Where(runs=tmp_path, study="s")), permutations=9).tables()[1]
    said = [note for note in averaged.notes if "without learning" in note]
    assert said == ["mine at epoch 1: the mean, 0.33, is not above 0.33, that without learning"]


def test_targets_never_reached_have_no_row(tmp_path: Path) -> None:
    never = np.zeros((SEEDS, 2, 2, EXAMPLES), dtype=bool)
    found = binomial.analyse(study_of(tmp_path, never=never))
    assert not found.rows
    assert found.arrays["never.r.noise"].shape == (0, EXAMPLES)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"targets": []}, "targets must be means of r_t"),
        ({"targets": [0.5, 1.5]}, r"got \[0\.5, 1\.5\]"),
        ({"permutations": 0}, "permutations must be from 1 to 1000000, got 0"),
        ({"permutations": 10**9}, "permutations must be from 1 to 1000000, got 1000000000"),
        ({"random_state": -1}, "random_state must be >= 0"),
    ],
)
def test_options_out_of_range_are_explained(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    always = np.ones((SEEDS, 1, 1, EXAMPLES), dtype=bool)
    with pytest.raises(UserError, match=said):
        binomial.analyse(study_of(tmp_path, always=always), **options)


def test_a_mean_of_one_is_handled(tmp_path: Path) -> None:
    always = np.ones((SEEDS, 2, 2, EXAMPLES), dtype=bool)
    found = binomial.analyse(study_of(tmp_path, always=always))
    assert [row["targets"] for row in of(found, "always", "r_tilde")] == [[0.25, 0.5, 0.75]]
    for row in found.rows:
        assert row["p0"] == 1 and row["mae"] == 0 and not row["chi2_valid"]
    assert np.isnan(of(found, "always", "r_tilde")[0]["chi2"])
    assert [table.key for table in binomial.tables(found)] == ["single", "averaged"]


def test_one_seed_is_handled(tmp_path: Path, rng: np.random.Generator) -> None:
    found = binomial.analyse(study_of(tmp_path, single=rising(rng, np.zeros(EXAMPLES))[:1]))
    assert len(found.rows) == 6
    for row in found.rows:
        assert np.isnan(row["icc"])
        assert all(
            row[name] is None for name in (*binomial.INDEPENDENT, "permutation_p") if name != "chi2_valid"
        )
    assert [table.key for table in binomial.tables(found)] == ["single", "averaged"]


def test_the_same_numbers_every_time(tmp_path: Path, rng: np.random.Generator) -> None:
    study = study_of(tmp_path, equal=rising(rng, np.zeros(EXAMPLES)))
    first, second = (binomial.analyse(study, targets=[0.5], permutations=9) for _ in range(2))
    assert repr(first.rows) == repr(second.rows)


def test_learning_probabilities_are_means(tmp_path: Path, rng: np.random.Generator) -> None:
    correct = rising(rng, np.linspace(-0.2, 0.2, EXAMPLES))
    found = learning.analyse(study_of(tmp_path, mine=correct))
    means = correct.mean(axis=(0, 2))
    for row, mean in zip(found.rows, means, strict=True):
        assert row["mean_r"] == pytest.approx(mean.mean())
        assert row["sd_r"] == pytest.approx(mean.std())
        ends = [row[f"mean_r_{kind}_{end}"] for kind in KINDS for end in ("low", "high")]
        assert ends[2] < ends[0] < row["mean_r"] < ends[1] < ends[3] < ends[0] + 0.1
    np.testing.assert_array_equal(found.arrays["mine.correct"], correct.sum(axis=(0, 2)))
    np.testing.assert_array_equal(found.arrays["mine.single"], correct[:, :, 0].sum(axis=0))
    (table,) = learning.tables(found)
    assert [row["epoch"] for row in table.rows] == [1, 2, 3]


KINDS = ("these_examples", "examples_like_these")

ODD_TARGETS = """
import numpy as np
from analysis import binomial
from analysis.framework.example import example_study
from dynamics.errors import UserError
study = example_study()
for call in [lambda odd=odd: binomial.analyse(study, targets=odd) for odd in (0.5, "0.5", ["a"], [], [2.0], None)] + [
    lambda odd=odd: study.learning_probability("simclr", view=odd) for odd in (np.array([0, 1]), 0.0, "0", None)
] + [
    lambda odd=odd: study.indicators("simclr", odd) for odd in (None, 5, "1", [0.5])
] + [lambda: study.learning_probability(["simclr"])]:
    try:
        call()
    except UserError as error:
        print(error)
"""


def test_arguments_of_other_types_are_refused() -> None:
    """In a process of its own, where nothing else checks types."""
    command = [sys.executable, "-W", "error", "-c", ODD_TARGETS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    refused = done.stdout.splitlines()
    assert [line.split()[0] for line in refused] == ["targets"] * 6 + ["view"] * 4 + ["epochs"] * 4 + [
        "study"
    ]
