# SPDX-License-Identifier: Apache-2.0
"""python -m figures: names, errors, what it writes, and that numbers are all it needs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import figures
from analysis import augmentations, extremes, learning
from analysis.framework import console
from analysis.framework import results as storage
from analysis.framework.example import example_study
from analysis.framework.results import Result
from dynamics.errors import UserError
from figures import _files, find, load, names
from figures.__main__ import choose_results, main
from tests.analysis.studies import opened, rising, write
from tests.figures.studies import make, save

ALL = {
    "4.1": "sorted-curves",
    "4.2": "aligned-curves",
    "4.3": "binomial-single",
    "4.4": "binomial-averaged",
}


@pytest.fixture
def root(tmp_path: Path, rng: np.random.Generator) -> Path:
    save(
        make(rng, methods=["simclr", "random-labels"], examples=16, epochs=5), tmp_path / "results" / "quick"
    )
    return tmp_path / "results"


def test_names_follow_the_numbers():
    for number, name in ALL.items():
        assert find(number) == find(name) == find(name.replace("-", "_")) == name
        assert number == load(name).NUMBER
    numbers = [load(name).NUMBER for name in names()]
    assert numbers == sorted(set(numbers))


def test_every_figure_keeps_the_contract():
    for name in names():
        drawing = load(name)
        assert drawing.TITLE and drawing.NEEDS
        assert f"figure {drawing.NUMBER}" in (sys.modules[f"figures.{name.replace('-', '_')}"].__doc__ or "")
        assert not name.startswith("-")


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(UserError, match=r"no figure '9\.9': use one of 4\.1 \(sorted-curves\), 4\.2"):
        find("9.9")


def test_list_needs_no_results(capsys):
    main(["--list", "--results", "nowhere"])
    shown = capsys.readouterr().out
    for number, name in ALL.items():
        assert number in shown
        assert name in shown


def test_all_figures_as_pdf_and_png(root, capsys):
    main(["--results", str(root)])
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].startswith("study quick (")
    written = {path.name for path in (root / "quick" / "figures").iterdir()}
    stems = {f"figure-{load(name).NUMBER}-{name}" for name in ALL.values()}
    assert {f"{stem}.{kind}" for stem in stems for kind in ("pdf", "png")} <= written
    for path in (root / "quick" / "figures").iterdir():
        assert path.read_bytes().startswith(b"%PDF-" if path.suffix == ".pdf" else b"\x89PNG")
        assert str(path) in shown or path.name in shown


def test_figures_of_different_seeds_are_said_not_to_belong_together(tmp_path, rng, capsys):
    seeds = rising(rng, seeds=4)
    write(tmp_path / "all", "simclr", seeds)
    write(tmp_path / "some", "simclr", seeds[:3])
    folder = tmp_path / "results" / "s"
    storage.write(learning.analyse(opened(tmp_path / "all")), folder)
    for runs, mixed in (("all", False), ("some", True)):
        storage.write(augmentations.analyse(opened(tmp_path / runs)), folder)
        main(["4.1", "4.5", "--results", str(folder.parent), "--study", "s"])
        shown = " ".join(capsys.readouterr().out.split())
        assert ("were not computed from the same seeds or mates of simclr" in shown) == mixed


def test_png_has_300_dots_per_inch_and_pdf_text(root):
    main(["4.1", "--results", str(root), "--study", "quick"])
    folder = root / "quick" / "figures"
    assert [path.name for path in sorted(folder.iterdir())] == [
        "figure-4.1-sorted-curves.pdf",
        "figure-4.1-sorted-curves.png",
    ]
    png = (folder / "figure-4.1-sorted-curves.png").read_bytes()
    assert int.from_bytes(png[16:20], "big") == 1650  # 5.5 inches
    pdf = (folder / "figure-4.1-sorted-curves.pdf").read_bytes()
    assert b"/CIDFontType2" in pdf  # TrueType, that is Type 42
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_what_is_missing_is_named_with_its_command(root, capsys):
    (root / "quick" / "binomial.json").unlink()
    main(["--results", str(root)])
    shown = capsys.readouterr().out
    assert "figure 4.4 (binomial-averaged) is not drawn" in shown
    assert "python -m analysis.binomial --study quick" in shown
    assert (root / "quick" / "figures" / "figure-4.2-aligned-curves.pdf").exists()
    assert not (root / "quick" / "figures" / "figure-4.3-binomial-single.pdf").exists()


def test_an_asked_figure_without_its_numbers_is_an_error(root):
    (root / "quick" / "binomial.json").unlink()
    with pytest.raises(UserError, match=r"make it with python -m analysis\.binomial --study quick"):
        main(["4.3", "--results", str(root)])


def test_nothing_to_draw_is_an_error(root):
    (root / "quick" / "learning.json").unlink()
    with pytest.raises(UserError, match=r"make it with python -m analysis\.learning --study quick"):
        main(["--results", str(root)])


def test_arrays_that_are_gone(root):
    (root / "quick" / "learning.npz").unlink()
    with pytest.raises(UserError, match=r"learning\.npz is missing: .*run python -m analysis\.learning"):
        main(["4.1", "--results", str(root)])


def odd_results(result: Result) -> Iterator[Result]:
    """Results that are whole by their hashes but lack a field, or have one of another type or shape."""
    yield from (replace(result, settings=odd) for odd in ({}, {"methods": None}, {"methods": {"simclr": {}}}))
    yield from (replace(result, inputs={"simclr": odd}) for odd in (None, [], {"snapshots": {}, "notes": 1}))
    yield replace(result, arrays={})
    for value in (np.zeros(()), np.zeros(3), np.zeros((0, 0)), np.array([["a"]]), np.zeros((2, 2, 2, 2))):
        yield replace(result, arrays=dict.fromkeys(result.arrays, value))
    for name in result.rows[0]:
        for odd in ({}, {name: "x"}):
            yield replace(
                result, rows=[{key: row[key] for key in row if key != name} | odd for row in result.rows]
            )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["learning", "alignment", "binomial"])
def test_odd_results_end_in_one_sentence(root, name, monkeypatch):
    """Whatever another version wrote, a figure is drawn or a command says which result to make anew."""
    monkeypatch.setattr(_files, "_bytes", lambda *drawn: b"")
    whole, refused = storage.read(root / "quick", name), 0
    for odd in odd_results(whole):
        storage.write(odd, root / "quick")
        for figure in [figure for figure in ALL.values() if name in load(figure).NEEDS]:
            try:
                main([figure, "--results", str(root)])
            except UserError as error:
                refused += 1
                assert "python -m analysis." in str(error)
                assert len(str(error)) < 500 and "\n" not in str(error)
    assert refused > 10


def test_results_of_different_snapshots_are_not_mixed(root):
    newer = storage.read(root / "quick", "alignment")
    inputs = {**newer.inputs, "simclr": {"snapshots": "others"}}
    storage.write(Result(name="alignment", rows=newer.rows, inputs=inputs), root / "quick")
    with pytest.raises(
        UserError, match="learning and alignment were not computed from the same seeds or mates of simclr"
    ):
        main(["4.2", "--results", str(root)])
    main(["4.3", "--results", str(root)])
    without = {method: digest for method, digest in newer.inputs.items() if method != "random-labels"}
    storage.write(Result(name="alignment", rows=newer.rows, inputs=without), root / "quick")
    with pytest.raises(UserError, match="seeds or mates of random-labels"):
        main(["4.2", "--results", str(root)])


def test_an_epoch_that_learning_does_not_know(root):
    alignment = storage.read(root / "quick", "alignment")
    rows = [dict(row, epoch=99) for row in alignment.rows]
    storage.write(Result(name="alignment", rows=rows, inputs=alignment.inputs), root / "quick")
    with pytest.raises(UserError, match="learning has no epoch 99 of simclr"):
        main(["4.2", "--results", str(root)])


def test_study_written_last_is_chosen(root, rng, capsys):
    save(make(rng, methods=["simclr"], examples=8, epochs=2), root / "older")
    for path in (root / "older").iterdir():
        os.utime(path, (1, 1))
    (root / "no-results").mkdir()
    assert choose_results(root, None) == "quick"
    assert "choose another with --study" in capsys.readouterr().out
    assert choose_results(root, "older") == "older"
    assert capsys.readouterr().out == ""


def test_studies_that_are_not_there(root, tmp_path):
    with pytest.raises(UserError, match=r"no folder .*nowhere: run python -m analysis\.learning"):
        choose_results(tmp_path / "nowhere", None)
    with pytest.raises(
        UserError, match=r"no results of study 'quik' in .* \(there: quick\): choose one with study"
    ):
        choose_results(root, "quik")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no results of study in"):
        choose_results(tmp_path / "empty", None)


def test_a_mistake_is_one_line_and_status_2(root, capsys):
    with pytest.raises(SystemExit) as stopped:
        console.run(lambda: main(["nonsense", "--results", str(root)]))
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def run_apart(root: Path, hash_seed: str) -> dict[str, bytes]:
    """Draw 4.1 and 4.4 in another process, which must not load what makes numbers; return the files' bytes."""
    program = (
        "import sys, figures.__main__ as command\n"
        f"command.main(['4.1', '4.4', '--results', {str(root)!r}])\n"
        "heavy = {'torch', 'torchvision', 'zarr', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": str(Path(figures.__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in (root / "quick" / "figures").iterdir()}


@pytest.mark.slow
def test_numbers_are_all_it_needs_and_bytes_are_the_same_each_time(root):
    first = run_apart(root, "1")
    assert len(first) == 4
    assert run_apart(root, "2") == first


def test_settings_of_the_user_change_nothing(rng, tmp_path):
    import matplotlib

    results = make(rng, methods=["simclr"], examples=16, epochs=3)
    needed = {"learning": results["learning"]}
    plain = [path.read_bytes() for path in _files.write("sorted-curves", needed, tmp_path / "plain")]
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "savefig.dpi": 50, "pdf.fonttype": 3}):
        changed = [path.read_bytes() for path in _files.write("sorted-curves", needed, tmp_path / "changed")]
    assert plain == changed


def test_a_figure_whose_numbers_were_not_recorded_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage.write(extremes.analyse(example_study()), tmp_path / "made-up")
    with pytest.raises(UserError, match=r"figure E.1 \(extremes\) is not drawn: the images were not there"):
        main(["E.1", "--study", "made-up", "--results", str(tmp_path)])
    main(["--study", "made-up", "--results", str(tmp_path)])
    assert "figure E.1 (extremes) is not drawn: the images were not there" in capsys.readouterr().out
