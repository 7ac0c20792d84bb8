# SPDX-License-Identifier: Apache-2.0
"""The explorer's page: its numbers against the study's, and its behaviour in a browser."""

import base64
import csv
import json
import re
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from analysis import activations, divergence, embedding, examples, extremes, generalization, mates, probes
from analysis.framework import results as storage
from analysis.framework.command import main as analyse
from analysis.framework.results import Result
from dynamics import snapshots
from dynamics.errors import UserError
from dynamics.ingest.scores import take_in_scores
from dynamics.opening import open_study
from dynamics.pictures import panel_of, panel_views
from dynamics.study import Study
from runners import explorer
from runners.explorer import __main__ as command
from runners.explorer import numbers, sheets
from runners.explorer.page import MOST_BYTES, document
from runners.report.page import differs_from
from tests.analysis.studies import STUDY, opened, rising, write
from tests.trained import trained_here

EVIL = "<script>document.title='run'</script>"


def test_counts_of_the_page_are_those_of_the_study(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "simclr", rising(rng, seeds=4, views=2))
    write(tmp_path, "supervised", rising(rng, seeds=3, epochs=7, augmentations=2), labels=np.arange(60) % 3)
    study = opened(tmp_path)
    data = collected(study)
    for method in data["methods"]:
        r = answers(method).mean(axis=1) / method["levels"]
        assert np.allclose(r, study.learning_probability(method["name"]), atol=1e-6)
    assert [method["levels"] for method in data["methods"]] == [4, 3]
    known = {one["key"]: values(one) for one in data["quantities"]}
    table = examples.analyse(study).table
    for name in ("simclr.area", "supervised.forgetting"):
        assert np.array_equal(known[name], table[name].astype(np.float32))


def test_scores_that_are_not_there_stay_absent() -> None:
    coded = numbers._coded(np.array([np.nan, -2.0, 5.5, 1.0]))
    assert np.array_equal(values(coded), [np.nan, -2.0, 5.5, 1.0], equal_nan=True)
    assert np.isnan(values(numbers._coded(np.full(3, np.nan)))).all()
    assert numbers._coded(np.array([1.0, 4.0]))["integer"]


def test_large_studies_are_sampled_and_it_is_said(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "supervised", rng.random((2, 90, 1, 1, 5000)) < 0.5)
    data = collected(opened(tmp_path))
    assert len(data["examples"]) == numbers.MOST_EXAMPLES and len(data["methods"][0]["epochs"]) == 60
    assert data["methods"][0]["epochs"][0] == 1 and data["methods"][0]["epochs"][-1] == 90
    assert any("4096 of 5000 examples are shown" in note for note in data["notes"])
    assert any("60 of 90 epochs" in note for note in data["notes"])
    shown = opened(tmp_path).learning_probability("supervised").sel(epoch=data["methods"][0]["epochs"])
    r = answers(data["methods"][0])[:, 0] / 2
    assert np.allclose(r, shown.isel(example=data["examples"]))


