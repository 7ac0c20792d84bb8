"""The table of evaluations: how it grows, what in it is implausible, and what happens when it is damaged."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.framework import evaluations, results
from analysis.framework.results import Result, Row
from analysis.framework.table import NONE
from dynamics.errors import UserError
from dynamics.evaluation.encoder import ProbeResult


def outcome(top1: float, *, top5: float | None = None, seed: int = 0) -> ProbeResult:
    return ProbeResult(seed=seed, top1=top1, top5=top5, train_top1=1.0, examples=9, loss=(2.0, top1))


def row(*top1: float, **labels: Any) -> Row:
    defaults = {
        "method": "vicreg",
        "features": "vicreg",
        "dataset": "digits",
        "mode": "linear",
        "fraction": 1,
    }
    return evaluations.row_of({**defaults, **labels}, [outcome(one) for one in top1])


def table(*rows: Row) -> Result:
    return Result(
        name=evaluations.NAME,
        rows=list(rows),
        inputs={one["method"]: {"seeds": one["seeds"]} for one in rows},
        arrays={f"{evaluations.stem_of(one)}.loss": np.array([one["top1"]]) for one in rows},
        settings={"evaluations": {evaluations.key_of(one): {"top1": one["top1"]} for one in rows}},
    )


def merged(*rows: Row) -> dict[str, str]:
    """Return the warnings of a table."""
    grown = evaluations.merge(evaluations.read(Path("nowhere")), table(*rows))
    return {evaluations.key_of(one): one["warning"] for one in grown.rows}


def test_mean_and_spread() -> None:
    found = row(0.2, 0.4, 0.9)
    assert found["top1"] == pytest.approx(0.5) and found["top1_sd"] == pytest.approx(np.sqrt(0.13))
    assert row(0.2)["top1_sd"] is None
    assert found["top5"] is None and found["top5_sd"] is None
    five = evaluations.row_of({}, [outcome(0.1, top5=0.5), outcome(0.1, top5=0.7)])
    assert five["top5"] == pytest.approx(0.6)


def test_the_same_key_is_replaced_and_others_stay() -> None:
    others = [
        row(0.1, dataset="cifar10"),
        row(0.2, fraction=0.1, mode="semi"),
        row(0.3, features="pixels"),
        row(0.4, method="vicreg-tico", features="vicreg-tico"),
    ]
    old, new = row(0.5), row(0.6, 0.7)
    grown = evaluations.merge(table(old, *others), table(new))
    by_key = {evaluations.key_of(one): one for one in grown.rows}
    assert len(grown.rows) == len(by_key) == 5
    assert by_key[evaluations.key_of(new)]["top1"] == pytest.approx(0.65)
    assert all(by_key[evaluations.key_of(one)]["top1"] == one["top1"] for one in others)
    for one in (new, *others):
        assert grown.arrays[f"{evaluations.stem_of(one)}.loss"] == [one["top1"]]
        assert grown.settings["evaluations"][evaluations.key_of(one)] == {"top1": one["top1"]}
    assert len(grown.arrays) == len(grown.settings["evaluations"]) == 5
    assert grown.inputs["vicreg"] == {"seeds": 2} and "vicreg-tico" in grown.inputs


def test_arrays_that_the_new_row_lacks_go_with_the_old_row() -> None:
    old = table(row(0.5))
    extra = Result(
        **{**vars(old), "arrays": {**old.arrays, "vicreg.digits.linear.1.vicreg.top1": np.ones(3)}}
    )
    assert set(evaluations.merge(extra, table(row(0.6))).arrays) == set(old.arrays)


def test_a_table_survives_the_disk(tmp_path: Path) -> None:
    before = evaluations.merge(evaluations.read(tmp_path), table(row(0.5, 0.6), row(0.2, features="pixels")))
    results.write(before, tmp_path)
    after = evaluations.read(tmp_path)
    assert after.rows == before.rows and after.settings == before.settings and after.inputs == before.inputs
    assert {name: values.tolist() for name, values in after.arrays.items()} == {
        name: values.tolist() for name, values in before.arrays.items()
    }


@pytest.mark.parametrize("name", ["evaluation.npz", "evaluation.json"])
@pytest.mark.parametrize("damage", ["empty", "half", "text", "flipped", "missing"])
def test_a_damaged_table_names_the_command(name: str, damage: str, tmp_path: Path) -> None:
    if (name, damage) in {("evaluation.json", "missing"), ("evaluation.json", "flipped")}:
        pytest.skip("without the table there is nothing to lose; it carries no checksum")
    results.write(table(row(0.5)), tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        middle = len(whole) // 2
        flipped = whole[:60] + bytes(255 - byte for byte in whole[60:middle]) + whole[middle:]
        path.write_bytes({"empty": b"", "half": whole[:middle], "text": b"[]", "flipped": flipped}[damage])
    with pytest.raises(
        UserError, match=r"remove evaluation\.json and evaluation\.npz and run python -m runners\.probe --run"
    ) as caught:
        evaluations.read(tmp_path)
    assert str(tmp_path / "evaluation") in str(caught.value)


ADD_ROWS = """
import sys
from pathlib import Path
from analysis.framework import evaluations
from tests.analysis.test_evaluations import row, table
for step in range(12):
    evaluations.grow(Path(sys.argv[1]), table(row(step / 12, method=sys.argv[2] + str(step))))
