# SPDX-License-Identifier: Apache-2.0
"""Numbers of rivals are those that loops count, and agree with the indicator where the whole panel is one batch."""

import numpy as np
import pytest
import torch

from dynamics import methods
from dynamics.methods import rivals
from dynamics.methods.base import Judgement
from dynamics.methods.rivals import count_rivals
from dynamics.methods.views import ViewMethod
from dynamics.streams import generator
from tests.dynamics.test_panel import STATISTICS, setup
from tests.references import rivals as loops

VIEW_METHODS = [name for name in methods.names() if issubclass(methods.load(name), ViewMethod)]


@pytest.mark.parametrize("cosines", [2**24, 40])
def test_rivals_are_those_of_loops(cosines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "COSINES", cosines)  # rows of queries, or a few at a time
    views = torch.randn(2, 13, 4, generator=generator(0, "control"))
    views[1] += views[0]
    classes = torch.arange(13) % 3
    found = count_rivals(views, classes)
    expected = [
        [loops.rivals(views.double().numpy(), classes.numpy(), view, example) for example in range(13)]
        for view in (0, 1)
    ]
    assert found.all.tolist() == [[len(ahead) for ahead, _ in row] for row in expected]
    assert found.same_class.tolist() == [[len(own) for _, own in row] for row in expected]
    assert 0 < found.same_class.sum() < found.all.sum()


def test_the_order_of_the_panel_does_not_matter() -> None:
    views, classes = torch.randn(2, 40, 8, generator=generator(1, "control")), torch.arange(40) % 4
    order = torch.randperm(40, generator=generator(2, "control"))
    found, permuted = count_rivals(views, classes), count_rivals(views[:, order], classes[order])
    assert torch.equal(found.all[:, order], permuted.all)
    assert torch.equal(found.same_class[:, order], permuted.same_class)


def test_all_are_rivals_of_a_collapsed_network() -> None:
    found = count_rivals(torch.ones(2, 6, 3), torch.tensor([0, 0, 1, 1, 1, 2]))
    assert (found.all == 5).all()
    assert found.same_class[0].tolist() == [1, 1, 2, 2, 2, 0]


@pytest.mark.parametrize("name", VIEW_METHODS)
def test_without_a_rival_an_answer_is_right_in_a_batch_of_the_whole_panel(name: str) -> None:
    method, panel = setup(name, panel_batch=64)
    arrays = panel.score(method).arrays
    assert ((arrays["rivals"] == 0) == arrays["correct"]).mean() > 0.99  # but for cosines that round to a tie
    assert 0 < arrays["correct"].mean() < 1


@pytest.mark.parametrize("name", VIEW_METHODS)
def test_an_answer_without_rivals_is_right_among_any_mates(name: str) -> None:
    method, panel = setup(name)
    arrays = panel.score(method).arrays
    assert (arrays["same_class_rivals"] <= arrays["rivals"]).all()
    if type(method).compared is not ViewMethod.compared:
        pytest.skip("compares what it transforms over a batch, and this is another batch")
    assert arrays["correct"][arrays["rivals"] == 0].mean() > 0.99
    right = arrays["correct"]
    assert arrays["rivals"][right].mean() < arrays["rivals"][~right].mean()


def test_the_counts_have_the_type_of_the_snapshots() -> None:
    found = count_rivals(torch.randn(2, 4, 2), torch.zeros(4, dtype=torch.int64))
    assert {np.asarray(values).dtype for values in found} == {np.dtype("int32")}


def test_what_is_no_number_is_right_in_no_batch() -> None:
    views = torch.randn(2, 6, 3, generator=generator(5, "control"))
    views[1, 2, 0] = torch.nan
    found = count_rivals(views, torch.zeros(6, dtype=torch.int64))
    assert (found.all[:, 2] == 5).all()  # its own cosine is none
    assert (found.all[:, [0, 1, 3, 4, 5]] >= 1).all()  # and it is in the way of all others


class OwnJudge(methods.load("simclr")):  # type: ignore[misc]
    """Says that everything is right, which is not what rivals are about."""

    def judge(self, outputs: torch.Tensor, labels: torch.Tensor) -> Judgement:
        judged = super().judge(outputs, labels)
        return Judgement(torch.ones_like(judged.correct), judged.probability)


def test_rivals_are_not_recorded_beside_a_judge_of_ones_own() -> None:
    ours, panel = setup("simclr")
    own = OwnJudge(ours.recipe, STATISTICS)
    assert {"rivals", "same_class_rivals"} <= {*panel.score(ours).arrays}
    assert [*panel.score(own).arrays] == ["correct", "probability"]
