# SPDX-License-Identifier: Apache-2.0
"""The disk format is what FORMAT.md says, to programs that know nothing of this one."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr

from dynamics import snapshots
from dynamics.snapshots.chunk import compressors, encoded
from tests.dynamics.recorded import LABELS, SHAPE, all_correct, epoch_entry, record

PAGE = Path(snapshots.__file__).parent / "FORMAT.md"
EPOCHS = [1, 2, 3, 4]


@pytest.fixture(params=["partial.zarr", "snapshots.zarr"])
def group(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the arrays of a seed under way, and of a finished one."""
    folder = tmp_path / "runs" / "demo" / "simclr" / "seed-0000"
    record(folder, EPOCHS, finish=request.param == "snapshots.zarr")
    return folder / request.param


def test_xarray_opens_a_seed_in_one_line(group: Path) -> None:
    seed = xarray.open_zarr(group, consolidated=False)
    assert seed["correct"].dims == ("epoch", "view", "augmentation", "example")
    assert seed["correct"].dtype == bool
    assert np.array_equal(seed["correct"].values, all_correct(0, EPOCHS))
    assert seed["correct"].sel(epoch=3, example=104).shape == SHAPE[:2]
    assert seed["probability"].dtype == np.float16
    assert np.array_equal(
        seed["probability"].values, np.stack([epoch_entry(epoch)[0]["probability"] for epoch in EPOCHS])
    )
    assert (
        dict(zip(seed["scalars"].attrs["names"], seed["scalars"].values[1], strict=True)) == epoch_entry(2)[1]
    )
    assert seed["epoch"].values.tolist() == EPOCHS
    assert seed["label"].values.tolist() == LABELS.tolist()
    assert seed.sizes == {
        "epoch": 4, "view": 2, "augmentation": 3, "example": 7, "scalar": 2, "array": 3, "byte": 16
    }  # fmt: skip


def test_digests_are_those_of_the_page(group: Path) -> None:
    seed = zarr.open_group(group, mode="r")
    for place, epoch in enumerate(EPOCHS):
        arrays, scalars = epoch_entry(epoch)
        entries = {
            "correct": arrays["correct"].astype("u1").tobytes(),
            "probability": arrays["probability"].astype("<f2").tobytes(),
            "scalars": np.array([scalars["loss"], scalars["rate"]], dtype="<f8").tobytes(),
        }
        rows = np.asarray(seed["digest"][place])
        for row, name in zip(rows, seed["digest"].attrs["names"], strict=True):
            assert row.tobytes() == hashlib.blake2b(entries[name], digest_size=16).digest()
    for name in ("epoch", "example", "label", "true_label"):
        values = np.asarray(seed[name][:]).astype("<i8")
        assert seed[name].attrs["blake2b"] == hashlib.blake2b(values.tobytes(), digest_size=16).hexdigest()


def test_arrays_have_the_codecs_names_and_attributes_of_the_page(group: Path) -> None:
    attributes = json.loads((group / "zarr.json").read_text())["attributes"]
    assert attributes["format"] == "training-dynamics.snapshots/1"
    assert attributes.get("wall_seconds") == (12.5 if group.name == "snapshots.zarr" else None)
    for metadata in sorted(group.glob("*/zarr.json")):
        array = json.loads(metadata.read_text())
        assert [codec["name"] for codec in array["codecs"]] == ["bytes", "blosc", "crc32c"]
        assert array["codecs"][1]["configuration"]["cname"] == "zstd"
        assert array["codecs"][1]["configuration"]["shuffle"] == "bitshuffle"
        assert array["chunk_key_encoding"] == {"name": "default", "configuration": {"separator": "."}}
        assert None not in array["dimension_names"]
    chunk_epochs = 4 if group.name == "snapshots.zarr" else 1
    assert json.loads((group / "correct/zarr.json").read_text())["chunk_grid"]["configuration"] == {
        "chunk_shape": [chunk_epochs, *SHAPE]
    }


def test_a_fingerprint_is_that_of_the_page(tmp_path: Path) -> None:
    config = {"temperature": 0.5, "name": "ä", "sizes": [1, 2]}
    snapshots.write_run_json(tmp_path, method="simclr", seed=0, config=config, provenance={})
    text = r'{"config":{"name":"\u00e4","sizes":[1,2],"temperature":0.5},"method":"simclr"}'
    assert snapshots.read_run_json(tmp_path)["fingerprint"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_page_names_every_file_of_a_run(tmp_path: Path) -> None:
    record(tmp_path, EPOCHS)
    under_way = {path.name for path in tmp_path.iterdir()}
    record(tmp_path / "b", EPOCHS, finish=True)
    names = under_way | {path.name for path in (tmp_path / "b").iterdir()}
    arrays = {path.parent.name for path in (tmp_path / "b").glob("snapshots.zarr/*/zarr.json")}
    for name in names | arrays:
        assert f"`{name.removesuffix('1')}" in PAGE.read_text()


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record(Path("published/runs/cifar-small/simclr/seed-0000"), EPOCHS, finish=True)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3
    learned = all_correct(0, EPOCHS)[:, 0].mean(axis=1)  # r_t is of the first view
    assert np.allclose(names["learned"], learned)
    assert np.allclose(names["r_t"], learned)
    assert snapshots.verify(Path("runs/mine/my-method/seed-0000")) == []


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 128), (1, 10, 5000)])
def test_chunks_have_the_bytes_that_zarr_would_write(
    tmp_path: Path, rng: np.random.Generator, kind: str, shape: tuple[int, ...]
) -> None:
    """Ours do not go through zarr: it hands each to threads of its own."""
    for values in (rng.normal(size=shape) * 9, np.zeros(shape)):
        entry = values.astype(kind)
        array = zarr.create_array(
            tmp_path / f"{values.any()}", shape=(1, *shape), chunks=(1, *shape), dtype=entry.dtype, zarr_format=3,
            compressors=compressors(entry.dtype), chunk_key_encoding={"name": "default", "separator": "."},
            config={"write_empty_chunks": True},
        )  # fmt: skip
        array[0] = entry
        assert (tmp_path / f"{values.any()}" / "c.0.0.0.0").read_bytes() == encoded(entry)
