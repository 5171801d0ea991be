"""Whose turn it is to read a stream, and where each stream stands."""

from itertools import islice

import pytest
import torch

from trueload.iterators.turns import Turns, pack_states, unpack_states
from trueload.stream import StreamState
from trueload.tasks import Start, from_stream


def turns_of(readers, **options):
    return Turns(from_stream(2, Start()), None, readers, **options)


def read(turns, lengths, *, ahead=1):
    """Take orders with some in flight; end a stream at its length. Give (worker, batch) pairs."""
    orders, taken, line = iter(turns), [], []
    given = dict.fromkeys(range(len(lengths)), 0)
    while True:
        line += islice(orders, ahead - len(line))
        if not line:
            return taken
        order = line.pop(0)
        if given[order.worker] == lengths[order.worker]:
            turns.end(order.task)
        else:
            given[order.worker] += 1
            taken.append((order.worker, order.task.batch))


def test_workers_take_turns():
    workers = [order.worker for order in islice(turns_of(3), 7)]
    assert workers == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_a_stream_that_is_over_is_passed_over(ahead):
    taken = read(turns_of(2), [1, 4], ahead=ahead)
    assert taken == [(0, 0), (1, 1), (1, 3), (1, 5), (1, 7)]


def test_orders_end_when_every_stream_is_over():
    assert read(turns_of(3), [0, 0, 0]) == []


def test_a_stream_that_is_shared_ends_for_all():
    turns = turns_of(3, together=True)
    orders = iter(turns)
    turns.end(next(orders).task)
    assert list(orders) == []


def test_turns_that_were_passed_over_are_told_once_with_the_next_task():
    turns = turns_of(3)
    orders = iter(turns)
    first, second, third = islice(orders, 3)
    turns.end(first.task)
    turns.end(second.task)
    order = next(orders)
    assert order.task.batch == 5
    assert [task.batch for task in turns.passed(order.task)] == [3, 4]
    assert turns.passed(order.task) == []
    assert turns.passed(third.task) == []


def test_a_worker_is_told_once_where_its_stream_begins():
    begin = StreamState(4, {"at": 8}, None)
    orders = islice(turns_of(2, begins={1: begin}), 4)
    assert [order.begin for order in orders] == [None, begin, None, None]


def test_a_turn_that_comes_later_begins_at_its_own_batch():
    turns = Turns(from_stream(2, Start(0, 5, 10)), None, 2)
    assert [(order.worker, order.task.batch) for order in islice(turns, 3)] == [
        (1, 5),
        (0, 6),
        (1, 7),
    ]


def test_states_of_streams_are_packed_for_a_load_of_weights_only():
    states = {0: StreamState(3, {"seen": torch.arange(2)}, None), 2: StreamState(1, None, [5])}
    back = unpack_states(pack_states(states))
    assert back[2] == states[2]
    assert (back[0].next, back[0].dataset["seen"].tolist()) == (3, [0, 1])


def test_no_states_are_nothing():
    assert pack_states({}) is None
    assert unpack_states(None) == {}
