"""Our own loader is followed as torch's is: its batches, its orders, its epochs without an end."""

import pytest
import torch
from torch.utils.data import IterableDataset

from trueload import DataLoader
from trueload.evidence import EpochBegun, EpochEnded, Fetch, FetchAfterEnd
from trueload.sanitizer.hooks import instruments
from trueload.sanitizer.places import Places
from trueload.sanitizer.recorder import Recorder


class Stream(IterableDataset):
    def __iter__(self):
        yield from torch.arange(10.0)


@pytest.fixture
def recorder():
    return Recorder(Places())


def read(loader, recorder):
    """Read two epochs, and give the indices of each."""
    with instruments(recorder):
        taken = [[loader.taken.indices for _ in loader] for _ in range(2)]
    assert not recorder.troubles
    return [[int(index) for batch in epoch for index in batch] for epoch in taken]


@pytest.mark.parametrize("options", [{}, {"seed": 3}, {"num_workers": 1}], ids=str)
def test_batches_and_orders_are_seen(options, recorder):
    orders = read(DataLoader(torch.randn(10, 2), 4, shuffle=True, **options), recorder)
    run = recorder.run
    assert [(fetch.epoch, fetch.batch) for fetch in run.fetches] == [
        (epoch, batch) for epoch in range(2) for batch in range(3)
    ]
    assert [order.indices for order in run.data.orders] == orders
    assert [end.batches for end in run.events(EpochEnded)] == [3, 3]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stream_is_seen_once(workers, recorder):
    with instruments(recorder):
        list(DataLoader(Stream(), 4, num_workers=workers))
    assert [fetch.batch for fetch in recorder.run.fetches] == [0, 1, 2]
    assert not recorder.troubles


@pytest.mark.parametrize("workers", [0, 1])
def test_an_endless_loop_has_epochs(workers, recorder):
    loader = DataLoader(torch.randn(8, 2), 4, shuffle=True, seed=1, num_workers=workers)
    with instruments(recorder):
        list(loader.endless(steps=5))
    run = recorder.run
    assert [(fetch.epoch, fetch.batch) for fetch in run.fetches] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (2, 0),
    ]
    assert [one.epoch for one in run.events(EpochBegun)] == [0, 1, 2]
    assert [(one.epoch, one.batches) for one in run.events(EpochEnded)] == [(0, 2), (1, 2)]
    assert not list(run.events(FetchAfterEnd))
    assert len({tuple(order.indices) for order in run.data.orders}) > 1
    assert not recorder.troubles


def test_its_iterators_are_left_as_they_were(recorder):
    loader = DataLoader(torch.randn(4, 2))
    kind = type(iter(loader))
    before = vars(kind)["__next__"]
    with instruments(recorder):
        list(loader)
        assert vars(kind)["__next__"] is not before
    assert vars(kind)["__next__"] is before
    list(loader)
    assert recorder.run.happened[Fetch] == 4
