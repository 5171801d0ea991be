"""Orders of any length and key: every index when it should come, read from anywhere."""

import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueload.mixing import derive
from trueload.order import BLOCK, Chosen, Permutation, Repeated, Replacement, Weighted, cut
from trueload.permutation import MOST, SORTED_UP_TO

from .orders import any_orders, keys, lengths, long_lengths, whole

BILLION = 10**9


@given(lengths, keys)
def test_a_permutation_holds_every_index_once(length, key):
    assert np.array_equal(np.sort(whole(Permutation(length, key))), np.arange(length))


@pytest.mark.parametrize("length", range(SORTED_UP_TO - 2, SORTED_UP_TO + 4))
def test_a_permutation_holds_every_index_once_where_its_kind_changes(length):
    assert np.array_equal(np.sort(whole(Permutation(length, 42))), np.arange(length))


@given(long_lengths, keys, st.data())
def test_a_long_permutation_is_undone_at_any_position(length, key, data):
    order = Permutation(length, key)
    start = data.draw(st.integers(0, length - 100))
    indices = order.indices(start, start + 100).tolist()
    assert len(set(indices)) == 100
    assert all(0 <= index < length for index in indices)
    assert [order.position_of(index) for index in indices[:5]] == list(range(start, start + 5))


@given(long_lengths, keys, st.data())
def test_every_index_of_a_long_permutation_has_one_position(length, key, data):
    order = Permutation(length, key)
    index = data.draw(st.integers(0, length - 1))
    position = order.position_of(index)
    assert order.indices(position, position + 1).tolist() == [index]


@given(st.integers(50, 6000), st.integers())
def test_every_epoch_has_another_permutation(length, seed):
    orders = {whole(Permutation(length, derive(seed, epoch))).tobytes() for epoch in range(5)}
    assert len(orders) == 5


@given(st.integers(50, 6000), keys, st.integers(0, 63))
def test_any_bit_of_the_key_gives_another_permutation(length, key, bit):
    one, other = Permutation(length, key), Permutation(length, key ^ (1 << bit))
    assert np.mean(whole(one) == whole(other)) < 0.3


@given(any_orders, st.data())
def test_an_order_reads_the_same_from_anywhere(order, data):
    start = data.draw(st.integers(0, len(order)))
    stop = data.draw(st.integers(start, len(order)))
    assert np.array_equal(order.indices(start, stop), whole(order)[start:stop])


@given(any_orders, st.integers(1, 50))
def test_a_cut_gives_the_order_batch_by_batch(order, batch_size):
    batches = list(cut(order, batch_size))
    assert np.array_equal(np.concatenate([*batches, np.empty(0)]), whole(order))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@given(any_orders, st.integers(1, 50), st.booleans(), st.data())
def test_a_cut_goes_on_after_any_batch(order, batch_size, drop_last, data):
    batches = list(cut(order, batch_size, drop_last=drop_last))
    taken = data.draw(st.integers(0, len(batches)))
    rest = list(cut(order, batch_size, drop_last=drop_last, start=taken * batch_size))
    full = taken * batch_size <= len(order)
    assert [batch.tolist() for batch in rest] == [
        batch.tolist() for batch in batches[taken if full else len(batches) :]
    ]


@given(any_orders, st.integers(1, 50), st.data())
def test_a_cut_may_begin_at_any_position(order, batch_size, data):
    start = data.draw(st.integers(0, len(order)))
    rest = [*cut(order, batch_size, start=start), np.empty(0)]
    assert np.array_equal(np.concatenate(rest), whole(order)[start:])


@given(any_orders, st.integers(1, 50), st.data())
def test_a_dropped_rest_is_all_that_is_left_out(order, batch_size, data):
    start = data.draw(st.integers(0, len(order)))
    kept = [batch.tolist() for batch in cut(order, batch_size, start=start, drop_last=True)]
    every = [batch.tolist() for batch in cut(order, batch_size, start=start)]
    assert kept == [batch for batch in every if len(batch) == batch_size]


def test_a_cut_through_many_blocks_gives_the_order():
    order = Permutation(5 * BLOCK + 3, 42)
    assert np.array_equal(np.concatenate(list(cut(order, 100))), whole(order))


@given(st.integers(1, MOST >> 10), st.integers(0, 2000), keys)
def test_what_is_drawn_with_replacement_is_within_the_length(length, count, key):
    indices = whole(Replacement(length, count, key))
    assert len(indices) == count
    assert all(0 <= index < length for index in indices.tolist())


@given(st.integers(1, 40), st.integers(0, 300), keys)
def test_a_repeated_order_is_one_permutation_after_another(length, count, key):
    indices = whole(Repeated(length, count, key))
    rounds = [indices[at : at + length] for at in range(0, count, length)]
    assert all(len(set(part.tolist())) == len(part) for part in rounds)
    assert [part.tolist() for part in rounds] == [
        whole(Permutation(length, derive(key, number)))[: len(part)].tolist()
        for number, part in enumerate(rounds)
    ]


@given(st.lists(st.integers(0, MOST), min_size=1, max_size=50), keys)
def test_a_choice_comes_in_the_order_over_it(chosen, key):
    order = Permutation(len(chosen), key)
    indices = whole(Chosen(np.array(chosen), order)).tolist()
    assert indices == [chosen[at] for at in whole(order)]
    assert sorted(indices) == sorted(chosen)


@given(st.lists(st.sampled_from([0.0, 1e-300, 0.5, 1.0, 7.0]), min_size=1, max_size=30), keys)
def test_weights_without_replacement_draw_no_index_twice_and_none_without_weight(weights, key):
    weighty = {index for index, weight in enumerate(weights) if weight}
    if weighty:
        order = Weighted(np.array(weights), len(weighty), replacement=False, key=key)
        assert len(order) == len(weighty)
        assert set(whole(order).tolist()) == weighty


@given(st.lists(st.sampled_from([0.0, 1e-300, 0.5, 1.0, 7.0]), min_size=1, max_size=30), keys)
def test_weights_with_replacement_draw_none_without_weight(weights, key):
    weighty = {index for index, weight in enumerate(weights) if weight}
    if weighty:
        order = Weighted(np.array(weights), 500, replacement=True, key=key)
        assert set(whole(order).tolist()) <= weighty


@given(st.integers(0, BILLION - 1000), keys)
def test_a_billion_indices_can_be_entered_anywhere(start, key):
    order = Permutation(BILLION, key)
    batch = next(cut(order, 8, start=start))
    assert batch.tolist() == order.indices(start, start + 8).tolist()
    assert order.position_of(int(batch[0])) == start


def test_a_billion_indices_weigh_a_few_bytes():
    order = Permutation(BILLION, 42)
    network = order._feistel
    parts = [order, network, network._sides, network._keys, *network._keys]
    numbers = [number for pair in network._keys for number in pair]
    assert order._sorted is None
    assert sum(map(sys.getsizeof, [*parts, *numbers, *network._sides])) < 2500


def test_reading_a_billion_indices_anywhere_takes_no_more_memory_than_a_block():
    tracemalloc.start()
    try:
        for start in (0, BILLION // 2, BILLION - 64):
            order = Permutation(BILLION, 42)
            next(cut(order, 64, start=start))
            order.position_of(start)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 100_000