def test_methods_with_other_examples_are_left_out_and_it_is_said(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    write(tmp_path, "simclr", rising(rng, views=2), examples=np.arange(60))
    write(tmp_path, "supervised", rising(rng), examples=np.arange(60) + 7)
    data = collected(opened(tmp_path))
    assert [method["name"] for method in data["methods"]] == ["simclr"]
    assert any("different examples" in note and "supervised is left out" in note for note in data["notes"])


def test_names_are_text_and_only_this_script_may_run(tmp_path: Path, rng: np.random.Generator) -> None:
    path = explorer.write(evil_study(tmp_path, rng), tmp_path / "results", data_root=tmp_path)
    page = path.read_text(encoding="utf-8")
    assert EVIL not in page and page.count("<script") == 2 and page.count("</script>") == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None and policy[1].startswith(
        "default-src 'none'; img-src data:; style-src 'sha256-"
    )
    assert "unsafe" not in policy[1] and "://" not in page


def test_a_page_of_the_promised_size(tmp_path: Path, rng: np.random.Generator) -> None:
    """1024 examples, 4 methods, 30 epochs, 8 seeds, pictures of 32 pixels: half of 1.5 MB is left for their views."""
    for method, views in (("simclr", 2), ("supervised", 1), ("random-labels", 1), ("random-labels-aug", 1)):
        write(
            tmp_path,
            method,
            rising(rng, seeds=8, epochs=30, views=views, augmentations=5, examples=1024),
            true_labels=np.arange(1024) % 10,
        )
    data = collected(opened(tmp_path))
    data["pictures"] = sheets.sheet(photographs(rng, 1024), "webp", sheets.QUALITY, across=64)
    assert len(document(data)) < MOST_BYTES / 2 < 1_500_000 / 2


@pytest.mark.slow
def test_views_are_as_fine_as_they_fit(rng: np.random.Generator) -> None:
    drawn = sheets.SheetKind(["simclr"], None, photographs(rng, 64 * 4).reshape(64, 2, 2, 32, 32, 3))
    moved = sheets.SheetKind(["supervised"], np.zeros((64, 2, 3)), np.empty(0))
    sizes = []
    for most in (10**9, 30_000, 20_000):
        found = sheets.fitted([drawn, moved], most_bytes=most)
        assert [one["methods"] for one in found] == [["simclr"], ["supervised"]]
        sizes.append(sum(len(one.get("source", one.get("moves"))) for one in found))
        assert sizes[-1] <= most
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 5 * sizes[1]
    coarsest = len(sheets._of_views(drawn.seen, sheets.FINENESS[-1])["source"])
    for times, methods in ((2.5, [["simclr"], ["vicreg"]]), (1.5, [["simclr"]])):
        found = sheets.fitted([drawn, drawn._replace(methods=["vicreg"])], most_bytes=int(times * coarsest))
        assert [one["methods"] for one in found] == methods
    assert [one["methods"] for one in sheets.fitted([drawn, moved], most_bytes=2_000)] == [["supervised"]]
    assert sheets.fitted([drawn, moved], most_bytes=100) == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id,words\n1,a\n", "must have a column text, got id, words"),
        ("name,text\n1,a\n", "must have one column of ids"),
        ("id,text\n99,a\n", "names no example of the study"),
        (None, "no file"),
    ],
)
def test_texts_that_cannot_be_used(
    tmp_path: Path, rng: np.random.Generator, table: str | None, message: str
) -> None:
    write(tmp_path / "runs", "supervised", rising(rng))
    texts = tmp_path / "texts.csv"
    if table is not None:
        texts.write_text(table)
    with pytest.raises(UserError, match=message):
        explorer.write(opened(tmp_path / "runs"), tmp_path, data_root=tmp_path, texts=texts)


def test_the_command_writes_beside_the_report(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "runs", "supervised", rising(rng))
    command.main(["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")])
    said = capsys.readouterr().out
    assert "explorer without pictures" in said and "explorer.html (0." in said
    assert (tmp_path / "results" / STUDY / "explorer.html").exists()


