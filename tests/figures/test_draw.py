# SPDX-License-Identifier: Apache-2.0
"""`figures.draw`: figures by name or number, from results in any order, and what it refuses."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import figures
from analysis import alignment, learning, objectives
from analysis.framework.example import example_study
from dynamics.errors import UserError


def test_a_figure_is_found_by_name_and_number_from_results_in_any_order() -> None:
    study = example_study()
    results = [alignment.analyse(study), learning.analyse(study)]
    by_name, by_number = figures.draw("aligned-curves", *results), figures.draw("4.2", *reversed(results))
    assert isinstance(by_name, Figure)
    drawn = [
        [line.get_ydata() for panel in one.axes for line in panel.get_lines()] for one in (by_name, by_number)
    ]
    assert drawn[0]
    for one, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_such_figure() -> None:
    with pytest.raises(UserError, match=r"^no figure '9\.9': use one of 4\.1 \(sorted-curves\), 4\.2"):
        figures.draw("9.9", learning.analyse(example_study()))


def test_what_is_no_result_is_refused() -> None:
    for wrong in (None, learning.analyse(example_study()).table, example_study()):
        with pytest.raises(
            UserError, match=r"results must be what analyses return, such as analysis\.learning\.analyse"
        ):
            figures.draw("4.1", wrong)  # type: ignore[arg-type]


def test_a_missing_result_is_named() -> None:
    needed = r"^figure 4\.2 also draws what analysis\.alignment\.analyse\(study\) makes: add it to results$"
    with pytest.raises(UserError, match=needed):
        figures.draw("4.2", learning.analyse(example_study()))
    with pytest.raises(
        UserError, match=r"analysis\.learning\.analyse\(study\) and analysis\.binomial\.analyse"
    ):
        figures.draw("binomial-single")
    with pytest.raises(UserError, match=r"what analysis\.extremes\.analyse\(study\) makes"):
        figures.draw("E.1", learning.analyse(example_study()))
    with pytest.raises(UserError, match=r"what python -m runners\.probe --run runs/NAME/METHOD makes"):
        figures.draw("C.3")


def test_what_the_study_did_not_record() -> None:
    with pytest.raises(UserError, match=r"^figure C\.2 has nothing to show: no method recorded diagnostics"):
        figures.draw("C.2", objectives.analyse(example_study()))
