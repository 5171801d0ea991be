"""Clauses 9 to 12 and 16: what iterators are, how lazy they are and how workers end."""

import multiprocessing
import pickle
import threading

import pytest
import torch
from torch.utils.data import Dataset
from torch.utils.data.dataloader import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter

from trueload import DataLoader

from .parts import WORKERS, Counting, Endless, Numbers, batches, ends_soon, is_alive, take


class Logged:
    """A sampler without a length that writes down what was drawn."""

    def __init__(self, length):
        self.length, self.drawn = length, []

    def __iter__(self):
        for index in range(self.length):
            self.drawn.append(index)
            yield index


class Failing(Dataset):
    def __init__(self, bad):
        self.bad = bad

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index in self.bad:
            message = f"sample {index} is broken"
            raise ValueError(message)
        return index


class Wrapped:
    """What PyG's `_get_iterator` returns: its own object around the iterator."""

    def __init__(self, iterator, transform):
        self.iterator, self.transform = iterator, transform

    def __iter__(self):
        return self

    def __len__(self):
        return len(self.iterator)

    def __next__(self):
        return self.transform(next(self.iterator))

    def _reset(self, loader, first_iter=False):
        self.iterator._reset(loader, first_iter)


class NodeLoader(DataLoader):
    """As PyG's loaders do it: the iterator of the base class, in another object."""

    def _get_iterator(self):
        return Wrapped(super()._get_iterator(), lambda batch: [-sample for sample in batch])


def _pids(iterator):
    return [worker.pid for worker in iterator._workers]


def _have_ended(pids):
    return ends_soon(lambda: not any(map(is_alive, pids)))


def _kept(**arguments):
    return DataLoader(Numbers(6), batch_size=2, num_workers=2, persistent_workers=True, **arguments)


def test_indices_are_drawn_as_batches_are_taken_without_workers():
    sampler = Logged(100)
    iterator = iter(DataLoader(Numbers(100), batch_size=2, sampler=sampler))
    take(iterator, 2)
    assert sampler.drawn == [0, 1, 2, 3]


def test_indices_are_drawn_ahead_by_no_more_than_the_prefetch_factor():
    sampler = Logged(1000)
    loader = DataLoader(Numbers(1000), sampler=sampler, num_workers=2, prefetch_factor=3)
    iterator = iter(loader)
    take(iterator, 4)
    assert 4 <= len(sampler.drawn) <= 4 + 2 * 3
    iterator._shutdown_workers()


@pytest.mark.parametrize("workers", WORKERS)
def test_a_sampler_may_be_endless(workers):
    loader = DataLoader(Numbers(4), 3, sampler=Endless(4), num_workers=workers)
    iterator = iter(loader)
    assert take(iterator, 3) == [[0, 1, 2], [3, 0, 1], [2, 3, 0]]


@pytest.mark.parametrize("workers", WORKERS)
def test_a_batch_sampler_may_have_no_length(workers):
    class Lists:
        def __iter__(self):
            yield from ([index] * 2 for index in range(3))

    loader = DataLoader(Numbers(4), batch_sampler=Lists(), num_workers=workers)
    assert batches(loader) == [[0, 0], [1, 1], [2, 2]]


@pytest.mark.parametrize("workers", WORKERS)
def test_iterating_never_asks_the_loader_for_its_length(workers):
    class Unknown(DataLoader):
        def __len__(self):
            raise AssertionError

    assert len(batches_by_next(Unknown(Numbers(4), num_workers=workers))) == 4


def batches_by_next(loader):
    """Go over a loader without `list`, which asks for a length itself."""
    found = []
    for batch in loader:
        found.append(batch)  # noqa: PERF402 - see above
    return found


@pytest.mark.parametrize("workers", WORKERS)
def test_iter_calls_get_iterator(workers):
    loader = NodeLoader(Numbers(4), batch_size=2, num_workers=workers, collate_fn=list)
    assert type(iter(loader)) is Wrapped
    assert batches(loader) == [[0, -1], [-2, -3]]


def test_pygs_iterator_is_kept_and_reset_with_persistent_workers():
    loader = NodeLoader(
        Numbers(4), batch_size=2, num_workers=2, persistent_workers=True, collate_fn=list
    )
    first = iter(loader)
    assert batches(first) == [[0, -1], [-2, -3]]
    assert iter(loader) is first is loader._iterator
    assert batches(first) == [[0, -1], [-2, -3]]
    loader._iterator = None


