"""Which batches are made by several workers at once, and what is made of what is heard of them."""

from itertools import chain

import numpy as np
import pytest
import torch

from trueload.recipe import Randomness, Recipe
from trueload.tasks import Task
from trueload.workers.base import Order
from trueload.workers.board import Board, Part
from trueload.workers.lines import ALONE, FAILED, MADE, PART, News
from trueload.workers.parts import Pace, Parts
from trueload.workers.words import Words

SECOND_US = 1_000_000


class Rows:
    """A dataset that nothing can be gathered from."""

    def __getitem__(self, index):
        return index


class Together(Rows):
    """One whose samples are fetched together."""

    def __getitems__(self, indices):
        return indices


@pytest.fixture
def board():
    words = Words(5 + Board.size(8))
    yield Board(words, 5)
    words.close()


def order_of(size=16, *, each_sample=False):
    task = Task(0, 3, 3 * size, np.arange(size), size, counted=True)
    return Order(task, Randomness(1, each_sample=each_sample))


def parts_of(board, dataset=None, workers=2):
    recipe = Recipe(dataset or Rows(), None, torch.utils.data.default_collate, batched=True)
    return Parts(recipe, workers, board, Pace())


def slow_parts_of(board, *args, **kwargs):
    parts = parts_of(board, *args, **kwargs)
    parts.hear(News(1, 0, MADE, took_us=SECOND_US))
    return parts


def begun(parts, slots=(4, 5)):
    """Begin a batch in parts; give their tickets."""
    return [ticket for ticket, _ in parts.begin(7, order_of(), list(slots))]


def test_nothing_is_made_in_parts_before_a_batch_was_slow(board):
    parts = parts_of(board)
    assert parts.count(order_of(), room=8) == 1
    parts.hear(News(1, 0, MADE, took_us=100))
    assert parts.count(order_of(), room=8) == 1


@pytest.mark.parametrize(("workers", "count"), [(1, 1), (2, 4), (3, 6), (8, 8), (9, 1)])
def test_slow_batches_have_two_parts_for_each_worker_if_these_are_few(board, workers, count):
    assert slow_parts_of(board, workers=workers).count(order_of(), room=8) == count


def test_a_batch_has_no_more_parts_than_rows(board):
    assert slow_parts_of(board, workers=4).count(order_of(size=3), room=8) == 3


def test_a_part_is_worth_while(board):
    parts = parts_of(board, workers=8)
    parts.hear(News(1, 0, MADE, took_us=21_000))
    assert parts.count(order_of(size=100), room=8) == 4
    assert slow_parts_of(board, workers=8).count(order_of(size=1), room=8) == 1


def test_heavy_batches_are_not_copied_for_little_gain(board):
    parts = parts_of(board)
    parts.hear(News(1, 0, MADE, offset=1 << 30, took_us=SECOND_US))
    assert parts.count(order_of(), room=8) == 1


def test_a_batch_for_which_there_is_no_room_is_made_by_one(board):
    assert slow_parts_of(board).count(order_of(), room=1) == 1


def test_samples_that_are_fetched_together_stay_together(board):
    assert slow_parts_of(board, Together()).count(order_of(), room=8) == 1


def test_samples_that_each_have_a_key_are_not_fetched_together(board):
    assert slow_parts_of(board, Together()).count(order_of(each_sample=True), room=8) == 4


def test_what_draws_from_the_workers_own_generators_is_made_by_one(board):
    order = Order(order_of().task, None)
    assert slow_parts_of(board).count(order, room=8) == 1


def test_the_rows_are_shared_out_evenly_and_each_once(board):
    orders = parts_of(board).begin(7, order_of(size=11), [4, 2, 6])
    rows = [list(order.part.rows) for _, order in orders]
    assert list(chain(*rows)) == list(range(11))
    assert [len(one) for one in rows] == [3, 4, 4]
    assert {order.part.slots for _, order in orders} == {(4, 2, 6)}


def test_a_part_is_told_from_the_whole_by_its_ticket(board):
    parts = parts_of(board)
    first, second = begun(parts)
    assert [parts.whole(ticket) for ticket in (first, second)] == [(7, 0), (7, 8)]
    assert parts.tickets(7) == {first, second}
    assert parts.tickets(8) == {8}


def test_the_batch_is_heard_of_once_and_then_the_slots_of_its_parts_are_free(board):
    parts = parts_of(board)
    first, second = begun(parts)
    assert parts.hear(News(first, 4, PART, 90, 9)) == (None, [])
    assert parts.hear(News(second, 5, MADE, 80, 8)) == (News(7, 5, MADE, 80, 8), [4])


def test_a_slot_is_not_free_before_it_was_heard_of(board):
    parts = parts_of(board)
    first, second = begun(parts)
    assert parts.hear(News(second, 5, MADE))[1] == []
    assert parts.hear(News(first, 4, PART)) == (None, [4])


@pytest.mark.parametrize(("told", "meant"), [(MADE, MADE), (ALONE, MADE), (FAILED, FAILED)])
def test_what_becomes_of_a_batch_is_what_becomes_of_a_whole_one(board, told, meant):
    parts = parts_of(board)
    first, _ = begun(parts)
    assert parts.hear(News(first, 4, told, 1, 2))[0] == News(7, 4, meant, 1, 2)


def test_once_a_batch_had_to_be_made_by_one_the_others_are_too(board):
    parts = slow_parts_of(board)
    first, _ = begun(parts)
    parts.hear(News(first, 4, ALONE, took_us=SECOND_US))
    assert parts.count(order_of(), room=8) == 1


def test_a_lost_part_loses_the_batch_once(board):
    parts = parts_of(board)
    first, second = begun(parts)
    assert parts.lose(first, 4) == (True, [])
    assert parts.lose(second, 5) == (False, [4, 5])


def test_the_slot_of_a_lost_part_is_not_free_while_others_may_read_it(board):
    parts = parts_of(board)
    first, second = begun(parts)
    parts.lose(first, 4)
    assert parts.hear(News(second, 5, MADE)) == (None, [4, 5])


def test_a_slot_that_somebody_may_still_write_to_is_never_free(board):
    parts = parts_of(board)
    first, second = begun(parts)
    parts.lose(first, None)
    assert parts.hear(News(second, 5, PART)) == (None, [5])


def test_a_whole_order_is_lost_as_it_is(board):
    assert parts_of(board).lose(9, 3) == (True, [3])


def test_the_last_part_is_known_by_what_the_others_have_written(board):
    first, second = (Part(number, (0, 1, 2), (4, 5)) for number in range(2))
    assert not board.is_last(first)
    board.write(5, 100, 10)
    assert board.is_last(first)
    assert not board.is_last(second)
    assert board.read(5) == (100, 10)


def test_a_batch_that_one_must_make_is_claimed_once(board):
    first, second = (Part(number, (0, 1, 2), (4, 5)) for number in range(2))
    assert board.claim(second)
    assert not board.claim(first)
    board.clear(4)
    assert board.claim(first)
