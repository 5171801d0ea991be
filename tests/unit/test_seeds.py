"""Seeding what samples draw from, lending the generators, and their states as bytes."""

import random

import numpy as np
import pytest
import torch

from trueload.seeds import (
    Borrowed,
    key_of,
    pack_generator,
    preserved,
    reseed,
    root_of,
    stream_key_of,
    unpack_generator,
)

KEY = 0x0123456789ABCDEF


@pytest.fixture(autouse=True)
def _as_before():
    """Give the global generators back as they were, not by what is under test."""
    bits = np.random.get_bit_generator()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    np.random.set_bit_generator(bits)
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


def drawn():
    """Draw from all three generators: numbers, a Gaussian of each."""
    return (
        [random.random(), random.gauss(0, 1)],
        [*np.random.rand(2), np.random.randn()],
        [*torch.rand(2).tolist(), torch.randn(1).item()],
    )


def borrowed_draws(borrowed, key=KEY):
    borrowed.take()
    try:
        reseed(key)
        return drawn()
    finally:
        borrowed.give_back()


def test_the_keys_of_positions_never_change():
    assert key_of(root_of(42, 1), 7) == 0xC400C690ED5140F0


def test_seed_epoch_and_position_all_count():
    keys = {
        key_of(root_of(seed, epoch), at) for seed in (1, 2) for epoch in (0, 1) for at in (0, 1)
    }
    assert len(keys) == 8


def test_a_stream_begins_with_another_key_for_each_reader_and_none_of_a_batch():
    keys = {stream_key_of(5, lane) for lane in range(4)} | {key_of(5, at) for at in range(4)}
    assert len(keys) == 8


def test_the_same_key_draws_the_same():
    reseed(KEY)
    first = drawn()
    reseed(KEY)
    assert drawn() == first


def test_what_a_key_draws_never_changes():
    reseed(KEY)
    assert [random.randrange(1000) for _ in range(3)] == [918, 356, 402]
    assert np.random.randint(0, 1000, 3).tolist() == [512, 526, 916]
    assert torch.randint(0, 1000, (3,)).tolist() == [94, 395, 760]


def test_seeding_forgets_a_spare_gaussian():
    reseed(KEY)
    first = drawn()
    random.gauss(0, 1)
    np.random.randn()
    torch.randn(1)
    reseed(KEY)
    assert drawn() == first


@pytest.mark.parametrize("bit", [0, 31, 32, 63])
def test_another_key_draws_something_else(bit):
    reseed(KEY)
    first = random.random(), (np.random.rand(), torch.rand(1).item())
    reseed(KEY ^ (1 << bit))
    assert random.random() != first[0]
    assert (np.random.rand(), torch.rand(1).item()) != first[1]


def test_numpy_and_torch_draw_different_streams():
    reseed(KEY)
    words = np.random.randint(0, 1 << 24, 50)
    assert not np.array_equal(words, torch.randint(0, 1 << 24, (50,)).numpy())


@pytest.mark.parametrize("key", [0, (1 << 32) - 1, 1 << 32, (1 << 64) - 1])
def test_every_key_of_64_bits_can_seed(key):
    reseed(key)
    first = drawn()
    reseed(key)
    assert drawn() == first


def test_what_is_borrowed_is_given_back():
    borrowed = Borrowed()
    reseed(1)
    undisturbed = [drawn() for _ in range(3)]
    reseed(1)
    disturbed = []
    for _ in range(3):
        borrowed_draws(borrowed)
        disturbed.append(drawn())
    assert disturbed == undisturbed


def test_what_is_borrowed_draws_by_the_key_alone():
    borrowed = Borrowed()
    first = borrowed_draws(borrowed)
    np.random.randn()
    assert borrowed_draws(borrowed) == first


@pytest.mark.parametrize("held_first", [True, False])
def test_a_spare_gaussian_outlives_the_loan(held_first):
    borrowed = Borrowed()
    reseed(1)
    if not held_first:
        borrowed_draws(borrowed)
    np.random.randn()
    expected = np.random.randn(), np.random.rand()
    reseed(1)
    np.random.randn()
    borrowed_draws(borrowed)
    assert (np.random.randn(), np.random.rand()) == expected


