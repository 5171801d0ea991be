"""Keys from numbers: pinned for ever, and another one for other numbers."""

import numpy as np
import pytest

from trueload.mixing import MASK, counted, derive, mix, mix64

NUMBERS = [0, 1, 2, 42, 1 << 30, 1 << 31, 1 << 63, MASK - 1, MASK]
GOLDEN = 0x9E3779B97F4A7C15


def test_mixing_agrees_with_the_published_first_numbers_of_splitmix64():
    seed = 1234567
    first = [mix((seed + GOLDEN * step) & MASK) for step in range(1, 6)]
    assert first == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize(
    ("numbers", "key"),
    [
        ((0,), 0xE220A8397B1DCDAF),
        ((1,), 0x910A2DEC89025CC1),
        ((42,), 0xBDD732262FEB6E95),
        ((42, 0), 0x57E1FABA65107204),
        ((42, 1), 0xF4ABD143FEB24055),
        ((42, 1, 7), 0x909D7856DBE9D02A),
        ((MASK,), 0xE4D971771B652C20),
        (((1 << 64) + 5,), 0xE17B6D147DA182DA),
    ],
)
def test_a_key_never_changes(numbers, key):
    assert derive(*numbers) == key


def test_random_words_never_change():
    words = [0xCD5782B3DB2B0574, 0x1EE3AB88BC14D314, 0xF964BE48AAF98A36]
    assert counted(42, 0, 3).tolist() == words


def test_a_key_has_64_bits_whatever_the_seed():
    keys = [derive(seed) for seed in (0, 1, -1, MASK, 1 << 64, -(1 << 64), 1 << 1000)]
    assert all(0 <= key <= MASK for key in keys)


def test_a_mixed_number_has_64_bits():
    assert all(0 <= mix(number) <= MASK for number in NUMBERS)


def test_keys_differ_for_other_seeds_epochs_and_positions():
    keys = {derive(*numbers) for numbers in np.ndindex(20, 20, 20)}
    assert len(keys) == 20**3


def test_the_numbers_of_a_key_cannot_change_places():
    assert len({derive(1, 2, 3), derive(1, 3, 2), derive(2, 1, 3), derive(3, 2, 1)}) == 4


def test_a_further_number_gives_another_key_even_when_it_is_zero():
    assert len({derive(42), derive(42, 0), derive(42, 0, 0)}) == 3


def test_every_bit_of_a_long_seed_counts():
    seed = 1 << 200
    keys = {derive(seed)} | {derive(seed ^ (1 << bit)) for bit in range(200)}
    assert len(keys) == 201


def test_the_sign_of_a_seed_counts():
    seeds = [1, 5, 42, MASK]
    keys = {derive(seed) for seed in seeds} | {derive(-seed) for seed in seeds}
    assert len(keys) == 8


def test_a_negative_seed_gives_another_key_than_a_long_one():
    assert derive(-5) != derive((1 << 64) + 5)


def test_an_array_is_mixed_as_its_numbers_are():
    mixed = mix64(np.array(NUMBERS, dtype=np.uint64))
    assert mixed.tolist() == [mix(number) for number in NUMBERS]


def test_an_array_is_mixed_in_place_in_any_shape():
    numbers = np.arange(6, dtype=np.uint64).reshape(2, 3)
    assert mix64(numbers) is numbers
    assert numbers.tolist() == [[mix(0), mix(1), mix(2)], [mix(3), mix(4), mix(5)]]


def test_random_words_can_be_read_from_anywhere():
    whole = counted(7, 0, 100)
    assert np.array_equal(counted(7, 30, 60), whole[30:60])
    assert counted(7, 5, 5).size == 0


def test_random_words_are_64_bit_and_differ_by_key():
    one, other = counted(7, 0, 1000), counted(8, 0, 1000)
    assert one.dtype == np.uint64
    assert len({*one.tolist(), *other.tolist()}) == 2000


def test_one_changed_bit_changes_half_of_the_bits():
    changed = [
        (mix(number) ^ mix(number ^ (1 << bit))).bit_count()
        for number in range(1, 101)
        for bit in range(64)
    ]
    assert 31.5 < np.mean(changed) < 32.5