@pytest.mark.parametrize("workers", WORKERS)
def test_the_iterator_is_none_before_and_without_persistent_workers(workers):
    loader = DataLoader(Numbers(2), num_workers=workers)
    assert loader._iterator is None
    batches(loader)
    assert loader._iterator is None


def test_persistent_workers_are_the_same_processes_in_the_next_epoch():
    loader = _kept()
    batches(loader)
    before = _pids(loader._iterator)
    batches(loader)
    assert _pids(loader._iterator) == before
    loader._iterator = None


def test_a_persistent_iterator_left_in_the_middle_begins_anew():
    loader = _kept()
    take(iter(loader), 1)
    assert batches(loader) == [[0, 1], [2, 3], [4, 5]]
    loader._iterator = None


def _set_to_none(loader):
    loader._iterator = None


def _deleted(loader):
    del loader._iterator


@pytest.mark.parametrize("reset", [_set_to_none, _deleted])
def test_lightning_ends_the_workers_by_resetting_the_iterator(reset):
    loader = _kept()
    take(iter(loader), 1)
    pids = _pids(loader._iterator)
    reset(loader)
    assert _have_ended(pids)
    assert batches(loader) == [[0, 1], [2, 3], [4, 5]]
    loader._iterator = None


def test_after_a_reset_the_next_epoch_has_new_workers():
    loader = _kept()
    batches(loader)
    before = _pids(loader._iterator)
    loader._iterator = None
    assert batches(loader) == [[0, 1], [2, 3], [4, 5]]
    assert not set(_pids(loader._iterator)) & set(before)
    loader._iterator = None


@pytest.mark.parametrize("workers", WORKERS)
def test_lightning_knows_the_iterator_by_torchs_class(workers):
    iterator = iter(DataLoader(Numbers(2), num_workers=workers))
    assert isinstance(iterator, _BaseDataLoaderIter)
    assert isinstance(iterator, _MultiProcessingDataLoaderIter) is bool(workers)


@pytest.mark.parametrize("workers", WORKERS)
def test_an_iterator_refuses_to_be_pickled_as_torchs_does(workers):
    iterator = iter(DataLoader(Numbers(2), num_workers=workers))
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        pickle.dumps(iterator)


@pytest.mark.parametrize("workers", WORKERS)
def test_an_iterator_is_its_own_iterator(workers):
    iterator = iter(DataLoader(Numbers(2), num_workers=workers))
    assert iter(iterator) is iterator


@pytest.mark.parametrize("workers", WORKERS)
def test_fairseq_asks_an_iterator_for_its_length(workers):
    iterator = iter(DataLoader(Numbers(5), batch_size=2, num_workers=workers))
    take(iterator, 1)
    assert len(iterator) == 3


@pytest.mark.parametrize("workers", WORKERS)
def test_speechbrain_counts_what_was_yielded(workers):
    iterator = iter(DataLoader(Numbers(5), batch_size=2, num_workers=workers))
    counts = [iterator._num_yielded]
    for _ in iterator:
        counts.append(iterator._num_yielded)  # noqa: PERF401 - counted between two batches
    assert counts == [0, 1, 2, 3]


def test_the_count_starts_anew_with_a_persistent_epoch():
    loader = _kept()
    batches(loader)
    assert loader._iterator._num_yielded == 3
    assert iter(loader)._num_yielded == 0
    loader._iterator = None


@pytest.mark.parametrize("workers", WORKERS)
def test_an_exhausted_iterator_stays_exhausted(workers):
    iterator = iter(DataLoader(Numbers(2), num_workers=workers))
    batches(iterator)
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(iterator)


def test_workers_show_their_pids_and_that_they_are_alive():
    iterator = iter(DataLoader(Numbers(8), num_workers=2))
    take(iterator, 1)
    assert [worker.is_alive() for worker in iterator._workers] == [True, True]
    assert all(map(is_alive, _pids(iterator)))


