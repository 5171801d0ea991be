"""Iterable datasets read by several workers: turns as with torch, or one stream split over them."""

import logging

import pytest
import torch
from torch.utils.data import IterableDataset, get_worker_info

from trueload import DataLoader
from trueload.errors import DuplicateError

TORCH = torch.utils.data.DataLoader


class Stream(IterableDataset):
    """Gives the numbers below a length: to each worker its part, or to each of them all."""

    def __init__(self, length=23, *, parted=True):
        self.length, self.parted = length, parted

    def __iter__(self):
        info = get_worker_info() if self.parted else None
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(first, self.length, step)


class Uneven(IterableDataset):
    """Gives worker 0 no sample, worker 1 one, worker 2 twelve."""

    def __iter__(self):
        number = get_worker_info().id
        yield from range(100 * number, 100 * number + (0, 1, 12)[number])


class Drawing(Stream):
    def __iter__(self):
        for number in super().__iter__():
            yield number, torch.rand(()).item()


def told(loader):
    return [
        batch.tolist() if isinstance(batch, torch.Tensor) else [part.tolist() for part in batch]
        for batch in loader
    ]


def stopped(loader, number):
    """Give the state after some batches, and the batches that would have come after them."""
    iterator = iter(loader)
    for _ in range(number):
        next(iterator)
    return loader.state_dict(), told(iterator)


@pytest.fixture(params=[1, 2, 3])
def workers(request):
    return request.param


@pytest.fixture(params=[0, 2, 5])
def other(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["all", "drop_last"])
def drop_last(request):
    return request.param


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
class TestTurns:
    def test_the_batches_come_in_torchs_order(self, workers, drop_last):
        arguments = {"batch_size": 4, "num_workers": workers, "drop_last": drop_last}
        assert told(DataLoader(Stream(), **arguments)) == told(TORCH(Stream(), **arguments))

    def test_a_worker_whose_stream_is_over_is_passed_over_as_in_torch(self):
        arguments = {"batch_size": 2, "num_workers": 3}
        ours = DataLoader(Uneven(), **arguments)
        assert told(ours) == told(TORCH(Uneven(), **arguments))
        assert ours.state_dict()["_num_yielded"] == 7

    @pytest.mark.parametrize("number", range(8))
    def test_an_epoch_goes_on_after_any_batch_of_uneven_streams(self, number):
        state, rest = stopped(DataLoader(Uneven(), batch_size=2, num_workers=3), number)
        again = DataLoader(Uneven(), batch_size=2, num_workers=3)
        again.load_state_dict(state)
        assert (state["_num_yielded"], told(again)) == (number, rest)

    def test_samples_without_batching_come_in_torchs_order(self, workers):
        arguments = {"batch_size": None, "num_workers": workers}
        assert list(DataLoader(Stream(), **arguments)) == list(TORCH(Stream(), **arguments))

    def test_out_of_order_every_batch_comes_once(self, workers):
        loader = DataLoader(Stream(), batch_size=4, num_workers=workers, in_order=False)
        found = sorted(number for batch in told(loader) for number in batch)
        assert found == list(range(23))

    def test_persistent_workers_begin_the_stream_again(self, workers):
        loader = DataLoader(Stream(), batch_size=4, num_workers=workers, persistent_workers=True)
        assert told(loader) == told(loader)

    def test_an_endless_loop_goes_over_the_stream_again_and_again(self, workers):
        loader = DataLoader(Stream(), batch_size=4, num_workers=workers)
        epoch = told(loader)
        assert told(loader.endless(2 * len(epoch) + 1)) == epoch + epoch + epoch[:1]

    def test_one_worker_draws_what_none_draws(self):
        found = [told(DataLoader(Drawing(), 4, num_workers=workers, seed=1)) for workers in (0, 1)]
        assert found[0] == found[1]

    def test_another_number_of_workers_than_was_saved_is_told(self, caplog):
        state, _ = stopped(DataLoader(Stream(), batch_size=4, num_workers=2), 1)
        again = DataLoader(Stream(), batch_size=4, num_workers=3)
        again.load_state_dict(state)
        with caplog.at_level(logging.WARNING, "trueload"):
            told(again)
        assert "saved with 2 workers reading the stream, 3 read it now" in caplog.text


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
class TestOneStream:
    @pytest.mark.parametrize("parted", [True, False])
    def test_the_batches_are_those_without_workers(self, workers, drop_last, parted):
        arguments = {"batch_size": 4, "shard": "workers", "drop_last": drop_last}
        stream = Stream(parted=parted)
        ours = DataLoader(stream, num_workers=workers, **arguments)
        assert told(ours) == told(DataLoader(stream, **arguments))

    def test_samples_draw_what_they_draw_without_workers(self, workers):
        arguments = {"batch_size": 4, "shard": "workers", "seed": 1}
        ours = DataLoader(Drawing(), num_workers=workers, **arguments)
        assert told(ours) == told(DataLoader(Drawing(), **arguments))

    def test_an_epoch_goes_on_with_any_other_number_of_workers(self, workers, other):
        loader = DataLoader(Drawing(), 4, num_workers=workers, shard="workers", seed=1)
        state, rest = stopped(loader, 2)
        again = DataLoader(Drawing(), 4, num_workers=other, shard="workers", seed=1)
        again.load_state_dict(state)
        assert told(again) == rest

    def test_an_endless_loop_goes_over_the_stream_again_and_again(self, workers):
        loader = DataLoader(Stream(9), batch_size=4, num_workers=workers, shard="workers")
        assert told(loader.endless(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8], [0, 1, 2, 3]]


class TestDoubt:
    def test_a_stream_that_every_worker_reads_is_told_once(self, caplog):
        loader = DataLoader(Stream(parted=False), batch_size=4, num_workers=2)
        with caplog.at_level(logging.WARNING, "trueload"):
            told(loader)
        assert [record.message for record in caplog.records] == [TL208]

    def test_a_strict_guard_makes_it_an_error(self):
        loader = DataLoader(Stream(parted=False), batch_size=4, num_workers=2, guard="strict")
        with pytest.raises(DuplicateError) as caught:
            told(loader)
        assert str(caught.value) == TL208

    @pytest.mark.parametrize(
        ("dataset", "arguments"),
        {
            "a parted stream": (Stream(), {}),
            "one worker": (Stream(parted=False), {"num_workers": 1}),
            "a worker_init_fn": (Stream(parted=False), {"worker_init_fn": lambda _: None}),
            "a stream that is split": (Stream(parted=False), {"shard": "workers"}),
            "a random stream": (Drawing(parted=False), {}),
            "no guard": (Stream(parted=False), {"guard": "off"}),
        }.values(),
    )
    def test_nothing_is_told_of(self, caplog, dataset, arguments):
        loader = DataLoader(dataset, **{"batch_size": 4, "num_workers": 2, **arguments})
        with caplog.at_level(logging.WARNING, "trueload"):
            told(loader)
        assert not caplog.records


TL208 = """every sample comes 2 times: each worker reads all of Stream [TL208]
  evidence  workers 0 and 1 begin with the same batch

hint: pass `shard="workers"`, or give each worker its part in `__iter__` by \
`torch.utils.data.get_worker_info()`"""
