"""The keyed permutations under the orders: whole short ones, and the network for long ones."""

import numpy as np
import pytest

from trueload.permutation import MOST, Feistel, sorted_permutation

LENGTHS = [1, 2, 3, 4, 5, 10, 63, 64, 65, 4095, 4096, 4097, 10_007]
LONG = [1_000_000, 10**9, (1 << 32) - 1, (1 << 32) + 1, (1 << 53) + 1, MOST - 1, MOST]


def spread(length):
    """Give some positions of a long permutation: both ends, and in between."""
    inner = np.random.default_rng(0).integers(0, length, 1000)
    return np.unique(np.concatenate([[0, 1, length - 2, length - 1], inner])).astype(np.int64)


def test_a_short_permutation_never_changes():
    assert sorted_permutation(10, 42).tolist() == [1, 5, 4, 9, 7, 8, 0, 3, 6, 2]


@pytest.mark.parametrize(
    ("length", "start", "indices"),
    [
        (4097, 0, [1642, 3089, 335, 721, 1282]),
        (1_000_000, 999_998, [914719, 395429]),
        (10**9, 0, [495995233, 831712299, 774249783, 129885775, 261938588]),
        (10**9, 10**9 - 2, [37034432, 918860875]),
        (MOST, 0, [3210422250014005424, 2530826646107653080]),
        (MOST, MOST - 2, [2036220031106139094, 938700609299565268]),
    ],
)
def test_a_long_permutation_never_changes(length, start, indices):
    positions = np.arange(start, start + len(indices), dtype=np.int64)
    assert Feistel(length, 42).forward(positions).tolist() == indices


@pytest.mark.parametrize("length", [0, *LENGTHS])
def test_a_short_permutation_holds_every_index_once(length):
    assert np.array_equal(np.sort(sorted_permutation(length, 3)), np.arange(length))


@pytest.mark.parametrize("length", LENGTHS)
def test_the_network_gives_every_index_once(length):
    indices = Feistel(length, 3).forward(np.arange(length))
    assert indices.dtype == np.int64
    assert np.array_equal(np.sort(indices), np.arange(length))


@pytest.mark.parametrize("length", LENGTHS)
def test_the_inverse_gives_every_position_back(length):
    network = Feistel(length, 3)
    positions = np.arange(length)
    assert np.array_equal(network.inverse(network.forward(positions)), positions)


@pytest.mark.parametrize("length", LONG)
def test_a_long_network_stays_within_its_length_and_is_undone(length):
    network, positions = Feistel(length, 3), spread(length)
    indices = network.forward(positions)
    assert 0 <= indices.min() <= indices.max() < length
    assert len(np.unique(indices)) == len(positions)
    assert np.array_equal(network.inverse(indices), positions)


@pytest.mark.parametrize("length", LONG)
def test_the_forward_walk_undoes_the_inverse(length):
    network, indices = Feistel(length, 3), spread(length)
    assert np.array_equal(network.forward(network.inverse(indices)), indices)


def test_positions_are_read_together_as_one_by_one():
    network = Feistel(10**9, 3)
    positions = spread(10**9)[:50]
    single = [int(network.forward(positions[at : at + 1])[0]) for at in range(50)]
    assert network.forward(positions).tolist() == single


def test_the_network_leaves_the_positions_it_is_given_alone():
    network, positions = Feistel(5000, 3), np.arange(5000)
    network.forward(positions)
    network.inverse(positions)
    assert np.array_equal(positions, np.arange(5000))


def test_no_positions_give_no_indices():
    assert Feistel(5000, 3).forward(np.arange(0)).size == 0


def test_another_key_moves_nearly_every_index():
    positions = np.arange(5000)
    same = Feistel(5000, 3).forward(positions) == Feistel(5000, 4).forward(positions)
    assert same.sum() < 20


def test_networks_of_the_same_length_and_key_are_equal_values():
    assert Feistel(5000, 3) == Feistel(5000, 3)
    assert len({Feistel(5000, 3), Feistel(5000, 3), Feistel(5001, 3), Feistel(5000, 4)}) == 3
