"""In order, bounded, retried, exactly once: the engine over workers without processes."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueload.engine import TOO_LONG, Engine, LostError, RefusedError
from trueload.tasks import Task
from trueload.workers.base import Order

from .fake_workers import FakeWorkers, orders


def begun(count=6, *, depth=4, in_order=True, timeout_seconds=0.0, given=None):
    """Give workers and an engine that has begun so many orders."""
    workers = FakeWorkers()
    engine = Engine(workers, depth=depth, in_order=in_order, timeout_seconds=timeout_seconds)
    engine.begin(iter(orders(count) if given is None else given))
    return workers, engine


def rest(engine):
    """Take all that is left."""
    taken = []
    while True:
        try:
            taken.append(engine.next()[1])
        except StopIteration:
            return taken


def test_batches_come_in_the_order_of_their_tasks():
    workers, engine = begun()
    for batch in (3, 1, 2, 0):
        workers.make(workers.ticket_of(batch))
    assert rest(engine) == [0, 1, 2, 3, 4, 5]


def test_batches_out_of_order_come_as_they_are_made():
    workers, engine = begun(in_order=False)
    workers.make(workers.ticket_of(2))
    assert engine.next()[1] == 2
    assert sorted(rest(engine)) == [0, 1, 3, 4, 5]


def test_a_batch_comes_with_its_order():
    _, engine = begun()
    order, parcel = engine.next()
    assert (order.task.batch, parcel) == (0, 0)


def test_no_more_orders_are_in_flight_than_the_depth():
    workers, engine = begun(20, depth=3)
    assert len(workers.held) == 3
    for _ in range(17):
        engine.next()
        assert len(workers.held) <= 3


def test_orders_are_drawn_only_as_batches_are_taken():
    drawn = []
    source = (drawn.append(order) or order for order in orders(20))
    _, engine = begun(depth=3, given=source)
    engine.next()
    assert len(drawn) == 4


def test_the_end_stays_the_end():
    _, engine = begun(1)
    assert rest(engine) == [0]
    assert rest(engine) == []


def test_nothing_comes_of_no_orders():
    assert rest(begun(0)[1]) == []


def test_an_order_that_is_lost_is_submitted_again():
    workers, engine = begun()
    workers.lose(workers.ticket_of(1))
    assert rest(engine) == [0, 1, 2, 3, 4, 5]
    assert workers.submitted == {0: 1, 1: 2, 2: 1, 3: 1, 4: 1, 5: 1}


def test_an_order_that_is_lost_again_gets_another_ticket():
    workers, engine = begun()
    first = workers.ticket_of(1)
    workers.lose(first)
    engine.next()
    assert workers.ticket_of(1) != first


def test_an_order_that_ends_its_worker_twice_raises_in_its_turn():
    workers, engine = begun()
    workers.lose(workers.ticket_of(1))
    assert engine.next()[1] == 0
    workers.lose(workers.ticket_of(1))
    with pytest.raises(LostError) as caught:
        engine.next()
    assert caught.value.order.task.batch == 1
    assert rest(engine) == [2, 3, 4, 5]


def test_an_order_that_is_not_guilty_may_be_lost_any_number_of_times():
    workers, engine = begun(1)
    for _ in range(10):
        workers.lose(workers.ticket_of(0), guilty=False)
        engine._hear(workers.poll(0)[0])
    assert rest(engine) == [0]


def test_what_is_left_of_earlier_orders_is_dropped():
    workers, engine = begun()
    for batch in (0, 1):
        workers.make(workers.ticket_of(batch))
    engine.next()
    engine.begin(iter(orders(2)))
    assert rest(engine) == [0, 1]
    assert sorted(workers.dropped) == [1, 2, 3, 4]


def test_a_late_loss_of_an_earlier_order_is_nobodys():
    workers, engine = begun(2)
    late = list(workers.held)
    engine.begin(iter(orders(2)))
    for ticket in late:
        workers.lose(ticket)
    assert rest(engine) == [0, 1]


def test_a_batch_that_takes_too_long_ends_who_holds_it_and_is_made_again():
    workers, engine = begun(3, timeout_seconds=0.01)
    first = workers.ticket_of(0)
    _make_all_after(workers, 1)
    assert rest(engine) == [0, 1, 2]
    assert workers.ended == [(first, TOO_LONG)]


def test_a_batch_that_takes_too_long_twice_is_lost():
    workers, engine = begun(1, timeout_seconds=0.01)
    with pytest.raises(LostError) as caught:
        engine.next()
    assert caught.value.lost.reason == TOO_LONG
    assert len(workers.ended) == 2


def test_a_batch_that_nobody_holds_in_time_is_waited_for_once_more():
    workers, engine = begun(2, timeout_seconds=0.01)
    asked = []

    def end_holder(ticket, reason):
        asked.append(ticket)
        workers.make(ticket)
        return False

    workers.end_holder = end_holder
    assert engine.next()[1] == 0
    assert len(asked) == 1


def test_a_batch_that_nobody_holds_in_time_twice_is_lost_and_a_late_one_is_dropped():
    workers, engine = begun(2, timeout_seconds=0.01)
    workers.end_holder = lambda *_: False
    late = workers.ticket_of(0)
    with pytest.raises(LostError):
        engine.next()
    workers.make(late)
    workers.make(workers.ticket_of(1))
    assert rest(engine) == [1]
    assert workers.dropped == [0]


def _make_all_after(workers, ends):
    """Let nothing be made until so many holders have been ended, then everything."""
    poll = workers.poll

    def polled(timeout_seconds):
        events = poll(timeout_seconds)
        return events or (poll(None) if len(workers.ended) >= ends else [])

    workers.poll = polled


class SamplerError(Exception):
    pass


def failing(count):
    yield from orders(count)
    raise SamplerError


@pytest.mark.parametrize("in_order", [True, False])
def test_what_the_source_of_orders_raises_comes_after_all_batches_before_it(in_order):
    _, engine = begun(given=failing(6), in_order=in_order)
    assert [engine.next()[1] for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    with pytest.raises(SamplerError):
        engine.next()
    assert rest(engine) == []


def test_an_order_that_cannot_be_submitted_raises_in_its_turn_and_holds_up_no_other():
    given = orders(4)
    given[1] = Order(Task(0, 1, 1, threading.Lock(), 1), None)
    _, engine = begun(given=given)
    assert engine.next()[1] == 0
    with pytest.raises(RefusedError) as refused:
        engine.next()
    assert refused.value.order is given[1]
    assert type(refused.value.error) is TypeError
    assert rest(engine) == [2, 3]


@given(
    count=st.integers(0, 12),
    depth=st.integers(1, 5),
    in_order=st.booleans(),
    choices=st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from(["make", "lose", "blame", "take"])),
        max_size=60,
    ),
)
def test_whatever_becomes_of_orders_each_is_delivered_once_and_in_order(
    count, depth, in_order, choices
):
    workers, engine = begun(count, depth=depth, in_order=in_order)
    taken, lost, blamed = [], [], {}

    def take():
        try:
            taken.append(engine.next()[1])
        except LostError as error:
            lost.append(error.order.task.batch)

    for choice, what in choices:
        held = sorted(workers.held)
        if what == "take" and len(taken) + len(lost) < count:
            take()
        elif what != "take" and held:
            ticket = held[choice % len(held)]
            batch = workers.held[ticket].task.batch
            blamed[batch] = blamed.get(batch, 0) + (what == "blame")
            if what == "make":
                workers.make(ticket)
            else:
                workers.lose(ticket, guilty=what == "blame")
        assert len(workers.held) <= depth
    while len(taken) + len(lost) < count:
        take()
    assert rest(engine) == []
    assert sorted(taken + lost) == list(range(count))
    assert all(blamed[batch] >= 2 for batch in lost)
    assert not in_order or taken == sorted(taken)
