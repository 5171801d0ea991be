"""Orders shared by any number of ranks: every sample once, and ranks that come and go."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueload.order import Permutation, Sequential
from trueload.shares import Share
from trueload.sharing import Cut, Followed, of_batches, of_order, of_samples
from trueload.tasks import Start

from .orders import any_orders, permutations, whole

world_sizes = st.integers(1, 6)
batch_sizes = st.none() | st.integers(1, 6)
evens = st.sampled_from([None, "drop", "pad"])
plans = st.lists(st.tuples(world_sizes, st.integers(1, 4), evens), min_size=1, max_size=5)
counts = range(26)
small = [(ranks, size) for ranks in range(1, 5) for size in range(1, 5)]


def ordered(order, cut, world_size, even=None, start=None):
    """Give the tasks of each rank."""
    begin = start or Start()
    return [
        list(of_order(order, cut, Share(r, world_size, even), begin)) for r in range(world_size)
    ]


def followed(order, cut, world_size, even=None, start=None, **options):
    """Give the tasks of each rank where all follow a sampler that gives an order."""
    return [
        list(
            of_samples(
                Followed(iter(whole(order).tolist()), **options),
                cut,
                Share(rank, world_size, even),
                start or Start(),
            )
        )
        for rank in range(world_size)
    ]


def rows_of(task):
    """Give the positions and indices of the samples of a task that count, and how many do not."""
    indices = np.atleast_1d(task.indices).tolist()
    rows = [(task.position + row * task.stride, index) for row, index in enumerate(indices)]
    return rows[: task.real], len(rows) - task.real


def taken(parts, steps=None):
    """Give what all ranks together take in their first steps, by position."""
    rows = [row for part in parts for task in part[:steps] for row in rows_of(task)[0]]
    return [index for _, index in sorted(rows)]


def repeats(parts):
    return sum(rows_of(task)[1] for part in parts for task in part)


def plain(tasks):
    """Give tasks as values that can be compared."""
    return [
        (np.atleast_1d(task.indices).tolist(), task[2], *task[4:5], *task[6:]) for task in tasks
    ]


@given(any_orders, world_sizes, batch_sizes)
def test_ranks_together_take_every_sample_once(order, world_size, batch_size):
    parts = ordered(order, Cut(batch_size), world_size)
    assert taken(parts) == whole(order).tolist()


@given(any_orders, world_sizes, batch_sizes, evens, st.booleans())
def test_all_ranks_take_the_same_steps(order, world_size, batch_size, even, drop_last):
    cut = Cut(batch_size, drop_last)
    parts = ordered(order, cut, world_size, even)
    wanted = Share(0, world_size, even).steps(len(order), cut.each, drop_last=drop_last)
    assert [len(part) for part in parts] == [wanted] * world_size
    ends = [{part[step].end for part in parts} for step in range(wanted)]
    assert all(len(end) == 1 for end in ends)


@given(any_orders, world_sizes, st.integers(1, 6))
def test_batches_of_a_step_differ_by_one_sample_at_most(order, world_size, batch_size):
    parts = ordered(order, Cut(batch_size), world_size)
    for step in zip(*parts, strict=True):
        sizes = [task.size for task in step]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 1


@given(any_orders, world_sizes, batch_sizes)
def test_dropping_leaves_out_the_last_few_and_no_others(order, world_size, batch_size):
    parts = ordered(order, Cut(batch_size), world_size, "drop")
    left = len(order) // world_size * world_size
    assert taken(parts) == whole(order)[:left].tolist()
    assert repeats(parts) == 0
    assert {len({task.size for task in step}) for step in zip(*parts, strict=True)} <= {1}


@given(any_orders, world_sizes, batch_sizes)
def test_padding_begins_again_with_the_first_ones(order, world_size, batch_size):
    parts = ordered(order, Cut(batch_size), world_size, "pad")
    each = -(-len(order) // world_size)
    rows = [
        (task.position + row * task.stride, index)
        for part in parts
        for task in part
        for row, index in enumerate(np.atleast_1d(task.indices).tolist())
    ]
    assert [index for _, index in sorted(rows)] == np.resize(
        whole(order), each * world_size
    ).tolist()
    assert taken(parts) == whole(order).tolist()


@pytest.mark.parametrize(("world_size", "batch_size"), small)
def test_a_rank_repeats_a_sample_only_where_there_is_no_other_way(world_size, batch_size):
    for count in counts:
        parts = ordered(Sequential(count), Cut(batch_size), world_size)
        forced = 0 < count < world_size or (batch_size == 1 and count % world_size > 0)
        assert (repeats(parts) > 0) == forced
        assert repeats(parts) == (-count % world_size if forced else 0)


@pytest.mark.parametrize(("world_size", "batch_size"), small)
def test_a_step_that_is_not_full_is_left_out_when_asked(world_size, batch_size):
    for count in counts:
        parts = ordered(Sequential(count), Cut(batch_size, drop_last=True), world_size)
        full = world_size * batch_size
        assert taken(parts) == list(range(count // full * full))
        assert {task.size for part in parts for task in part} <= {batch_size}


@given(any_orders, world_sizes, st.builds(Cut, batch_sizes, st.booleans()), evens, st.data())
def test_following_gives_what_reading_gives(order, world, cut, even, data):
    at = data.draw(st.integers(0, len(order)))
    start = Start(2, 7, at)
    by_order = ordered(order, cut, world, even, start)
    by_sampler = followed(order, cut, world, even, start)
    assert [*map(plain, by_sampler)] == [*map(plain, by_order)]
    without = followed(order, cut, world, even, start, looks_ahead=False)
    assert taken(without) == taken(by_order)


@given(any_orders, world_sizes, st.integers(1, 6), evens)
def test_a_sampler_that_stands_there_is_not_read_over(order, world_size, batch_size, even):
    at = len(order) // 2
    rest = whole(order)[at:].tolist()
    share, start = Share(0, world_size, even), Start(0, 3, at)
    tasks = list(of_samples(Followed(iter(rest), stands=True), Cut(batch_size), share, start))
    beginning = ordered(order, Cut(batch_size), world_size, even, start)[0]
    assert [task[:3] for task in tasks] == [task[:3] for task in beginning]


def run_of(order, cut, plan):
    """Take steps with one number of ranks after another, each from where the last one stopped."""
    position, read, repeated = 0, [], 0
    for world_size, steps, even in plan:
        start = Start(0, 0, position)
        parts = [part[:steps] for part in ordered(order, cut, world_size, even, start)]
        read += taken(parts)
        repeated += repeats(parts)
        position = parts[0][-1].end if parts[0] else position
    return read, position, repeated


@given(permutations, plans, batch_sizes)
def test_ranks_may_come_and_go_at_any_step(order, plan, batch_size):
    order = Permutation(len(order) % 500, order.key)
    last = (plan[-1][0], len(order), None)
    read, position, _ = run_of(order, Cut(batch_size), [*plan, last])
    assert read == whole(order).tolist()
    assert position == len(order)


@pytest.mark.parametrize("even", [None, "drop", "pad"])
def test_all_small_changes_of_ranks_lose_and_repeat_nothing(even):
    for count in (1, 5, 12, 17, 24, 25):
        order = Permutation(count, 42)
        for before, size in small:
            for after in range(1, 5):
                for steps in range(1, 4):
                    plan = [(before, steps, even), (after, count, even)]
                    read, _, _ = run_of(order, Cut(size), plan)
                    left = count - len(read)
                    assert read == whole(order)[: len(read)].tolist()
                    assert left < after if even == "drop" else left == 0


def batches_of(sizes):
    """Cut numbers into batches of these sizes."""
    numbers = iter(range(sum(sizes)))
    return [list(islice(numbers, size)) for size in sizes]


def in_turns(batches, world_size, even=None, start=None):
    return [
        list(of_batches(Followed(iter(batches)), Share(rank, world_size, even), start or Start()))
        for rank in range(world_size)
    ]


sizes_of_batches = st.lists(st.integers(1, 5), max_size=20)


@given(sizes_of_batches, world_sizes, evens)
def test_ranks_take_whole_batches_in_turns(sizes, world_size, even):
    batches = batches_of(sizes)
    parts = in_turns(batches, world_size, even)
    assert len({len(part) for part in parts}) == 1
    counted = [task.indices for step in zip(*parts, strict=True) for task in step if task.real]
    left = len(batches) // world_size * world_size if even == "drop" else len(batches)
    assert counted == batches[:left]
    assert all(task.real in {0, task.size} for part in parts for task in part)
    assert all(task.indices in batches for part in parts for task in part)


@given(sizes_of_batches, world_sizes, world_sizes, st.integers(0, 4))
def test_ranks_that_take_batches_may_change_too(sizes, before, after, steps):
    batches = batches_of(sizes)
    first = [part[:steps] for part in in_turns(batches, before)]
    at = first[0][-1].end if first[0] else 0
    rest = in_turns(batches, after, start=Start(0, steps, at))
    read = [i for part in [*first, *rest] for task in part for i in task.indices[: task.real]]
    assert sorted(read) == list(range(sum(sizes)))


def test_padding_of_batches_begins_again_with_the_first():
    parts = in_turns([[0], [1], [2], [3]], 3, "pad")
    assert [[task.indices for task in part] for part in parts] == [
        [[0], [3]],
        [[1], [0]],
        [[2], [1]],
    ]
    assert [part[1].real for part in parts] == [1, 0, 0]


def test_a_part_of_a_billion_is_read_at_its_end():
    share = Share(6, 7)
    order = Permutation(10**9, 42)
    tasks = list(of_order(order, Cut(64), share, Start(0, 9, 10**9 - 1000)))
    assert sum(task.real for task in tasks) == len(range(6, 1000, 7))
    assert tasks[-1].end == 10**9


def test_a_part_reads_little_of_an_order_at_first():
    class Counted(Sequential):
        def stripe(self, start, stop, step):
            reads.append(len(range(start, stop, step)))
            return super().stripe(start, stop, step)

    reads = []
    next(of_order(Counted(10**9), Cut(32), Share(3, 8), Start()))
    assert sum(reads) < 1000


def test_a_sampler_is_followed_no_further_than_one_sample_a_rank_beyond_a_step():
    drawn = []
    sampler = (drawn.append(number) or number for number in range(10**6))
    next(of_samples(Followed(sampler), Cut(4), Share(1, 3), Start()))
    assert len(drawn) == 3 * 4 + 3
