"""Orders are as random as they should be: counts over many fixed keys against what chance gives.

Each test counts how often something came, and asks how far the sum of the squared deviations is
from what chance gives, in standard deviations. The keys are fixed, so a test gives the same number
each time: it can fail only when the code changes.
"""

from itertools import permutations
from math import sqrt

import numpy as np
import pytest

from trueload.mixing import derive
from trueload.order import Permutation, Replacement, Weighted
from trueload.permutation import SORTED_UP_TO

from .orders import whole

ENOUGH = 4.0  # standard deviations; chance goes further once in ten thousand fair tests


def surprise(counts, expected, freedom=None):
    """Give how far chi-square is above or below its mean, in standard deviations."""
    freedom = np.size(counts) - 1 if freedom is None else freedom
    return abs(np.sum((counts - expected) ** 2 / expected) - freedom) / sqrt(2 * freedom)


def table_surprise(length, groups, permutations_of_it):
    """Judge how often the indices of a group came at the positions of a group."""
    table, number = np.zeros((groups, groups)), 0
    rows = np.arange(length) * groups // length
    for indices in permutations_of_it:
        np.add.at(table, (rows, rows[indices]), 1)
        number += 1
    size = np.bincount(rows)
    expected = number * np.outer(size, size) / length
    # Each permutation fills its rows and columns, which lowers the variance by this much.
    statistic = np.sum((table - expected) ** 2 / expected) * (length - 1) / length
    freedom = (groups - 1) ** 2
    return abs(statistic - freedom) / sqrt(2 * freedom)


def shuffled(length, keys, root=2024):
    for number in range(keys):
        yield whole(Permutation(length, derive(root, number)))


def test_a_table_that_is_not_uniform_is_found():
    lazy = (np.roll(np.arange(100), number % 50) for number in range(2000))
    assert table_surprise(100, 10, lazy) > 100


def test_a_table_that_is_too_uniform_is_found():
    exact = (np.roll(np.arange(100), number) for number in range(2000))
    assert table_surprise(100, 100, exact) > 50


@pytest.mark.parametrize("length", [2, 3, 7, 50])
def test_every_index_comes_as_often_at_every_position(length):
    assert table_surprise(length, length, shuffled(length, 2000)) < ENOUGH


@pytest.mark.parametrize("length", [SORTED_UP_TO, SORTED_UP_TO + 1, 5041, 6000])
def test_every_part_of_the_indices_comes_as_often_in_every_part_of_the_order(length):
    assert table_surprise(length, 32, shuffled(length, 150)) < ENOUGH


def test_every_permutation_of_a_few_comes_as_often():
    known = {order: number for number, order in enumerate(permutations(range(5)))}
    seen = [known[tuple(order.tolist())] for order in shuffled(5, 10_000)]
    assert surprise(np.bincount(seen, minlength=120), 10_000 / 120) < ENOUGH


@pytest.mark.parametrize("length", [SORTED_UP_TO + 1, 10**6, 10**9, (1 << 62) - 57])
def test_neighbors_in_a_long_order_lie_anywhere(length):
    pairs = [Permutation(length, derive(7, key)).indices(1000, 1002) for key in range(1500)]
    cells = (np.array(pairs) // (length // 8 + 1)) @ [8, 1]
    assert surprise(np.bincount(cells, minlength=64), 1500 / 64) < ENOUGH


@pytest.mark.parametrize("length", [SORTED_UP_TO, SORTED_UP_TO + 1, 10**6])
def test_steps_between_neighbors_are_uniform(length):
    indices = Permutation(length, 42).indices(0, SORTED_UP_TO)
    steps = np.diff(indices) % length * 32 // length
    assert surprise(np.bincount(steps, minlength=32), len(steps) / 32) < ENOUGH


@pytest.mark.parametrize("length", [1000, 5000])
def test_a_permutation_keeps_one_index_in_its_place_on_average(length):
    fixed = [np.sum(order == np.arange(length)) for order in shuffled(length, 500)]
    assert abs(np.mean(fixed) - 1) < ENOUGH / sqrt(500)
    assert abs(np.var(fixed) - 1) < 0.3


@pytest.mark.parametrize("length", [2, 10, 1000])
def test_every_index_is_drawn_as_often_with_replacement(length):
    counts = np.bincount(whole(Replacement(length, 100_000, 42)), minlength=length)
    assert surprise(counts, 100_000 / length) < ENOUGH


def test_draws_with_replacement_do_not_depend_on_the_one_before():
    drawn = whole(Replacement(10, 100_001, 42))
    counts = np.bincount(drawn[:-1] * 10 + drawn[1:], minlength=100)
    assert surprise(counts, 1000) < ENOUGH


@pytest.mark.parametrize(
    "weights",
    [[1, 1], [1, 2, 3, 4], [0.001, 0.999], [100, 1, 1, 100], list(range(1, 101))],
    ids=["equal", "rising", "rare", "uneven", "many"],
)
def test_indices_are_drawn_as_often_as_their_weights_say(weights):
    weights = np.array(weights, dtype=float)
    drawn = whole(Weighted(weights, 100_000, replacement=True, key=42))
    counts = np.bincount(drawn, minlength=len(weights))
    assert surprise(counts, 100_000 * weights / weights.sum()) < ENOUGH


def test_pairs_are_drawn_without_replacement_as_often_as_their_weights_say():
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    counts, expected = np.zeros((4, 4)), np.zeros((4, 4))
    for key in range(5_000):
        first, second = whole(Weighted(weights, 2, replacement=False, key=derive(7, key)))
        counts[first, second] += 1
    for first, second in permutations(range(4), 2):
        share = weights[first] / 10 * weights[second] / (10 - weights[first])
        expected[first, second] = 5_000 * share
    drawn = expected > 0
    assert not counts[~drawn].any()
    assert surprise(counts[drawn], expected[drawn]) < ENOUGH
