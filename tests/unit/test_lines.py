"""Orders out and news home, through pipes that one process may read at both ends."""

import os

import pytest

from trueload.workers.lines import ENDED, FAILED, MADE, Call, Lines, News


@pytest.fixture(params=[True, False], ids=["common", "own pipes"])
def lines(request):
    made = Lines(3, common=request.param)
    yield made
    made.close()


@pytest.fixture
def common():
    made = Lines(3, common=True)
    yield made
    made.close()


@pytest.fixture
def own():
    made = Lines(3, common=False)
    yield made
    made.close()


CALLS = [Call(number, number % 5, 100 + number) for number in range(1, 6)]


def test_an_order_is_read_as_it_was_written(lines):
    call = Call((1 << 64) - 1, (1 << 32) - 1, (1 << 32) - 1)
    lines.send(call, 2)
    assert lines.end(2).receive() == call


def test_orders_keep_their_sequence(lines):
    for call in CALLS:
        lines.send(call, 0)
    assert [lines.end(0).receive() for _ in CALLS] == CALLS


def test_any_worker_reads_from_the_common_pipe(common):
    common.send(CALLS[0], 0)
    common.send(CALLS[1], 0)
    assert [common.end(2).receive(), common.end(1).receive()] == CALLS[:2]


def test_a_worker_with_a_pipe_of_its_own_reads_only_its_orders(own):
    own.send(CALLS[0], 0)
    own.send(CALLS[1], 1)
    assert own.end(1).receive() == CALLS[1]
    assert own.end(0).receive() == CALLS[0]


def test_the_end_comes_after_the_orders_and_to_each_worker(lines):
    lines.send(CALLS[0], 0)
    lines.send_end()
    assert lines.end(0).receive() == CALLS[0]
    assert [lines.end(worker).receive().ticket for worker in range(3)] == [0, 0, 0]


def test_news_come_home_as_they_were_told(lines):
    news = [
        News(1, 2, MADE, (1 << 64) - 1, 5),
        News((1 << 64) - 1, (1 << 16) - 1, FAILED, 0, 0, (1 << 32) - 1),
        News(3, 0, ENDED, 0, 0),
    ]
    for one in news:
        lines.end(0).tell(one)
    assert lines.news() == news


def test_without_news_there_is_no_waiting(lines):
    assert lines.news() == []


def test_many_news_are_read_bit_by_bit(lines):
    told = [News(ticket, 0, MADE, 0, 0) for ticket in range(300)]
    for one in told:
        lines.end(0).tell(one)
    heard = []
    while some := lines.news():
        heard += some
    assert heard == told


def test_orders_that_nobody_has_read_are_seen(common):
    assert not common.is_waiting()
    common.send(CALLS[0], 0)
    assert common.is_waiting()
    common.end(0).receive()
    assert not common.is_waiting()


def test_what_a_worker_has_not_read_can_be_taken_back(own):
    for call in CALLS:
        own.send(call, 1)
    own.end(1).receive()
    own.send(CALLS[0], 2)
    assert list(own.drain(1)) == CALLS[1:]
    assert list(own.drain(1)) == []
    assert own.end(2).receive() == CALLS[0]


@pytest.mark.parametrize("common", [True, False])
def test_descriptors_are_closed(common):
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - the names alone
    lines = Lines(3, common=common)
    lines.close()
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208 - the names alone


def test_a_worker_learns_that_nobody_is_left_to_send_orders(common):
    writer = common._pipes[0][1]
    other = os.dup(writer)
    os.close(writer)
    os.close(other)
    assert common.end(0).receive() is None
    common._pipes[0] = (common._pipes[0][0], os.dup(0))


def test_a_worker_must_not_keep_what_the_parent_writes_and_hears_with(lines):
    ends = lines.parents()
    assert lines.news_out in ends
    assert len(ends) == 1 + len(lines._pipes)
    assert not set(ends) & {reader for reader, _ in lines._pipes}
