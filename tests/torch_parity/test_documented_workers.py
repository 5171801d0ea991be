"""What torch documents of worker processes, over both loaders."""

import os
import random
import time
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from .observe import OURS


class Told(Dataset):
    """Each sample is what a function tells when it is asked in the worker."""

    def __init__(self, tell, length=4):
        self.tell, self.length, self.extra = tell, length, 0

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.tell(index)


class Stream(IterableDataset):
    """An iterable dataset that is split over workers only when asked."""

    def __init__(self, length=6, *, split=False):
        self.length, self.split = length, split

    def __iter__(self):
        info = get_worker_info()
        if info is None or not self.split:
            return iter(range(self.length))
        return iter(range(info.id, self.length, info.num_workers))

    def __len__(self):
        return self.length


def first(samples):
    return samples[0]


def samples(loader_class, tell, **arguments):
    """Give what was told in the workers, sample by sample."""
    arguments = {"num_workers": 2, "collate_fn": first, **arguments}
    return list(loader_class(Told(tell), **arguments))


def draw(index):
    return random.random(), np.random.random(), torch.rand(()).item()


def initial(index):
    return torch.initial_seed(), get_worker_info().seed, get_worker_info().id


def test_without_workers_samples_are_made_in_the_same_process(loader_class):
    told = samples(loader_class, lambda index: (os.getpid(), get_worker_info()), num_workers=0)
    assert told == [(os.getpid(), None)] * 4


def test_with_workers_samples_are_made_in_other_processes(loader_class):
    pids = set(samples(loader_class, lambda index: os.getpid()))
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2


def test_batches_of_workers_come_in_order(loader_class):
    def slow_first(index):
        time.sleep(0.2 if index == 0 else 0)
        return index

    assert samples(loader_class, slow_first) == [0, 1, 2, 3]


def test_batches_may_come_as_they_are_made(loader_class):
    loader = loader_class(range(9), num_workers=2, in_order=False, batch_size=2)
    assert sorted(index for batch in loader for index in batch.tolist()) == list(range(9))


def test_each_worker_reads_the_whole_of_an_iterable_dataset(loader_class):
    loader = loader_class(Stream(3), num_workers=2, batch_size=None)
    assert sorted(loader) == [0, 0, 1, 1, 2, 2]


def test_an_iterable_dataset_can_be_split_by_the_worker_info(loader_class):
    loader = loader_class(Stream(6, split=True), num_workers=2, batch_size=None)
    assert sorted(loader) == list(range(6))


def test_the_last_batch_of_each_worker_of_an_iterable_dataset_is_dropped(loader_class):
    loader = loader_class(Stream(5), num_workers=2, batch_size=2, drop_last=True)
    assert sorted(batch.tolist() for batch in loader) == [[0, 1], [0, 1], [2, 3], [2, 3]]


def test_more_samples_than_an_iterable_dataset_said_are_warned_of_with_workers_too(loader_class):
    loader = loader_class(Stream(3), num_workers=2, batch_size=None)
    assert len(loader) == 3
    with pytest.warns(UserWarning, match="could be caused by not properly configuring"):
        list(loader)


def test_the_worker_info_says_id_number_seed_and_dataset(loader_class):
    def tell(index):
        info = get_worker_info()
        return info.id, info.num_workers, type(info.dataset).__name__, info.seed > 0

    for number, *others in samples(loader_class, tell):
        assert number in {0, 1}
        assert others == [2, "Told", True]


def test_the_worker_info_has_this_workers_copy_of_the_dataset(loader_class):
    def tell(index):
        dataset = get_worker_info().dataset
        dataset.extra += 1
        return dataset.extra

    loader = loader_class(Told(tell), num_workers=1, collate_fn=first)
    assert list(loader) == [1, 2, 3, 4]
    assert loader.dataset.extra == 0


def test_the_worker_info_cannot_be_changed(loader_class):
    def tell(index):
        try:
            get_worker_info().id = 7
        except AttributeError as error:
            return type(error).__name__
        return "changed"

    assert set(samples(loader_class, tell)) == {"FrozenInstanceError"}


def test_the_seed_of_a_worker_is_the_base_seed_and_its_number(loader_class):
    torch.manual_seed(3)
    torchs = {"rng": "worker"} if loader_class is OURS else {}
    told = set(samples(loader_class, initial, **torchs))
    torch.manual_seed(3)
    base = torch.empty((), dtype=torch.int64).random_().item()
    assert told <= {(base + number, base + number, number) for number in range(2)}


