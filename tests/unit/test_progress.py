"""What was taken, in order and before its turn: the state after it and where it came from."""

import copy

import numpy as np
import pytest

from trueload.progress import Cursor, Progress, Taken
from trueload.state import LoaderState
from trueload.tasks import Task

START = LoaderState(epoch=3, base_seed=5, batch_size=4)


def task(batch, size=4):
    return Task(3, batch, batch * 4, list(range(batch * 4, batch * 4 + size)), size)


def after(*batches, start=START):
    """Give a cursor that has taken these batches in this order."""
    cursor = Cursor(start)
    for batch in batches:
        cursor.took(task(batch))
    return cursor


def place_of(cursor):
    state = cursor.state()
    return state.batches, state.position, state.ahead


def test_before_the_first_batch_the_state_is_the_one_it_began_with():
    assert Cursor(START).state() == START
    assert Cursor(START).taken() is None


@pytest.mark.parametrize(
    ("batches", "place"),
    [
        ([0], (1, 4, ())),
        ([0, 1, 2], (3, 12, ())),
        ([1], (0, 0, (1,))),
        ([0, 2], (1, 4, (2,))),
        ([3, 1], (0, 0, (1, 3))),
        ([0, 2, 1], (3, 12, ())),
        ([3, 2, 1, 0], (4, 16, ())),
        ([2, 4, 0, 1], (3, 12, (4,))),
    ],
    ids=str,
)
def test_batches_count_up_to_the_first_gap(batches, place):
    assert place_of(after(*batches)) == place


def test_a_short_batch_counts_its_own_samples():
    cursor = after(0)
    cursor.took(task(1, size=3))
    assert place_of(cursor) == (2, 7, ())


def test_a_short_batch_taken_early_counts_its_own_samples():
    cursor = Cursor(START)
    cursor.took(task(1, size=3))
    cursor.took(task(0))
    assert place_of(cursor) == (2, 7, ())


def test_batches_that_were_taken_before_a_pause_count_when_the_gap_closes():
    state = after(0, 2, 3).state()
    resumed = Cursor(state)
    assert place_of(resumed) == (1, 4, (2, 3))
    resumed.took(task(1))
    assert place_of(resumed) == (4, 16, ())


def test_the_start_of_a_resumed_epoch_counts():
    start = LoaderState(epoch=3, base_seed=5, batch_size=4, batches=7, position=28)
    assert place_of(after(7, start=start)) == (8, 32, ())


def test_the_last_batch_taken_is_told_in_any_order():
    taken = after(0, 2, 1).taken()
    assert taken == Taken(
        epoch=3, batch=1, position=4, indices=[4, 5, 6, 7], seed=None, size=4, real=4
    )


def test_a_batch_that_was_lost_counts_and_is_not_the_last_taken():
    cursor = after(0)
    cursor.passed_over(task(1))
    assert place_of(cursor) == (2, 8, ())
    assert cursor.taken().batch == 0


def test_a_finished_epoch_says_so_and_keeps_no_generator():
    cursor = Cursor(LoaderState(base_seed=5, generator=b"state"))
    assert cursor.state().generator == b"state"
    cursor.finished = True
    assert cursor.state().finished
    assert cursor.state().generator is None


def test_the_seed_of_an_order_is_part_of_the_state_once_it_is_drawn():
    cursor = Cursor(START)
    cursor.order_seed = 77
    assert cursor.state().order_seed == 77


def test_states_of_others_are_asked_for_when_the_state_is_and_copied():
    position = {"read": 1}
    cursor = Cursor(START, sources={"dataset_state": lambda: position})
    state = cursor.state()
    position["read"] = 2
    assert state.dataset_state == {"read": 1}
    assert cursor.state().dataset_state == {"read": 2}


def test_indices_are_told_as_plain_numbers():
    cursor = Cursor(START)
    cursor.took(Task(3, 0, 0, np.array([5, 6]), 2))
    assert [type(index) for index in cursor.taken().indices] == [int, int]


def test_a_stream_has_no_indices_to_tell():
    cursor = Cursor(START, stream=True)
    cursor.took(Task(3, 0, 0, 4, 4))
    assert cursor.taken().indices is None


def test_the_key_of_a_batch_is_told_where_each_batch_has_one():
    told = []
    for batches in ([0], [0, 1], [0, 1, 2], [0, 1, 2]):
        cursor = Cursor(START, root=9)
        for batch in batches:
            cursor.took(task(batch))
        told.append(cursor.taken().seed)
    assert told[2] == told[3]
    assert len({9, *told}) == 4


def test_the_root_is_told_where_each_sample_has_a_key():
    cursor = Cursor(START, root=9, each_sample=True)
    cursor.took(task(2))
    assert cursor.taken().seed == 9


def test_a_copy_of_a_loader_has_iterators_of_its_own_and_the_same_epoch():
    cursor = after(0)
    progress = Progress(next_epoch=4, cursor=cursor, latest=cursor, resume=START)
    assert progress.fresh() == Progress(next_epoch=4, resume=START)


def test_a_cursor_can_be_copied_and_goes_its_own_way():
    cursor = after(0)
    other = copy.deepcopy(cursor)
    other.took(task(1))
    assert place_of(cursor) == (1, 4, ())
