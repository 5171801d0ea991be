"""Where tasks come from: orders, index samplers and streams, begun anywhere."""

from itertools import islice

import numpy as np
import pytest
import torch

from trueload.order import Permutation, Sequential
from trueload.tasks import Start, Task, from_order, from_sampler, from_stream, listed


def plain(tasks):
    """Give tasks with their indices as lists, so that they compare."""
    return [task._replace(indices=listed(task.indices)) for task in tasks]


def ordered(length=10, batch_size=4, *, drop_last=False, start=None):
    order = Permutation(length, 42)
    return plain(from_order(order, batch_size, drop_last=drop_last, start=start or Start()))


def sampled(indices, *, batched=True, start=None, stands=False):
    return plain(
        from_sampler(iter(indices), batched=batched, start=start or Start(), stands=stands)
    )


def test_an_order_gives_its_batches_with_their_positions():
    assert plain(from_order(Sequential(5), 2, drop_last=False, start=Start())) == [
        Task(0, 0, 0, [0, 1], 2, counted=True),
        Task(0, 1, 2, [2, 3], 2, counted=True),
        Task(0, 2, 4, [4], 1, counted=True),
    ]


def test_the_last_batch_is_left_out_when_asked():
    assert ordered(drop_last=True) == ordered()[:2]


def test_without_batching_each_task_has_one_plain_index():
    tasks = list(from_order(Sequential(3), None, drop_last=False, start=Start()))
    assert tasks == [Task(0, number, number, number, 1, counted=True) for number in range(3)]
    assert all(type(task.indices) is int for task in tasks)


@pytest.mark.parametrize("batch", range(4))
def test_an_order_goes_on_from_any_batch(batch):
    assert ordered(start=Start(0, batch, batch * 4)) == ordered()[batch:]


def test_an_order_that_is_over_gives_no_tasks():
    assert ordered(start=Start(0, 3, 10)) == []
    assert ordered(length=0) == []


def test_tasks_carry_the_epoch():
    assert {task.epoch for task in ordered(start=Start(epoch=7))} == {7}
    assert {task.epoch for task in sampled([[1], [2]], start=Start(epoch=7))} == {7}
    assert next(from_stream(4, Start(epoch=7))).epoch == 7


def test_an_order_leaves_out_batches_that_were_taken_ahead():
    whole = ordered(length=20)
    assert ordered(length=20, start=Start(0, 1, 4, {2, 4})) == [whole[1], whole[3]]


def test_a_sampler_gives_its_batches_with_their_positions():
    assert sampled([[3, 1], [2, 0, 5], [4]]) == [
        Task(0, 0, 0, [3, 1], 2),
        Task(0, 1, 2, [2, 0, 5], 3),
        Task(0, 2, 5, [4], 1),
    ]


def test_a_sampler_without_batching_gives_what_it_draws_untouched():
    keys = ["a", (1, 2), None]
    tasks = sampled(keys, batched=False)
    assert [task.indices for task in tasks] == keys
    assert [(task.position, task.size) for task in tasks] == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize("batch", range(4))
def test_a_sampler_is_read_up_to_where_the_tasks_begin(batch):
    batches = [[3, 1], [2, 0, 5], [4]]
    assert sampled(batches, start=Start(0, batch)) == sampled(batches)[batch:]


def test_a_sampler_that_stands_there_already_is_not_read_again():
    batches = [[3, 1], [2, 0, 5], [4]]
    assert sampled(batches[1:], start=Start(0, 1, 2), stands=True) == sampled(batches)[1:]


def test_a_sampler_leaves_out_batches_that_were_taken_ahead():
    batches = [[3, 1], [2, 0, 5], [4]]
    assert sampled(batches, start=Start(ahead=[1])) == [sampled(batches)[at] for at in (0, 2)]


def test_a_sampler_is_read_one_batch_at_a_time():
    drawn = []
    sampler = (drawn.append(number) or [number] for number in range(9))
    next(from_sampler(sampler, batched=True, start=Start()))
    assert drawn == [0]


@pytest.mark.parametrize(
    "indices",
    [[1, 2], np.array([1, 2]), torch.tensor([1, 2])],
    ids=["list", "array", "tensor"],
)
def test_a_sampler_that_fills_the_same_batch_again_changes_no_task(indices):
    def refilling():
        yield indices
        indices[0] = 9
        yield indices

    first, second = from_sampler(refilling(), batched=True, start=Start())
    assert type(first.indices) is type(indices)
    assert [int(index) for index in first.indices] == [1, 2]
    assert [int(index) for index in second.indices] == [9, 2]


@pytest.mark.parametrize("indices", [(1, 2), range(1, 3)], ids=["tuple", "range"])
def test_a_batch_of_a_sampler_keeps_its_type(indices):
    (task,) = from_sampler(iter([indices]), batched=True, start=Start())
    assert task.indices == indices


def test_a_stream_gives_tasks_without_end():
    tasks = list(islice(from_stream(4, Start(0, 2, 8)), 1000))
    assert tasks[:2] == [Task(0, 2, 8, 4, 4), Task(0, 3, 12, 4, 4)]
    assert tasks[-1] == Task(0, 1001, 4004, 4, 4)


def test_a_stream_without_batching_gives_one_sample_a_task():
    assert list(islice(from_stream(None, Start()), 2)) == [Task(0, 0, 0, 1, 1), Task(0, 1, 1, 1, 1)]


def test_listed_indices_are_plain_integers():
    assert [type(index) for index in listed(np.array([1, 2]))] == [int, int]
    assert listed("key") == "key"