def test_a_selection_is_analysed_alone(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    correct = rising(rng)
    write(tmp_path / "runs", "supervised", correct)
    chosen = tmp_path / "made-up-selection.csv"
    chosen.write_text("example,class\n4,1\n50,2\n7,1\n")
    where = ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results"), "--keep", str(chosen)]
    with pytest.raises(SystemExit) as stopped:
        analyse("learning", where)
    assert stopped.value.code == 0
    found = storage.read(tmp_path / "results" / "made-up-selection", "learning")
    last = found.table[found.table["method"] == "supervised"].iloc[-1]
    assert last["mean_r"] == pytest.approx(correct[:, -1, 0][..., [4, 7, 50]].mean())
    assert any("3 of 60 examples are kept" in note for note in found.inputs["supervised"]["notes"])


def test_a_selection_has_the_mates_of_the_whole_panel(tmp_path: Path, rng: np.random.Generator) -> None:
    """Rivals are counted over the panel: of fewer examples, the chance that none is a mate came out too small."""
    rivals = rng.integers(0, 10, (5, 2, 3, 40)).astype(np.uint16)
    for seed in range(2):
        snapshots.write_finished(
            snapshots.seed_folder(tmp_path, STUDY, "simclr", seed),
            method="simclr",
            seed=seed,
            correct=rng.random((5, 2, 3, 40)) < 0.5,
            config={"panel_batch": 8},
            further={"rivals": rivals, "same_class_rivals": rivals // 2},
        )
    whole = opened(tmp_path)
    some = whole.of_examples([str(place) for place in range(20)], called="some")
    of_whole, of_some = (one.with_mates("random").learning_probability("simclr") for one in (whole, some))
    assert np.array_equal(of_whole.isel(example=slice(20)), of_some)
    assert mates.applies(some) == "mates are those of the whole panel: leave out `keep`"


def test_results_of_another_selection_are_not_taken_for_this_one(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    write(tmp_path / "runs", "supervised", rising(rng))
    study = opened(tmp_path / "runs")
    first, second = (study.of_examples(names, called="some") for names in (["3", "4"], ["4", "5", "6"]))
    storage.write(examples.analyse(first), tmp_path / "some")
    known = storage.read(tmp_path / "some", "examples")
    assert differs_from(known, first) is None
    assert differs_from(known, second) == differs_from(known, study) == "supervised"


def test_what_is_not_of_the_panel_refuses_a_selection(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "supervised", rising(rng))
    write(tmp_path, "simclr", rising(rng, views=2), examples=np.arange(60) + 100)
    some = opened(tmp_path).of_examples(["3", "4", "7"], called="some")
    assert some.methods == ("supervised",) and "the method is left out" in some.left_out["simclr"]
    for module in (embedding, probes, divergence, activations, generalization):
        assert "leave out `keep`" in (module.applies(some) or "")
    with pytest.raises(UserError, match="no method has two of the examples to keep"):
        opened(tmp_path).of_examples(["1000"], called="none")


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study of two methods that were trained on digits, and its page."""
    runs = tmp_path_factory.mktemp("runs")
    fields = {"epochs": 3, "width": 4, "panel_examples": 64, "panel_batch": 32, "train_examples": 256}
    trained_here(runs, "simclr", range(2), **fields)
    study = trained_here(runs, "supervised", range(2), **fields)
    folder = runs / "results" / "s"
    where = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    mapped = {"examples": study.runs["simclr"][0].examples[:40], "simclr.map": where}
    storage.write(Result(name="embedding", rows=[], inputs=study.inputs(), arrays=mapped), folder)
    return study, explorer.write(study, folder, data_root=runs)


@pytest.fixture
def page(browser: Any, digits: tuple[Study, Path]) -> Iterator[Any]:
    with Opened(browser, digits[1]) as shown:
        yield shown


class Opened:
    """Open a page in a fresh window; afterwards it must have said and requested nothing."""

    def __init__(self, browser: Any, path: Path, *, width: int = 1400, fragment: str = "") -> None:
        self.window = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        self.address = path.as_uri() + fragment
        self.said: list[str] = []

    def __enter__(self) -> Any:
        page = self.window.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.said.append(f"request {request.url}"))
        page.goto(self.address)
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    def __exit__(self, *_: object) -> None:
        self.window.close()
        assert self.said == [f"request {self.address.partition('#')[0]}"]


def settled(page: Any) -> None:
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def view(page: Any) -> dict[str, str]:
    """Return the view that stands in the address."""
    page.wait_for_timeout(350)
    return dict(pair.split("=", 1) for pair in page.evaluate("location.hash").lstrip("#").split("&"))


def place_of(page: Any, example: int, plot: str = "#one") -> dict[str, float]:
    """Return where an example is drawn in a plot."""
    number = 0 if plot == "#one" else 1
    x, y = page.evaluate(f"[plots[{number}].x[{example}], plots[{number}].y[{example}]].map(Number)")
    return {"x": x, "y": y}


@pytest.mark.slow
def test_intervals_are_those_of_the_analyses(page: Any) -> None:
    for seeds in (2, 8, 30):
        for r in (0.0, 0.3, 1.0):
            low, high = examples.seed_interval(np.full((seeds, 1), r))
            assert page.evaluate(f"interval({r}, {seeds})") == pytest.approx([float(low[0]), float(high[0])])
    assert page.evaluate("toldApart(0, 8, 1, 8)") and not page.evaluate("toldApart(0.4, 8, 0.6, 8)")


def test_pairs_are_seldom_told_apart_wrongly(page: Any, rng: np.random.Generator) -> None:
    """At most 7 of 100 equal pairs, the worst case being 4 seeds at r = .5; r of several augmentations varies less."""
    for seeds in (4, 8, 30):
        for p in (0.1, 0.5, 0.9):
            one, other = rng.binomial(seeds, p, (2, 4000)) / seeds
            pairs = json.dumps([[float(a), float(b)] for a, b in zip(one, other, strict=True)])
            found = page.evaluate(f"{pairs}.filter(([a, b]) => toldApart(a, {seeds}, b, {seeds})).length")
            assert found / 4000 < 0.08


@pytest.mark.slow
def test_the_slider_moves_every_method(page: Any, digits: tuple[Study, Path]) -> None:
    page.locator("#slider").fill("2")
    settled(page)
    assert page.locator("#when").inner_text() == "epoch 2 of 3" and view(page)["t"] == "2"
    r = digits[0].learning_probability("supervised").sel(epoch=2)
    assert np.allclose(page.evaluate("[...rOf(1)]"), r, atol=1e-6)
    page.locator("#slider").press("ArrowLeft")
    settled(page)
    assert page.locator("#when").inner_text() == "epoch 1 of 3"
    page.get_by_label("same mean of r").check()
    settled(page)
    page.locator("#slider").fill("100")
    settled(page)
    means = [digits[0].learning_probability(method).mean("example") for method in digits[0].methods]
    assert page.evaluate("state.epochs") == [int(np.argmin(abs(mean.values - 1))) for mean in means]
    page.locator("#play").click()
    page.wait_for_timeout(500)
    assert page.locator("#play").get_attribute("aria-pressed") == "true"
    page.locator("#play").click()
    assert 0 < int(view(page)["t"]) < 100


@pytest.mark.slow
def test_pointing_pinning_and_their_picture(page: Any, digits: tuple[Study, Path]) -> None:
    study = digits[0]
    page.locator("#one select").first.select_option("simclr.area")
    page.locator("#one select").nth(1).select_option("supervised.area")
    settled(page)
    at = page.evaluate("plots[0].nearest(200, 200, 1000)")
    page.locator("#one canvas").hover(position=place_of(page, at))
    settled(page)
    example = int(study.runs["simclr"][0].examples[at])
    assert page.locator("#detail h2").inner_text() == f"Example {example}"
    page.locator("#one canvas").click(position=place_of(page, at))
    page.mouse.move(5, 5)
    settled(page)
    assert view(page)["pins"] == str(at) and page.locator("#pins button").count() == 1
    for method in study.methods:
        views = panel_views(panel_of(study.runs[method][0], data_root=Path("data")), [at], largest=32)[0]
        kind = next(one for one in page.evaluate("DATA.views.map(v => v.methods)") if method in one)
        number = page.evaluate("DATA.views.map(v => v.methods)").index(kind)
        for m in range(views.shape[0]):
            for v in range(views.shape[1]):
                assert np.abs(drawn(page, number, at, v, m).astype(int) - views[m, v]).max() <= 1
    r = [f"{float(study.learning_probability(method)[-1, at]):.2f}" for method in study.methods]
    row = page.locator("#detail tr", has=page.get_by_role("rowheader", name="r", exact=True))
    assert row.locator("td").all_inner_texts() == r
    page.locator("#pins button").click()
    settled(page)
    assert page.evaluate("state.pins.length") == 0


def drawn(page: Any, kind: int, at: int, view: int, m: int) -> np.ndarray:
    """Return a view as the page draws it, in its own size."""
    script = """([kind, at, view, m]) => {
        const canvas = new OffscreenCanvas(8, 8), pen = canvas.getContext("2d");
        drawView(pen, DATA.views[kind], at, view, m, 8);
        return [...pen.getImageData(0, 0, 8, 8).data];
    }"""
    pixels = np.array(page.evaluate(script, [kind, at, view, m]), dtype=np.uint8)
    return pixels.reshape(8, 8, 4)[..., :3]


@pytest.mark.slow
def test_a_box_filters_everything_and_is_downloaded(
    page: Any, digits: tuple[Study, Path], tmp_path: Path
) -> None:
    page.locator("#one canvas").scroll_into_view_if_needed()
    box = page.locator("#one canvas").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 120, steps=4)
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] * 0.6, steps=4)
    page.mouse.up()
    settled(page)
    kept = page.evaluate("[...visible].reduce((a, b) => a + b)")
    assert 0 < kept < 64 and page.locator("#kept").inner_text() == f"{kept} of 64 examples"
    assert page.evaluate("gallery.order.length") == kept
    with page.expect_download() as started:
        page.locator("#download").click()
    path = tmp_path / started.value.suggested_filename
    started.value.save_as(path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    places = page.evaluate("gallery.order")
    assert [int(row["example"]) for row in rows] == digits[0].runs["simclr"][0].examples[places].tolist()
    chosen = {name: value for name, value in view(page).items() if name == "box"}
    assert chosen
    page.keyboard.press("Escape")
    settled(page)
    assert page.locator("#kept").inner_text() == "64 of 64 examples"


@pytest.mark.slow
def test_classes_filter_and_quantities_sort(page: Any, digits: tuple[Study, Path]) -> None:
    run = digits[0].runs["simclr"][0]
    page.locator("#classes button").nth(3).click()
    settled(page)
    threes = np.flatnonzero(run.true_labels == 3)
    assert sorted(page.evaluate("gallery.order")) == threes.tolist() and view(page)["classes"] == "3"
    page.locator("#sort").select_option("supervised.area")
    settled(page)
    area = digits[0].learning_probability("supervised").mean("epoch").values
    order = page.evaluate("gallery.order")
    assert list(area[order]) == sorted(area[threes])
    page.locator("#order").click()
    settled(page)
    assert list(area[page.evaluate("gallery.order")]) == sorted(area[threes], reverse=True)


@pytest.mark.slow
def test_the_keyboard_is_enough(page: Any) -> None:
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    example = page.evaluate("DATA.examples[5]")
    page.keyboard.type(str(example))
    page.keyboard.press("Enter")
    settled(page)
    assert page.evaluate("state.pins") == [5] and f"example {example} is pinned" in page.inner_text("#said")
    page.locator("#query").fill("nothing like it")
    page.keyboard.press("Enter")
    assert "no example nothing like it" in page.inner_text("#said")
    page.locator("#gallery .scroll").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    across = page.evaluate("gallery.across")
    assert page.evaluate("focused()") == page.evaluate(f"gallery.order[1 + {across}] ?? -1")
    page.locator("#one canvas").focus()
    before = page.evaluate("focused()")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    after = page.evaluate("focused()")
    assert before >= 0 and after >= 0
    page.keyboard.press("Enter")
    settled(page)
    assert page.evaluate("state.pins").count(after) == (0 if after == 5 else 1)
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"


@pytest.mark.slow
def test_a_view_is_kept_in_the_address(browser: Any, digits: tuple[Study, Path]) -> None:
    fragment = "#mode=mean&t=40&x1=supervised.area&y1=r.simclr&pins=3.9.900&classes=1.2.99&sort=supervised.forgetting"
    with Opened(browser, digits[1], fragment=fragment) as page:
        assert page.evaluate("state.pins") == [3, 9] and page.evaluate("[...state.classes]") == [1, 2]
        assert page.evaluate("state.axes[0]") == ["supervised.area", "r.simclr"]
        assert page.locator("#when").inner_text() == "mean r 0.40"
        assert page.locator("#sort").input_value() == "supervised.forgetting"
        page.evaluate("location.hash = '#t=nonsense&x1=nothing&box=%%%&pins=x'")
        settled(page)
        assert page.locator("#when").inner_text() == "epoch 3 of 3"
        page.evaluate("location.hash = '#t=1&pins=2'")
        settled(page)
        assert page.evaluate("state.pins") == [2] and page.locator("#when").inner_text() == "epoch 1 of 3"


@pytest.mark.slow
def test_maps_show_the_examples_that_are_on_them(page: Any) -> None:
    assert page.evaluate("state.axes[1]") == ["t-SNE.simclr.x", "t-SNE.simclr.y"]
    assert "24 have no value here" in page.inner_text("#two .legend")


@pytest.mark.slow
def test_a_method_of_another_program_beside_ours(
    browser: Any, digits: tuple[Study, Path], tmp_path: Path
) -> None:
    """Its examples have pictures, for they are ours, and its views are unknown: the page was dead."""
    shutil.copytree(digits[0].folder, tmp_path / "runs/s")
    run = digits[0].runs["supervised"][0]
    for seed in range(2):
        snapshots.write_finished(
            snapshots.seed_folder(tmp_path / "runs", "s", "a-net", seed),
            method="a-net",
            seed=seed,
            correct=np.random.default_rng(seed).random((3, 1, 1, 64)) < 0.5,
            examples=run.examples,
            true_labels=run.true_labels,
            panel={"named": True},
            provenance={"data_fingerprint": run.provenance["data_fingerprint"]},
        )
    study = open_study(tmp_path / "runs/s")
    page_file = explorer.write(study, tmp_path / "results", data_root=tmp_path)
    with Opened(browser, page_file, fragment="#pins=3") as page:
        assert page.evaluate("METHODS.length") == 3 and page.locator("#views .kind").count() == 2
        assert "a-net: its augmentations cannot be shown" in page.inner_text("#notes")
    found = extremes.analyse(study, data_root=tmp_path)
    assert found.arrays["pictures"].shape == (len(found.rows), 8, 8, 3)


@pytest.mark.slow
def test_what_was_found_by_breaking_it(browser: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path / "runs", "simclr", rising(rng, seeds=2, views=2))
    write(tmp_path / "runs", "supervised", rising(rng, seeds=2, epochs=9))
    scores = ["example,huge,part,odd.map-x,narrow"]
    scores += [
        f"{at},{1e6 if at == 7 else at / 1000},{at if at > 30 else ''},{at},{1e17 + at}" for at in range(60)
    ]
    (tmp_path / "scores.csv").write_text("\n".join(scores) + "\n")
    take_in_scores(tmp_path / "scores.csv", study=tmp_path / "runs" / STUDY)
    path = explorer.write(opened(tmp_path / "runs"), tmp_path, data_root=tmp_path)
    with Opened(
        browser, path, fragment="#x1=others.part&y1=others.narrow&study=elsewhere&pins=3&box=AAAA"
    ) as page:
        assert page.evaluate("state.pins.length") == 0 and page.evaluate("state.chosen") is None
        shown = page.evaluate("[...QUANTITIES.get('others.huge').values()]")
        assert np.array_equal(shown, np.float32([1e6 if at == 7 else at / 1000 for at in range(60)]))
        page.locator("#one canvas").focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert page.evaluate("focused()") > 30 and "example" in page.inner_text("#spoken")
        page.locator("#two select").first.select_option("r.simclr")
        page.locator("#two select").nth(1).select_option("r.supervised")
        settled(page)
        legend = page.inner_text("#two .legend")
        assert "SimCLR at epoch 12, supervised at epoch 9" in legend
        assert "fewer than 3 seeds tell no two values of r apart" in legend
        where = place_of(page, 0, "#two")
        page.locator("#two canvas").click(position=where, button="right")
        assert page.evaluate("state.pins.length") == 0


@pytest.mark.slow
def test_narrow_screens_need_no_scrolling_sideways(browser: Any, digits: tuple[Study, Path]) -> None:
    for width in (360, 390, 760, 1280, 1600):
        with Opened(browser, digits[1], width=width) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if width < 400:
                page.locator("#one canvas").scroll_into_view_if_needed()
                page.locator("#one canvas").click(position=place_of(page, 0))
                settled(page)
                assert page.evaluate("focused()") >= 0


@pytest.mark.slow
def test_names_that_are_scripts_are_shown(browser: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text(
        "id,text\n" + "".join(f'"id {place} {EVIL}","text {place} {EVIL}"\n' for place in range(60))
    )
    path = explorer.write(evil_study(tmp_path, rng), tmp_path / "results", data_root=tmp_path, texts=texts)
    with Opened(browser, path, fragment="#pins=7") as page:
        assert page.title() != "run"
        assert f"class 1 {EVIL}" in page.inner_text("#about") and f"text 7 {EVIL}" in page.inner_text(
            "#about"
        )
        assert f"class 0 {EVIL}" in page.locator("#classes .name").first.inner_text()
        page.locator("#query").fill("text 31 ")
        page.keyboard.press("Enter")
        settled(page)
        assert page.evaluate("state.pins") == [7, 31]


# ---------------------------------------------------------------- helpers


def collected(study: Study) -> dict[str, Any]:
    return numbers.collect(numbers.Chosen.of(study), examples.analyse(study), None)


def answers(method: dict[str, Any]) -> np.ndarray:
    """Undo what the page undoes: (epoch, augmentation, example)."""
    changes = np.frombuffer(zlib.decompress(base64.b64decode(method["answers"])), np.uint8)
    return changes.reshape(len(method["epochs"]), method["augmentations"], -1).cumsum(axis=0, dtype=np.uint8)


def values(one: dict[str, Any]) -> np.ndarray:
    planes = np.frombuffer(zlib.decompress(base64.b64decode(one["values"])), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<f4")[:, 0]


def photographs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Pictures with the spectrum of photographs."""
    noise = rng.normal(size=(count, 32, 32, 3))
    smooth = sum(ndimage.gaussian_filter(noise, (0, s, s, 0), mode="wrap") * s * 32 for s in (1, 2, 4))
    return np.clip(128 + smooth, 0, 255).astype(np.uint8)


def evil_study(runs: Path, rng: np.random.Generator) -> Study:
    """A study whose classes and ids are scripts."""
    for seed, correct in enumerate(rising(rng)):
        snapshots.write_finished(
            snapshots.seed_folder(runs, STUDY, "supervised", seed),
            method="supervised",
            seed=seed,
            correct=correct,
            labels=np.arange(60) % 3,
            panel={"ids": [f"id {place} {EVIL}" for place in range(60)]},
            provenance={"classes": [f"class {place} {EVIL}" for place in range(3)]},
        )
    return open_study(runs / STUDY)
