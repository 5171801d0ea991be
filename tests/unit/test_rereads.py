"""Samples that are made again must come out the same, in one process and in two, but for chance."""

import os
import random
import time

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, get_worker_info

from trueload import DataLoader, Guard
from trueload.errors import DatasetChangedError, SampleDiffersError
from trueload.iterators.rereads import Compared
from trueload.iterators.telling import _told
from trueload.tasks import Task
from trueload.watching.rereads import Chosen, Read, digests_of
from trueload.workers.base import Order

ALL = Guard(refetch=1)
LENGTH = 48


@pytest.fixture(autouse=True)
def _untold():
    _told.clear()


class Numbers(Dataset):
    def __init__(self):
        self.numbers = np.arange(LENGTH * 1.0)
        self.own = np.random.default_rng(0)

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return self.numbers[index]


class Counting(Numbers):
    state = "dataset.count"

    def __init__(self):
        super().__init__()
        self.count = 0

    def __getitem__(self, index):
        self.count += 1
        return self.numbers[index] + self.count % 5


class Previous(Numbers):
    """Mixes each sample with the one before it."""

    state = "dataset.previous"

    def __init__(self):
        super().__init__()
        self.previous, self.visits = 0.0, 0

    def __getitem__(self, index):
        self.visits += 1
        mixed = self.numbers[index] + self.previous / 2
        self.previous = self.numbers[index]
        return mixed


class Running(Numbers):
    state = "dataset.stats['mean']"

    def __init__(self):
        super().__init__()
        self.stats = {"mean": 0.0, "seen": 0}

    def __getitem__(self, index):
        self.stats["mean"] = 0.9 * self.stats["mean"] + self.numbers[index]
        self.stats["seen"] += 1
        return self.numbers[index] - self.stats["mean"]


class Ordered(Numbers):
    state = "dataset.order"

    def __init__(self):
        super().__init__()
        self.order = list(range(LENGTH))

    def __getitem__(self, index):
        self.order.append(self.order.pop(0))
        return self.numbers[self.order[index]]


class Converging(Numbers):
    """Gives what an array that it writes to says."""

    state = "dataset.level, float32 (1,)"

    def __init__(self):
        super().__init__()
        self.level = torch.zeros(1)

    def __getitem__(self, index):
        self.level += 1
        return self.level * index


BUGS = [Counting, Previous, Running, Ordered, Converging]


def told(caplog):
    return [record.message for record in caplog.records if "[TL34" in record.message]


@pytest.mark.parametrize("kind", BUGS)
def test_what_a_sample_depends_on_is_named(kind, caplog):
    list(DataLoader(kind(), 8, guard=ALL))
    (message,) = told(caplog)
    assert " depends on what was read before it [TL341]\n" in message
    assert f"  state   {kind.state}\n" in message


def test_it_is_left_as_it_would_be():
    quiet, watched = Previous(), Previous()
    batches = [
        torch.cat(list(DataLoader(one, 8, guard=guard)))
        for one, guard in ((quiet, "off"), (watched, ALL))
    ]
    assert torch.equal(*batches)
    assert (quiet.previous, quiet.visits) == (watched.previous, watched.visits)


def test_a_strict_guard_makes_it_an_error():
    with pytest.raises(DatasetChangedError, match="depends on what was read before"):
        list(DataLoader(Counting(), 8, guard=Guard(level="strict", refetch=1)))


def test_with_the_usual_guard_no_sample_is_made_twice():
    dataset = Counting()
    list(DataLoader(dataset, 8))
    assert dataset.count == LENGTH
    assert not DataLoader(Counting()).statistics().watching


def test_those_that_are_made_again_are_counted():
    loader = DataLoader(Numbers(), 8, guard=Guard(refetch=0.25))
    list(loader)
    assert loader.statistics().watching[0].reread == LENGTH // 4


class Keyed(Numbers):
    def __getitem__(self, index):
        drawn = random.random() + np.random.rand() + self.own.random()
        return self.numbers[index] + drawn + torch.rand(2)


class Unkeyed(Numbers):
    def __getitem__(self, index):
        drawn = np.random.default_rng().random() + random.SystemRandom().random()
        return self.numbers[index] + drawn + int.from_bytes(os.urandom(4))


class Timed(Numbers):
    def __getitem__(self, index):
        return self.numbers[index] + time.perf_counter()


class Memo(Numbers):
    def __init__(self):
        super().__init__()
        self.memo, self.hits = {}, 0

    def __getitem__(self, index):
        self.hits += index in self.memo
        return self.memo.setdefault(index, self.numbers[index] ** 2)


class Failing(Numbers):
    """Gives each sample once."""

    def __init__(self):
        super().__init__()
        self.given = set()

    def __getitem__(self, index):
        if index in self.given:
            raise LookupError
        self.given.add(index)
        return self.numbers[index]


CLEAN = [Numbers, Keyed, Unkeyed, Timed, Memo, Failing]


@pytest.mark.parametrize("kind", CLEAN)
@pytest.mark.parametrize(
    "options", [{}, {"rng": "sample", "seed": 3}, {"batch_size": None}], ids=str
)
def test_who_draws_or_remembers_is_left_alone(kind, options, caplog):
    list(DataLoader(kind(), **{"batch_size": 8, "guard": ALL, "shuffle": True, **options}))
    assert not told(caplog)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in CLEAN if kind is not Failing])
