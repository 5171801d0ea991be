"""`loader.statistics()` says what was done, and how the dataset's memory is looked after."""

import copy
import os
import pickle
import signal
import time
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

import trueload
from trueload import DataLoader, Guard
from trueload.iterators.telling import _told
from trueload.statistics import Figures, Meter
from trueload.watching import pages as pages_module
from trueload.watching.tally import Tally, together, watching


@pytest.fixture(autouse=True)
def _untold():
    _told.clear()


class Rows(Dataset):
    def __init__(self, change=0):
        self.rows, self.change = np.ones((64, 1024)), change

    def __len__(self):
        return 64

    def __getitem__(self, index):
        row = self.rows[index]
        row += self.change
        return row.copy()


def test_a_new_loader_has_done_nothing():
    assert DataLoader(range(3)).statistics() == trueload.Statistics()


def test_batches_and_samples_are_counted_over_epochs():
    loader = DataLoader(Rows(), 10)
    for _ in range(2):
        list(loader)
    next(iter(loader))
    found = loader.statistics()
    assert (found.epochs, found.batches, found.samples) == (3, 15, 138)
    assert found.in_flight == found.ready == found.workers_replaced == 0


def test_what_the_loop_waited_for_is_told():
    loader = DataLoader(Rows(), 32)
    for _ in loader:
        time.sleep(0.05)
    found = loader.statistics()
    assert found.waited_seconds > 0
    assert 0 < found.waited_share < 1
    for _ in loader:
        pass
    assert loader.statistics().waited_seconds > found.waited_seconds


def test_it_is_a_value():
    loader = DataLoader(Rows(), 10)
    found = loader.statistics()
    list(loader)
    assert found.batches == 0
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(FrozenInstanceError):
        found.batches = 3


def test_a_copy_of_a_loader_begins_to_count():
    loader = DataLoader(Rows(), 10)
    list(loader)
    assert copy.copy(loader).statistics() == trueload.Statistics()


def test_how_the_dataset_is_watched_is_told():
    loader = DataLoader(Rows(change=1), 8)
    list(loader)
    (inline,) = loader.statistics().watching
    assert inline.kind == "inline"
    assert inline.mechanism in {"userfaultfd", "digests"}
    assert (inline.arrays, inline.arrays_bytes) == (1, 64 * 1024 * 8)
    assert inline.looks > 0
    assert inline.found == 1
    assert inline.spent_seconds > 0
    assert 0 < inline.spent_share <= 1


def test_the_mechanism_is_that_which_is_used(monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(pages_module, "Protected", refuse)
    loader = DataLoader(Rows(), 8)
    list(loader)
    assert [one.mechanism for one in loader.statistics().watching] == ["digests"]


def test_who_looks_at_nothing_says_nothing():
    for loader in (
        DataLoader(Rows(), 8, guard="off"),
        DataLoader(TensorDataset(torch.ones(64, 2048)), 8),
    ):
        list(loader)
        assert loader.statistics().watching == ()


def test_frozen_arrays_are_counted():
    class Reading(Rows):
        def __getitem__(self, index):
            return self.rows[index]

    loader = DataLoader(Reading(), 8, guard=Guard(freeze=True))
    list(loader)
    assert loader.statistics().watching[0].frozen == 1


def test_workers_tell_what_they_do():
    loader = DataLoader(Rows(change=1), 8, num_workers=2)
    for batches in (8, 16):
        list(loader)
        found = loader.statistics()
        assert (found.batches, found.samples, found.in_flight) == (batches, batches * 8, 0)
    assert found.held_bytes > 0
    (workers,) = found.watching
    assert workers.kind == "worker"
    assert workers.mechanism in {"userfaultfd", "pagemap"}
    assert workers.arrays == 1
    assert workers.looks >= 2
    assert workers.found >= 2


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_batches_in_flight_and_lost_workers_are_counted(context):
    loader = DataLoader(
        Rows(), 8, num_workers=2, prefetch_factor=3, multiprocessing_context=context
    )
    batches = iter(loader)
    next(batches)
    assert loader.statistics().in_flight == 6
    while loader.statistics().ready == 0:
        time.sleep(0.5)
        next(batches)
    os.kill(batches._workers[0].pid, signal.SIGKILL)
    list(batches)
    del batches
    assert loader.statistics().workers_replaced == 1
    assert loader.statistics().batches == 8


def test_an_endless_loop_is_counted_too():
    loader = DataLoader(Rows(), 8)
    assert sum(1 for _ in loader.endless(20)) == 20
    assert loader.statistics().batches == 20
    assert loader.statistics().epochs == 3


def test_a_stream_is_counted():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(range(10))

    loader = DataLoader(Stream(), 4)
    list(loader)
    found = loader.statistics()
    assert (found.epochs, found.batches, found.watching) == (1, 3, ())


def test_tallies_are_added_up():
    one, other = Tally(), Tally()
    one.watch("pagemap", [])
    one.look(0.5)
    other.look(0.25)
    other.find()
    found = watching("worker", together([one.words(), other.words(), []]))
    assert (found.mechanism, found.looks, found.spent_seconds) == ("pagemap", 2, 0.75)
    assert found.found == 1


def test_what_ended_workers_knew_is_kept():
    class Source:
        def figures(self):
            return Figures(in_flight=3, replaced=1, retried=2, tally=Tally().words())

    meter, source = Meter(), Source()
    meter.begin(source)
    assert meter.statistics(0).in_flight == 3
    for _ in range(2):
        meter.retire(source.figures())
    found = meter.statistics(7)
    assert (found.in_flight, found.workers_replaced, found.tasks_retried) == (0, 2, 4)
    assert found.held_bytes == 7
