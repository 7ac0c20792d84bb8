# SPDX-License-Identifier: Apache-2.0
import errno
import math
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from dynamics.errors import UserError
from dynamics.training import checkpoint
from tests.dynamics import crash_points


def same(one: Any, other: Any) -> bool:
    """Equal in type, structure and every bit."""
    if isinstance(one, OrderedDict):
        one = dict(one)
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        one, other = one.numpy(force=True), other.numpy(force=True)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is float:
        return one.hex() == other.hex()  # tells -0.0 from 0.0, and NaN is NaN
    return bool(one == other)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([torch.float32, torch.float16, torch.int64, torch.uint8, torch.bool]).flatmap(
        lambda dtype: st.lists(st.integers(0, 3), max_size=3).map(
            lambda shape: torch.arange(math.prod(shape)).reshape(shape).to(dtype)
        )
    ),
    st.sampled_from(["f8", "i4", "u1", "?"]).map(lambda dtype: np.arange(4).astype(dtype).reshape(2, 2)),
)
states = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(state=states)
@settings(max_examples=60, deadline=None)
def test_any_state_comes_back_bit_equal(state: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    checkpoint.save(state, path)
    loaded, note = checkpoint.load(path)
    assert same(state, loaded)
    assert note is None


def test_real_states_of_training_come_back(tmp_path: Path, rng: np.random.Generator) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(model.parameters(), amsgrad=True)
    model(torch.ones(5, 3)).square().sum().backward()
    optimizer.step()
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "torch": torch.Generator().manual_seed(3).get_state(),
        "numpy": rng.bit_generator.state,
        "history": [{"loss": math.inf, "rate": 0.1}, {"loss": -0.0, "rate": math.nan}],
    }
    path = tmp_path / "state.safetensors"
    checkpoint.save(state, path)
    assert same(state, checkpoint.load(path).state)


def test_views_and_shared_tensors_are_stored_by_value(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    state = [base, base, base.T, base[:, 1], base.to(torch.bfloat16), torch.nn.Parameter(base[0])]
    path = tmp_path / "state.safetensors"
    checkpoint.save(state, path)
    for stored, loaded in zip(state, checkpoint.load(path).state, strict=True):
        assert torch.equal(stored, loaded)
        assert stored.dtype == loaded.dtype
        assert loaded.is_contiguous()
        assert loaded.storage_offset() == 0


def test_loaded_tensors_own_their_memory(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    checkpoint.save([torch.zeros(3), torch.zeros(3)], path)
    one, other = checkpoint.load(path).state
    one += 1
    assert other.sum() == 0
    assert one.untyped_storage().nbytes() == one.nbytes


class Pair(NamedTuple):
    a: int
    b: int


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ({"a": [Path("x")]}, "/a/0: a PosixPath"),
        ({"a": {1.5: 0}}, "/a: a key of type float"),
        ({True: 0}, "a key of type bool"),
        ((Pair(1, 2),), "/0: a Pair"),
        (np.float64(1.0), "a float64"),
        ({"a": {1, 2}}, "/a: a set"),
        ([np.array(["x"])], "/0: an array of <U1"),
        ([np.array([None])], "/0: an array of object"),
        ([lambda: 0], "/0: a function"),
        (torch.float32, "a dtype"),
    ],
)
def test_what_cannot_be_stored_exactly_is_refused_by_name(tmp_path: Path, state: Any, what: str) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(TypeError, match=what):
        checkpoint.save(state, path)
    assert list(tmp_path.iterdir()) == []


def test_two_generations_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    assert not checkpoint.exists(path)
    for epoch in (1, 2, 3):
        checkpoint.save({"epoch": epoch}, path)
    assert sorted(part.name for part in tmp_path.iterdir()) == [
        "state.previous.safetensors",
        "state.safetensors",
    ]
    assert checkpoint.load(path) == ({"epoch": 3}, None)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "missing"])
