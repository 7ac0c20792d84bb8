"""A study as a file: what wins over what, what is refused, and that the file beside the runs makes them again."""

from pathlib import Path

import pytest

from dynamics import methods, snapshots, study_file
from dynamics.errors import UserError
from dynamics.names import check_study_name
from dynamics.seed_lists import compact, parse_seeds
from dynamics.study_file import StudyFile, preset, presets, read, record

OURS = """
methods = ["simclr", "vicreg", "supervised"]
seeds = 3
analyses = ["learning"]

[recipe]
dataset = "digits"
width = 4

[views]
width = 6
projector = [8, 8]

[labels]
crop_padding = 1

[method.vicreg]
width = 8
"""


def written(folder: Path, text: str) -> Path:
    (folder / "ours.toml").write_text(text)
    return folder / "ours.toml"


def test_a_method_wins_over_its_kind_and_that_over_all(tmp_path: Path) -> None:
    study = read(written(tmp_path, OURS))
    assert (study.name, study.methods, study.seeds) == ("ours", ("simclr", "vicreg", "supervised"), 3)
    assert study.analyses == ("learning",) and study.seed_list() == [0, 1, 2]
    widths = {method: study.recipe_of(method).width for method in study.methods}
    assert widths == {"simclr": 6, "vicreg": 8, "supervised": 4}
    assert study.recipe_of("simclr", width=2).width == 2
    assert study.recipe_of("vicreg").to_json()["projector"] == [8, 8]  # simclr has none: it is not its field
    assert study.recipe_of("supervised").to_json()["crop_padding"] == 1


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("width = 4", "widht = 4", "widht is not a field of every method's recipe: did you mean width"),
        ("width = 4", "width = 0", "width must be >= 1, got 0"),
        ("projector", "projektor", r"no method of \[views\] has a field projektor"),
        ("[method.vicreg]", "[method.vicgre]", "no method 'vicgre': use one of"),
        ("[method.vicreg]\nwidth", "[method.vicreg]\ncrop_padding", "crop_padding is not a field of vicreg's"),
        ('"vicreg", ', '"vicgre", ', "no method 'vicgre'"),
        ("seeds = 3", "seeds = 0", "seeds must be >= 1, got 0"),
        ("seeds = 3", "seeds = true", "seeds cannot be True"),
        ("seeds = 3", 'seeds = "1-a"', "seeds must be numbers and ranges"),
        ("seeds = 3", "sedes = 3", "unknown entry 'sedes'"),
        ("[recipe]", "[recipe", "is not TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_with_its_name(
    before: str, after: str, message: str, tmp_path: Path
) -> None:
    assert before in OURS
    with pytest.raises(UserError, match=message) as refused:
        read(written(tmp_path, OURS.replace(before, after, 1)))
    assert "ours.toml" in str(refused.value)


def test_presets_know_every_method() -> None:
    assert presets() == ("cifar-small", "quick", "thesis")
    for name in presets():
        for method in methods.names():
            preset(method, name)


def test_the_file_beside_the_runs_makes_the_study_again(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    for method in methods.names():
        for name in presets():
            record(folder, {method: preset(method, name)}, [0])
            again = read(folder / study_file.NAME)
            assert again.recipe_of(method) == preset(method, name) and again.name == "study"


def test_what_a_file_says_of_others_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    record(folder, {"simclr": preset("simclr", "quick")}, [0, 1], analyses=("learning",))
    record(folder, {"vicreg": preset("vicreg", "quick", width=2)}, [5], sweep={"name": "s", "fields": ["lr"]})
    found = read(folder / study_file.NAME)
    assert (
        found.methods == ("simclr", "vicreg") and found.seeds == "0-1,5" and found.analyses == ("learning",)
    )
    assert found.recipe_of("vicreg").width == 2 and found.sweep == {"name": "s", "fields": ["lr"]}


def test_a_method_that_is_gone_does_not_stop_another_from_being_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    gone = StudyFile(name="study", methods=("gone",), method={"gone": {"depth": 3}})
    study_file.write(folder / study_file.NAME, gone)
    record(folder, {"simclr": preset("simclr", "quick")}, [0])
    assert study_file.parsed(folder / study_file.NAME).method["gone"] == {"depth": 3}


@pytest.mark.parametrize("seeds", [[0], [0, 1, 2], [3], [0, 2, 3, 9], [1, 2]])
def test_seeds_are_written_so_that_they_are_read(seeds: list[int]) -> None:
    said = compact(seeds)
    assert (list(range(said)) if isinstance(said, int) else parse_seeds(said)) == seeds


def test_a_byte_order_mark_is_no_syntax_and_a_files_name_makes_a_studys(tmp_path: Path) -> None:
    """Editors write the one; the other was refused when it was given as the study's name."""
    for file, name in (("My study.toml", "My-study"), (".hidden.toml", "hidden"), ("\u5b66.toml", "study")):
        (tmp_path / file).write_bytes(b"\xef\xbb\xbf" + OURS.encode())
        study = read(tmp_path / file)
        assert study.name == name and study.methods == ("simclr", "vicreg", "supervised")
        check_study_name(study.name)


def trained_into(folder: Path, seeds_of: dict[str, list[int]]) -> None:
    for method, seeds in seeds_of.items():
        for seed in seeds:
            snapshots.write_run_json(
                snapshots.seed_folder(folder.parent, folder.name, method, seed),
                method=method,
                seed=seed,
                config=preset(method, "quick", width=4).to_json(),
                provenance={},
            )


@pytest.mark.parametrize("lost", ["", "[recipe", "sedes = 3", "seeds = 0", "\udcff"])
def test_the_record_makes_the_study_again_whatever_became_of_the_file(
    lost: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It listed what was trained since it was lost; a damaged one stopped all training."""
    folder = tmp_path / "study"
    trained_into(folder, {"simclr": [0, 1, 2], "supervised": [0, 7]})
    if lost:
        (folder / study_file.NAME).write_bytes(lost.encode(errors="surrogateescape"))
    record(folder, {"vicreg": preset("vicreg", "quick", width=4)}, [1])
    again = read(folder / study_file.NAME)
    assert again.methods == ("simclr", "supervised", "vicreg") and again.seed_list() == [0, 1, 2, 7]
    for method in again.methods:
        assert again.recipe_of(method) == preset(method, "quick", width=4)
    assert ("is written anew from the runs" in caplog.text) == bool(lost)
    assert (folder / "study.toml.damaged").exists() == bool(lost)
