"""Orders shared by any number of ranks: every position once, and ranks that come and go."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueload.order import Permutation, Shard, Stored, cut

from .orders import any_orders, permutations, whole

world_sizes = st.integers(1, 9)
plans = st.lists(st.tuples(world_sizes, st.integers(1, 5)), min_size=1, max_size=6)


def shards(order, world_size, even=None):
    """Give the parts of all ranks."""
    return [Shard(order, rank, world_size, even) for rank in range(world_size)]


def woven(parts):
    """Put the ranks' parts together again: one index of each rank in turn."""
    longest = max(map(len, parts))
    return [int(part[at]) for at in range(longest) for part in parts if at < len(part)]


def steps_taken(order, world_size, batch_size, steps):
    """Give what all ranks together read in their first steps."""
    parts = []
    for shard in shards(order, world_size):
        batches = [batch for batch, _ in zip(cut(shard, batch_size), range(steps), strict=False)]
        parts.append(np.concatenate([*batches, np.empty(0, dtype=np.int64)]))
    return woven(parts)


@given(any_orders, world_sizes)
def test_ranks_together_read_the_order_once(order, world_size):
    parts = [whole(shard) for shard in shards(order, world_size)]
    assert woven(parts) == whole(order).tolist()


@given(any_orders, world_sizes)
def test_parts_differ_in_length_by_one_at_most(order, world_size):
    sizes = [len(shard) for shard in shards(order, world_size)]
    assert sum(sizes) == len(order)
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) - min(sizes) <= 1


@given(any_orders, world_sizes)
def test_dropping_leaves_out_the_last_few_and_no_others(order, world_size):
    parts = [whole(shard) for shard in shards(order, world_size, "drop")]
    even = len(order) // world_size * world_size
    assert {len(part) for part in parts} == {len(order) // world_size}
    assert woven(parts) == whole(order)[:even].tolist()


@given(any_orders, world_sizes)
def test_padding_begins_again_with_the_first_ones(order, world_size):
    parts = [whole(shard) for shard in shards(order, world_size, "pad")]
    each = -(-len(order) // world_size)
    assert {len(part) for part in parts} == {each}
    assert woven(parts) == np.resize(whole(order), each * world_size).tolist()


@given(any_orders, world_sizes, st.sampled_from([None, "drop", "pad"]), st.data())
def test_a_part_reads_the_same_from_anywhere(order, world_size, even, data):
    shard = Shard(order, data.draw(st.integers(0, world_size - 1)), world_size, even)
    start = data.draw(st.integers(0, len(shard)))
    stop = data.draw(st.integers(start, len(shard)))
    assert np.array_equal(shard.indices(start, stop), whole(shard)[start:stop])


@given(any_orders, world_sizes, st.data())
def test_a_position_in_a_part_is_known_in_the_order_of_all(order, world_size, data):
    shard = Shard(order, data.draw(st.integers(0, world_size - 1)), world_size)
    positions = [shard.global_position(at) for at in range(len(shard))]
    assert whole(order)[positions].tolist() == whole(shard).tolist()


@given(any_orders, world_sizes, world_sizes)
def test_the_part_of_a_part_is_a_part(order, nodes, processes):
    parts = [
        whole(Shard(Shard(order, node, nodes), process, processes))
        for process in range(processes)
        for node in range(nodes)
    ]
    assert woven(parts) == whole(order).tolist()


@given(any_orders, world_sizes, st.integers(1, 8), st.integers(0, 9))
def test_any_number_of_steps_reads_a_beginning_without_a_gap(order, world_size, batch_size, steps):
    taken = steps_taken(order, world_size, batch_size, steps)
    beginning = min(steps * batch_size * world_size, len(order))
    assert taken == whole(order)[:beginning].tolist()


@given(permutations, plans, st.integers(1, 8))
def test_ranks_may_come_and_go_at_any_step(order, plan, batch_size):
    left, read = order, []
    for world_size, steps in [*plan, (1, len(order))]:
        taken = steps_taken(left, world_size, batch_size, steps)
        left = Stored(left.indices(len(taken), len(left)))
        read += taken
    assert read == whole(order).tolist()


@pytest.mark.parametrize("even", [None, "drop", "pad"])
def test_a_part_of_a_billion_is_read_at_its_end(even):
    shard = Shard(Permutation(10**9, 42), 6, 7, even)
    assert len(shard.indices(len(shard) - 3, len(shard))) == 3