def test_a_spare_gaussian_outlives_several_loans_without_a_draw():
    borrowed = Borrowed()
    reseed(1)
    np.random.randn()
    expected = np.random.randn()
    reseed(1)
    np.random.randn()
    for _ in range(3):
        borrowed_draws(borrowed)
    assert np.random.randn() == expected


def test_a_spare_gaussian_that_was_used_does_not_come_back():
    borrowed = Borrowed()
    reseed(1)
    expected = np.random.randn(4).tolist()
    reseed(1)
    drawn_between = []
    for _ in range(4):
        drawn_between.append(np.random.randn())
        borrowed_draws(borrowed)
    assert drawn_between == expected


def test_no_spare_gaussian_of_a_sample_is_left_behind():
    borrowed = Borrowed()
    reseed(1)
    expected = np.random.randn()
    reseed(1)
    borrowed.take()
    reseed(KEY)
    np.random.randn()
    borrowed.give_back()
    assert np.random.randn() == expected


def test_a_seed_set_between_two_loans_is_kept():
    borrowed = Borrowed()
    borrowed_draws(borrowed)
    np.random.seed(5)
    expected = np.random.RandomState(5).rand(3)
    borrowed_draws(borrowed)
    assert np.array_equal(np.random.rand(3), expected)


def test_the_bit_generator_itself_is_given_back():
    borrowed, before = Borrowed(), np.random.get_bit_generator()
    borrowed.take()
    assert np.random.get_bit_generator() is not before
    borrowed.give_back()
    assert np.random.get_bit_generator() is before


def test_another_kind_of_bit_generator_is_lent_too():
    theirs = np.random.PCG64(3)
    np.random.set_bit_generator(theirs)
    borrowed = Borrowed()
    expected = np.random.Generator(np.random.PCG64(3)).bit_generator.random_raw(2).tolist()
    borrowed_draws(borrowed)
    first = theirs.random_raw()
    borrowed_draws(borrowed)
    assert [first, theirs.random_raw()] == expected
    assert np.random.get_bit_generator() is theirs


def test_what_is_preserved_is_as_before():
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    reseed(1)
    np.random.randn()
    expected = drawn()
    reseed(1)
    np.random.randn()
    with preserved(generator):
        reseed(KEY)
        drawn()
        torch.rand(1, generator=generator)
    assert drawn() == expected
    assert torch.equal(generator.get_state(), before)


def test_what_is_preserved_is_as_before_an_error_too():
    reseed(1)
    expected = drawn()
    reseed(1)
    with pytest.raises(KeyError), preserved():  # noqa: PT012 - the draw, then the error
        reseed(KEY)
        raise KeyError
    assert drawn() == expected


@pytest.mark.parametrize("draws", [0, 1, 623, 624, 625])
@pytest.mark.parametrize("gauss", [False, True])
def test_a_packed_generator_goes_on_as_the_first(draws, gauss):
    generator = torch.Generator().manual_seed(KEY)
    torch.randint(0, 1 << 20, (draws,), generator=generator)
    if gauss:
        torch.randn(1, generator=generator)
    other = torch.Generator().manual_seed(1)
    unpack_generator(pack_generator(generator), other)
    assert torch.equal(other.get_state(), generator.get_state())
    assert torch.equal(torch.randn(700, generator=other), torch.randn(700, generator=generator))


def test_packing_halves_the_state():
    generator = torch.Generator().manual_seed(3)
    assert len(pack_generator(generator)) < 0.52 * generator.get_state().numel()


def test_packing_draws_nothing():
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    pack_generator(generator)
    assert torch.equal(generator.get_state(), before)


def test_a_whole_state_is_taken_too():
    generator = torch.Generator().manual_seed(3)
    other = torch.Generator()
    unpack_generator(generator.get_state().numpy().tobytes(), other)
    assert torch.equal(other.get_state(), generator.get_state())


@pytest.mark.parametrize("cut", [slice(0), slice(10), slice(-2), slice(None)])
def test_bytes_of_another_length_are_refused(cut):
    generator = torch.Generator().manual_seed(3)
    before, longer = generator.get_state(), pack_generator(generator) + bytes(1)
    wrong = longer[cut]
    message = f"^a generator's state has {before.numel()} bytes, got {len(wrong)}$"
    with pytest.raises(ValueError, match=message):
        unpack_generator(wrong, generator)
    assert torch.equal(generator.get_state(), before)