def test_a_damaged_state_gives_way_to_the_one_before_with_a_note(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.safetensors"
    for epoch in (1, 2):
        checkpoint.save({"epoch": epoch, "weight": torch.full((9,), epoch)}, path)
    spoil(path, damage)
    assert checkpoint.exists(path)
    state, note = checkpoint.load(path)
    assert state["epoch"] == 1
    assert note is not None
    assert str(path) in note
    assert "going on from the previous state" in note


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "missing"])
def test_two_damaged_states_are_an_error_that_says_how_to_go_on(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.safetensors"
    for epoch in (1, 2):
        checkpoint.save({"epoch": epoch}, path)
    spoil(path, damage)
    spoil(checkpoint.previous(path), damage)
    with pytest.raises(UserError, match="delete both to train this seed again"):
        checkpoint.load(path)


def spoil(path: Path, damage: str) -> None:
    blob = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "flip":
        blob[len(blob) // 2] ^= 4
        path.write_bytes(blob)
    else:
        path.write_bytes(blob[: len(blob) // 2] if damage == "cut" else b"")


def test_every_flipped_bit_of_a_state_and_of_weights_is_noticed(tmp_path: Path) -> None:
    state, weights = tmp_path / "state.safetensors", tmp_path / "weights.safetensors"
    checkpoint.save({"w": torch.arange(3), "x": 1.5}, state)
    checkpoint.save_weights({"w": torch.arange(3)}, weights)
    for path, read in ((state, checkpoint.load), (weights, checkpoint.load_weights)):
        blob = path.read_bytes()
        for byte in range(len(blob)):
            damaged = bytearray(blob)
            damaged[byte] ^= 1 << (byte % 8)
            path.write_bytes(damaged)
            with pytest.raises(UserError, match=path.name):
                read(path)


@pytest.mark.parametrize(
    "tree",
    ["", "[", "{}", '{"tensor": "none"}', '{"dict": 3}', '{"other": 1}', '{"float": 3}', "[" * 50_000, None],
    ids=["empty", "cut", "nothing", "no tensor", "no pairs", "another kind", "no float", "deep", "absent"],
)
def test_a_sealed_file_that_holds_no_state_is_refused_in_a_sentence(tmp_path: Path, tree: str | None) -> None:
    path = tmp_path / "state.safetensors"
    metadata = {"format": checkpoint.STATE_FORMAT} | ({} if tree is None else {"tree": tree})
    path.write_bytes(b"".join(checkpoint._file({"weights": torch.ones(2)}, metadata)))
    with pytest.raises(UserError, match="no training state can be read"):
        checkpoint.load(path)


def test_a_state_of_a_newer_format_does_not_give_way_to_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    checkpoint.save({"epoch": 1}, path)
    checkpoint.save({"epoch": 2}, path)
    newer = {"format": "training-dynamics.state/99", "tree": "1"}
    path.write_bytes(b"".join(checkpoint._file({"weights": torch.ones(2)}, newer)))
    with pytest.raises(UserError, match="newer version"):
        checkpoint.load(path)


def test_weights_are_a_plain_safetensors_file(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2).to(memory_format=torch.contiguous_format)
    path = tmp_path / "weights.safetensors"
    checkpoint.save_weights(model.state_dict(), path)
    for weights in (load_file(path), checkpoint.load_weights(path)):
        assert same(dict(model.state_dict()), {name: weights[name] for name in model.state_dict()})


def test_weights_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(UserError, match="is missing"):
        checkpoint.load_weights(path)
    checkpoint.save({}, path)
    with pytest.raises(UserError, match=r"has the format 'training-dynamics\.state/1'"):
        checkpoint.load_weights(path)
    path.write_bytes(b"\x80\x04.")  # a pickle is bytes like others, and is not run
    with pytest.raises(UserError, match="damaged"):
        checkpoint.load_weights(path)


def test_a_full_disk_keeps_both_generations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.safetensors"
    for epoch in (1, 2):
        checkpoint.save({"epoch": epoch}, path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="full"):
            checkpoint.save({"epoch": 3}, path)
    assert sorted(part.name for part in tmp_path.iterdir()) == [
        "state.previous.safetensors",
        "state.safetensors",
    ]
    assert checkpoint.load(path) == ({"epoch": 2}, None)


@pytest.mark.slow
def test_at_every_crash_point_a_state_is_whole() -> None:
    assert crash_points.count("checkpoint", at_once=1) >= 8
