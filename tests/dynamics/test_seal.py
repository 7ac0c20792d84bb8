# SPDX-License-Identifier: Apache-2.0
import hashlib

import numpy as np
import pytest
from safetensors.numpy import load, save

from dynamics.seal import BLANK, is_sealed, seal


def sealed_file() -> bytes:
    tensors = {"a": np.arange(7, dtype=np.float32), "sha256": np.ones((2, 3), dtype=np.int16)}
    metadata = {"sha256": BLANK, "tree": '{"sha256":"1234"}', "format": "x"}
    return b"".join(seal(save(tensors, metadata=metadata)))


def test_a_sealed_file_is_a_safetensors_file() -> None:
    assert load(sealed_file())["a"].tolist() == list(range(7))


def test_the_hash_is_that_of_the_file_with_zeros_in_its_place() -> None:
    blob = sealed_file()
    at = blob.index(b'"sha256":"', blob.index(b"__metadata__")) + len(b'"sha256":"')
    blank = blob[:at] + BLANK.encode() + blob[at + 64 :]
    assert blob[at : at + 64].decode() == hashlib.sha256(blank).hexdigest()


def test_every_flipped_bit_is_noticed() -> None:
    blob = sealed_file()
    assert is_sealed(blob)
    for byte in range(len(blob)):
        damaged = bytearray(blob)
        damaged[byte] ^= 1 << (byte % 8)
        assert not is_sealed(bytes(damaged)), f"byte {byte}"


@pytest.mark.parametrize("cut", [0, 4, 8, 50, -1])
def test_a_cut_file_is_noticed(cut: int) -> None:
    assert not is_sealed(sealed_file()[:cut])


def test_a_file_without_place_for_the_hash_is_not_sealed() -> None:
    blob = save({"a": np.zeros(3)})
    assert not is_sealed(blob)
    with pytest.raises(ValueError, match="no blank sha256"):
        seal(blob)