def test_the_base_seed_comes_from_the_generator_that_was_given(loader_class):
    generator = torch.Generator().manual_seed(5)
    before = torch.get_rng_state()
    told = samples(loader_class, lambda index: initial(index)[1:], generator=generator)
    assert torch.equal(torch.get_rng_state(), before)
    base = torch.empty((), dtype=torch.int64)
    base.random_(generator=torch.Generator().manual_seed(5))
    assert set(told) <= {(base.item() + number, number) for number in range(2)}


def test_beginning_to_iterate_draws_from_the_generator(loader_class):
    before = torch.get_rng_state()
    iter(loader_class(range(3)))
    assert not torch.equal(torch.get_rng_state(), before)


def test_all_three_generators_are_seeded_in_a_worker(loader_class):
    made = []
    for _ in range(2):
        torch.manual_seed(1)
        made.append(samples(loader_class, draw, num_workers=1))
    assert made[0] == made[1]
    assert len(set(made[0])) == 4


def test_workers_draw_different_numbers(loader_class):
    assert len(set(samples(loader_class, draw))) == 4


def test_a_function_is_called_in_each_worker_with_its_number_after_seeding(loader_class):
    def begin(number):
        info = get_worker_info()
        info.dataset.extra = (number, info.id, random.random())

    def tell(index):
        return get_worker_info().dataset.extra

    torch.manual_seed(1)
    told = {one[0]: one for one in samples(loader_class, tell, worker_init_fn=begin)}
    torch.manual_seed(1)
    again = {one[0]: one for one in samples(loader_class, tell, worker_init_fn=begin)}
    assert all(again[number] == told[number] for number in told.keys() & again)  # if both worked
    assert all(number == of_info for number, of_info, _ in told.values())


def test_prefetching_makes_so_many_batches_ahead_for_each_worker(loader_class):
    drawn = []

    class Sampler:
        def __iter__(self):
            for index in range(99):
                drawn.append(index)
                yield index

        def __len__(self):
            return 99

    loader = loader_class(range(99), sampler=Sampler(), num_workers=2, prefetch_factor=3)
    iterator = iter(loader)
    assert len(drawn) == 6
    next(iterator)
    assert len(drawn) == 7


def test_workers_end_with_the_epoch_and_start_again_with_the_next(loader_class):
    loader = loader_class(Told(lambda index: os.getpid()), num_workers=1, collate_fn=first)
    assert len({*loader, *loader}) == 2


def test_persistent_workers_outlive_the_epoch_with_their_dataset(loader_class):
    def tell(index):
        dataset = get_worker_info().dataset
        dataset.extra += 1
        return os.getpid(), dataset.extra

    loader = loader_class(Told(tell), num_workers=1, collate_fn=first, persistent_workers=True)
    told = [*loader, *loader]
    assert len({pid for pid, _ in told}) == 1
    assert [extra for _, extra in told] == list(range(1, 9))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_can_be_started_by_any_method(loader_class, method):
    loader = loader_class(range(4), 2, num_workers=1, multiprocessing_context=method)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3]]


@pytest.mark.filterwarnings("ignore:Got pickle error")  # torch's
def test_a_function_that_cannot_be_pickled_cannot_be_handed_to_spawned_workers(loader_class):
    loader = loader_class(
        range(4), num_workers=1, multiprocessing_context="spawn", worker_init_fn=lambda number: None
    )
    with pytest.raises((AttributeError, TypeError), match=r"(?i)pickle|lambda"):
        list(loader)


def test_a_batch_that_takes_longer_than_the_timeout_is_a_runtime_error(loader_class):
    def hang(index):
        time.sleep(60)

    loader = loader_class(Told(hang), num_workers=1, timeout=0.5)
    with pytest.raises(RuntimeError):
        next(iter(loader))


def test_more_workers_than_processors_are_warned_of(loader_class):
    with pytest.warns(UserWarning, match="This DataLoader will create 999 worker processes"):
        loader_class(range(3), num_workers=999)


def test_an_exception_in_a_worker_keeps_its_type(loader_class):
    def fail(index):
        raise LookupError(index)

    with pytest.raises(LookupError):
        samples(loader_class, fail)


@pytest.fixture(autouse=True)
def _quietly():
    """Forking a process that has threads is warned of since Python 3.12."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*multi-threaded.*", DeprecationWarning)
        yield