@pytest.mark.parametrize("options", [{}, {"rng": "worker"}, {"persistent_workers": True}], ids=str)
def test_workers_that_draw_or_remember_are_left_alone(kind, options, caplog):
    loader = DataLoader(kind(), 4, num_workers=2, guard=ALL, shuffle=True, **options)
    for _ in range(3):
        list(loader)
    loader._iterator = None
    assert not told(caplog)


class OfProcess(Numbers):
    def __getitem__(self, index):
        time.sleep(0.001)
        return {"number": self.numbers[index], "noise": [float(os.getpid())]}


class OfWorker(Numbers):
    def __getitem__(self, index):
        time.sleep(0.001)
        return self.numbers[index] + get_worker_info().id


@pytest.mark.parametrize("kind", [OfProcess, pytest.param(OfWorker, marks=pytest.mark.slow)])
def test_a_sample_that_differs_between_workers_is_named(kind, caplog):
    loader = DataLoader(kind(), 2, num_workers=2, guard=ALL)
    for _ in range(5):
        list(loader)
    (message,) = told(caplog)
    assert " differs between workers [TL342]\n" in message
    leaf = 'sample["noise"][0]' if kind is OfProcess else "sample"
    assert f"  leaf     `{leaf}`\n  workers  " in message


@pytest.mark.slow
def test_a_sample_that_differs_between_workers_may_be_an_error():
    loader = DataLoader(OfProcess(), 2, num_workers=2, guard=Guard(level="strict", refetch=1))

    def epochs():
        for _ in range(5):
            list(loader)

    with pytest.raises(SampleDiffersError, match="differs between workers"):
        epochs()


def read(worker, at_ns, value, position=0):
    task = Task(0, 0, position, [3], 1)
    return Read(task, (("sample", value),), worker, 100 + worker, at_ns)


def compared(reads, times=4):
    """Give what is asked for with each order, and hear the reads one by one."""
    own = Compared(Guard(level="strict", refetch=0.5), None, readers=2)
    tasks = (Task(0, number, number, [3], 1) for number in range(times * 2))
    orders = own.asking(Order(task, None) for task in tasks)
    asked = [[task.position for task in next(orders).rereads] for _ in range(times)]
    own.hear(reads)
    return asked, [[task.position for task in order.rereads] for order in orders]


def test_a_sample_is_asked_for_with_two_batches():
    assert compared([]) == ([[], [1], [1], [3]], [[3], [5], [5], [7]])


def test_who_reads_the_same_is_asked_no_more():
    reads = [read(0, 1, b"a", 1), read(1, 2, b"a", 1)]
    assert compared(reads)[1] == [[3], [5], [5], [7]]


def test_a_sample_that_differs_is_asked_for_again():
    reads = [read(0, 1, b"a", 1), read(1, 2, b"b", 1)]
    assert compared(reads)[1][0] == [3, 1]


@pytest.mark.parametrize(
    ("reads", "proved"),
    [
        ([(0, 1, b"a"), (1, 2, b"b"), (0, 3, b"a")], True),
        ([(0, 3, b"a"), (1, 2, b"b"), (0, 1, b"a")], True),
        ([(0, 1, b"a"), (1, 2, b"b"), (0, 3, b"b")], False),  # the time has made it differ
        ([(0, 1, b"a"), (0, 2, b"b"), (0, 3, b"a")], False),
        ([(0, 1, b"a"), (1, 2, b"a"), (0, 3, b"a")], False),
        ([(0, 1, b"a"), (1, 2, b"b")], False),
    ],
)
def test_only_what_is_as_before_again_is_told(reads, proved):
    own = Compared(Guard(level="strict", refetch=1), None, readers=2)
    next(own.asking(iter([Order(Task(0, 0, 0, [3], 1), None)])))
    if proved:
        with pytest.raises(SampleDiffersError, match=r"dataset\[3\] differs between workers"):
            own.hear([read(*one) for one in reads])
    else:
        own.hear([read(*one) for one in reads])


def test_a_share_is_chosen_whatever_the_batches():
    for size in (1, 7, 64):
        chosen = Chosen(0.125)
        tasks = (Task(0, number, number * size, list(range(size)), size) for number in range(64))
        assert sum(len(chosen.of(task)) for task in tasks) == size * 8


def test_the_one_that_is_read_in_between_is_another_one():
    (pair,) = Chosen(0.1).of(Task(2, 1, 10, np.arange(10), 10))
    assert pair.size == len(pair.indices) == 2
    assert pair.position == 10 + pair.indices[0]
    assert Chosen(1).of(Task(0, 3, 3, 5, 1)) == [Task(0, 3, 3, 5, 1)]


def test_digests_are_of_contents():
    sample = {"x": torch.ones(2), "y": [np.ones(2), 1, "a", None], "z": object()}
    same = {"x": torch.ones(2), "y": [np.ones(2), 1, str("ab"[0]), None], "z": object()}
    assert digests_of(sample) == digests_of(same)
    assert next(name for name, _ in digests_of(sample)) == 'sample["x"]'
    assert digests_of(torch.ones(2)) != digests_of(torch.ones(2, 1))
    assert digests_of(1) != digests_of(True)
    assert len(digests_of(torch.ones(2, dtype=torch.bfloat16))) == 1
