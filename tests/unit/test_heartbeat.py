"""What workers have in hand, as who watches them reads it."""

import pytest

from trueload.workers.heartbeat import Heartbeats
from trueload.workers.words import Words


@pytest.fixture
def heartbeats_of():
    """Make the records of so many workers."""
    made = []

    def make(count):
        made.append(Words(Heartbeats.size(count)))
        return Heartbeats(made[-1], count)

    yield make
    for words in made:
        words.close()


def test_at_first_nobody_has_anything_in_hand(heartbeats_of):
    heartbeats = heartbeats_of(3)
    assert [heartbeats.ticket(worker) for worker in range(3)] == [None] * 3
    assert not heartbeats.is_closing()


def test_each_worker_has_a_record_of_its_own(heartbeats_of):
    heartbeats = heartbeats_of(3)
    heartbeats.begin(1, 77)
    heartbeats.hand(1)[0] = 5
    heartbeats.begin(2, 78)
    assert [heartbeats.ticket(worker) for worker in range(3)] == [None, 77, 78]
    assert [heartbeats.row(worker) for worker in (1, 2)] == [5, None]


def test_a_new_order_begins_without_a_sample(heartbeats_of):
    heartbeats = heartbeats_of(1)
    heartbeats.begin(0, 1)
    heartbeats.hand(0)[0] = 5
    heartbeats.begin(0, 2)
    assert (heartbeats.ticket(0), heartbeats.row(0)) == (2, None)


def test_the_first_sample_is_told_from_none(heartbeats_of):
    heartbeats = heartbeats_of(1)
    heartbeats.begin(0, 1)
    heartbeats.hand(0)[0] = 0
    assert heartbeats.row(0) == 0


def test_a_worker_that_is_done_has_nothing_in_hand(heartbeats_of):
    heartbeats = heartbeats_of(1)
    heartbeats.begin(0, 1)
    heartbeats.idle(0)
    assert heartbeats.ticket(0) is None


def test_a_hand_is_one_word(heartbeats_of):
    assert len(heartbeats_of(2).hand(1)) == 1


def test_closing_is_told_to_all_and_touches_no_record(heartbeats_of):
    heartbeats = heartbeats_of(2)
    heartbeats.begin(1, 77)
    heartbeats.close()
    assert heartbeats.is_closing()
    assert [heartbeats.ticket(worker) for worker in range(2)] == [None, 77]