"""


@pytest.mark.slow
def test_two_processes_lose_none_of_each_others_rows(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", ADD_ROWS, str(tmp_path), name], stdout=subprocess.DEVNULL)
        for name in ("a", "b")
    ]
    assert [process.wait() for process in started] == [0, 0]
    grown = evaluations.read(tmp_path)
    assert {one["method"] for one in grown.rows} == {f"{name}{step}" for name in "ab" for step in range(12)}
    assert len(grown.arrays) == len(grown.settings["evaluations"]) == 24


def test_rows_without_a_loss_are_no_damage(tmp_path: Path) -> None:
    near = row(0.5, mode="knn")
    new = table(near)
    arrays = {f"{evaluations.stem_of(near)}.top1": np.array([0.5])}
    evaluations.grow(tmp_path, Result(**{**vars(new), "arrays": arrays}))
    evaluations.grow(tmp_path, table(row(0.6)))
    assert [one["mode"] for one in evaluations.read(tmp_path).rows] == ["knn", "linear"]


def test_the_table_has_every_row_and_says_what_is_implausible() -> None:
    grown = evaluations.merge(table(), table(row(0.5, 0.7), row(0.9, mode="semi", fraction=0.1)))
    (shown,) = grown.tables()
    assert [cells[-3:] for cells in shown.cells()] == [
        ["0.6000 ± 0.1414", NONE, "1.0000"],
        ["0.9000", NONE, "1.0000"],
    ]
    assert shown.notes[0].startswith("top-5 is not defined")
    assert "semi/0.1 beats the linear probe on all labels by 30.0 points: no published" in shown.notes[1]


def test_few_labels_that_beat_more_are_warned_of() -> None:
    found = merged(row(0.9), row(0.5, mode="semi", fraction=0.1), row(0.53, mode="semi", fraction=0.01))
    assert found["vicreg/vicreg/digits/semi/0.01"] == (
        "beats fine-tuning on a fraction 0.1 of the labels by 3.0 points"
    )
    assert found["vicreg/vicreg/digits/semi/0.1"] == found["vicreg/vicreg/digits/linear/1"] == ""


def test_few_labels_that_beat_the_linear_probe_are_warned_of() -> None:
    found = merged(row(0.5), row(0.6, mode="semi", fraction=0.1))
    assert found["vicreg/vicreg/digits/semi/0.1"] == "beats the linear probe on all labels by 10.0 points"
    both = merged(row(0.5), row(0.55, mode="semi", fraction=0.1), row(0.6, mode="semi", fraction=0.01))
    assert both["vicreg/vicreg/digits/semi/0.01"].count("beats") == 2


@pytest.mark.parametrize(
    "rows",
    [
        [row(0.9), row(0.6, mode="semi", fraction=0.1), row(0.5, mode="semi", fraction=0.01)],
        [row(0.5), row(0.515, mode="semi", fraction=0.1)],  # not by far
        [row(0.4, 0.6), row(0.6, 0.8, mode="semi", fraction=0.1)],  # within two standard deviations
        [row(0.5), row(0.9, mode="semi", fraction=1)],  # as many labels
        [row(0.5, fraction=0.1), row(0.9, mode="semi", fraction=0.1)],
        [row(0.5), row(0.9, mode="semi", fraction=0.1, dataset="cifar10")],
        [row(0.5), row(0.9, mode="semi", fraction=0.1, method="tico", features="tico")],
        [row(0.5, features="untrained"), row(0.9, mode="semi", fraction=0.1, features="untrained")],
    ],
)
def test_nothing_is_said_without_a_reason(rows: list[Row]) -> None:
    assert set(merged(*rows).values()) == {""}


def test_a_warning_goes_when_its_reason_does() -> None:
    few = row(0.6, mode="semi", fraction=0.1)
    before = evaluations.merge(table(), table(row(0.5), few))
    assert any(one["warning"] for one in before.rows)
    after = evaluations.merge(before, table(row(0.8)))
    assert not any(one["warning"] for one in after.rows)