def test_a_shutdown_ends_the_workers_and_may_be_repeated():
    loader = _kept()
    take(iter(loader), 1)
    pids = _pids(loader._iterator)
    loader._iterator._shutdown_workers()
    loader._iterator._shutdown_workers()
    assert _have_ended(pids)
    loader._iterator = None


def test_workers_can_be_terminated_by_hand():
    iterator = iter(DataLoader(Numbers(8), num_workers=2))
    take(iterator, 1)
    pids = _pids(iterator)
    iterator._shutdown_workers()
    for worker in iterator._workers:
        worker.terminate()
    assert _have_ended(pids)


def test_workers_end_with_the_epoch():
    iterator = iter(DataLoader(Numbers(4), num_workers=2))
    pids = _pids(iterator)
    batches(iterator)
    assert _have_ended(pids)


@pytest.mark.parametrize("dataset", [Numbers(64), Counting(64)], ids=["map-style", "iterable"])
def test_dropping_an_iterator_ends_its_workers_without_the_garbage_collector(dataset):
    iterator = iter(DataLoader(dataset, num_workers=2))
    take(iterator, 1)
    pids = _pids(iterator)
    del iterator
    assert _have_ended(pids)


class OwnContext(multiprocessing.context.ForkContext):
    """A context of a library's own, which is handed to torch's engine."""


def test_dropping_an_iterator_of_torchs_engine_ends_its_workers_without_the_collector():
    iterator = iter(DataLoader(Numbers(64), num_workers=2, multiprocessing_context=OwnContext()))
    take(iterator, 1)
    pids = _pids(iterator)
    del iterator
    assert _have_ended(pids)


@pytest.mark.parametrize("dataset", [Numbers(64), Counting(64)], ids=["map-style", "iterable"])
def test_dropping_a_loader_in_mid_epoch_ends_persistent_workers(dataset):
    loader = DataLoader(dataset, num_workers=2, persistent_workers=True)
    take(iter(loader), 1)
    pids = _pids(loader._iterator)
    del loader
    assert _have_ended(pids)


def test_dropping_a_loader_ends_persistent_workers():
    loader = _kept()
    batches(loader)
    pids = _pids(loader._iterator)
    del loader
    assert _have_ended(pids)


@pytest.mark.parametrize("workers", WORKERS)
def test_stylegan_keeps_only_the_iterator(workers):
    iterator = iter(DataLoader(Numbers(4), batch_size=2, sampler=Endless(4), num_workers=workers))
    assert take(iterator, 40) == [[0, 1], [2, 3]] * 20


@pytest.mark.parametrize("workers", WORKERS)
def test_several_iterators_of_one_loader_live_side_by_side(workers):
    loader = DataLoader(Numbers(6), batch_size=2, num_workers=workers)
    pairs = [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)]
    assert pairs == [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4, 5], [4, 5])]


@pytest.mark.parametrize("workers", WORKERS)
def test_an_iterator_may_be_used_in_another_thread(workers):
    found = []
    iterator = iter(DataLoader(Numbers(6), batch_size=2, num_workers=workers))
    thread = threading.Thread(target=lambda: found.extend(batches(iterator)))
    thread.start()
    thread.join()
    assert found == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("workers", WORKERS)
def test_iterators_of_several_threads_do_not_disturb_each_other(workers):
    loader = DataLoader(Numbers(40), batch_size=2, num_workers=workers)
    found = {}
    threads = [
        threading.Thread(target=lambda number=number: found.update({number: batches(loader)}))
        for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == [[2 * index, 2 * index + 1] for index in range(20)]


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("bad", [{0}, {3}, {5}])
def test_after_a_caught_exception_the_other_batches_arrive(workers, bad):
    iterator = iter(DataLoader(Failing(bad), num_workers=workers))
    found, errors = [], 0
    while True:
        try:
            found += next(iterator).tolist()
        except ValueError:
            errors += 1
        except StopIteration:
            break
    assert (sorted({*range(6)} - bad), errors) == (found, 1)


@pytest.mark.parametrize("workers", WORKERS)
def test_a_user_may_leave_an_epoch_and_begin_another(workers):
    loader = DataLoader(Numbers(6), batch_size=2, num_workers=workers)
    for batch in loader:
        assert torch.equal(batch, torch.tensor([0, 1]))
        break
    assert batches(loader) == [[0, 1], [2, 3], [4, 5]]
