# SPDX-License-Identifier: Apache-2.0
"""The figures of difficulty scores show the numbers of analysis.scores and analysis.examples."""

import numpy as np
import pytest

import dynamics
from analysis import examples, scores
from analysis.framework.results import Result
from figures import data_map, score_agreement, score_matrix

K = 40


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Two methods that find the same examples hard, three seeds each."""
    rng, runs = np.random.default_rng(0), tmp_path_factory.mktemp("runs")
    hard, labels = rng.normal(size=K), rng.integers(0, 2, K)
    panel = dynamics.Panel(labels=labels, indices=range(K))
    for method in ("one", "two"):
        for seed in range(3):
            with dynamics.Recorder(runs / f"s/{method}/seed-{seed:04d}", panel=panel, epochs=6) as recorder:
                for epoch in range(6):
                    own = epoch - 2 - 2 * hard + rng.normal(size=K)
                    recorder.write(logits=np.where(labels[:, None] == [0, 1], own[:, None], 0.0))
                recorder.finish()
    study = dynamics.open_study(runs / "s")
    return {"scores": scores.analyse(study), "examples": examples.analyse(study)}


def value(result: Result, one: tuple[str, str], other: tuple[str, str]) -> float:
    """Return what the table says of two scores."""
    for row in result.rows:
        pair = (row["method"], row["score"]), (row["other"], row["other_score"])
        if pair in ((one, other), (other, one)):
            found = row["reliability" if one == other else "rho"]
            return np.nan if found is None else found
    return np.nan


def test_the_matrix_has_all_scores_of_all_methods(results: dict[str, Result]) -> None:
    assert score_matrix.applies(results) is None
    panel = score_matrix.draw(results).axes[0]
    names = [label.get_text() for label in panel.get_yticklabels()]
    keys = [("one", name) for name in names[: len(names) // 2]] + [
        ("two", name) for name in names[len(names) // 2 :]
    ]
    assert len(keys) == 20 and "AUM" in names
    back = {"AUM": "aum", "EL2N": "el2n"}
    keys = [(method, back.get(name, name.replace(" ", "_"))) for method, name in keys]
    drawn = np.ma.filled(panel.images[0].get_array(), np.nan)
    expected = [[value(results["scores"], one, other) for other in keys] for one in keys]
    np.testing.assert_array_equal(drawn, expected)
    assert drawn[keys.index(("one", "aum")), keys.index(("two", "confidence"))] > 0.8


def test_one_methods_scores_have_a_panel_each(results: dict[str, Result]) -> None:
    panels = score_agreement.draw(results).axes
    assert [panel.get_title() for panel in panels[:2]] == ["one", "two"]
    drawn = np.ma.filled(panels[0].images[0].get_array(), np.nan)
    assert drawn[0, 0] == value(results["scores"], ("one", "area"), ("one", "area"))


def test_a_dot_an_example(results: dict[str, Result]) -> None:
    (dots,) = data_map.draw(results).axes[0].collections
    rows = results["examples"].rows
    np.testing.assert_array_equal(
        dots.get_offsets(), [[row["one.variability"], row["one.confidence"]] for row in rows]
    )


def test_nothing_is_drawn_of_one_seed_or_of_methods_apart(results: dict[str, Result]) -> None:
    rows = [row | {"reliability": None, "rho": None} for row in results["scores"].rows]
    alone = {"scores": Result(name="scores", rows=rows, inputs={})}
    assert score_agreement.applies(alone) is not None and score_matrix.applies(alone) is not None
