import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dynamics.config import MAX_EPOCH, MAX_SEED
from dynamics.errors import UserError
from dynamics.streams import PURPOSES, generator, scramble


def numbers(stream: torch.Generator) -> list[float]:
    return torch.rand(8, generator=stream).tolist()


def test_a_stream_is_its_coordinates() -> None:
    assert numbers(generator(3, "order", 7)) == numbers(generator(3, "order", 7))


def test_every_coordinate_moves_the_stream() -> None:
    streams = [(3, "order", 7), (4, "order", 7), (3, "weights", 7), (3, "order", 8)]
    drawn = {tuple(numbers(generator(seed, purpose, epoch))) for seed, purpose, epoch in streams}
    assert len(drawn) == len(streams)


def test_the_global_stream_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    numbers(generator(0, "weights"))
    assert torch.equal(before, torch.random.get_rng_state())


def unscramble(value: int) -> int:
    """Undo each step of scramble; exists only because scramble is one to one."""
    value ^= value >> 16
    value = value * pow(0x846CA68B, -1, 2**32) & 0xFFFFFFFF
    value ^= value >> 15 ^ value >> 30
    value = value * pow(0x7FEB352D, -1, 2**32) & 0xFFFFFFFF
    return value ^ value >> 16


@given(st.integers(0, 2**32 - 1))
def test_no_two_counters_share_a_generator_seed(counter: int) -> None:
    assert unscramble(scramble(counter)) == counter


def test_purposes_fit_their_bits() -> None:
    assert len(PURPOSES) <= 16


def test_a_new_purpose_leaves_the_bits_of_the_others_alone() -> None:
    """Seeds of generators as they were when runs were first recorded."""
    assert generator(3, "order", 7).initial_seed() == 0xBD1601DD
    assert generator(0, "control", 1).initial_seed() == 0x39E870DD
    assert PURPOSES.index("probe") == 7


@pytest.mark.parametrize(("seed", "epoch"), [(-1, 0), (MAX_SEED + 1, 0), (0, MAX_EPOCH + 1)])
def test_out_of_range_is_said(seed: int, epoch: int) -> None:
    with pytest.raises(UserError, match="must be in"):
        generator(seed, "order", epoch)
