"""How public code uses the class: a small stand-in for each idiom."""

import queue
import threading

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, Dataset, DistributedSampler, RandomSampler
from torch.utils.data.dataloader import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter

from trueload import DataLoader

from .parts import WORKERS, Endless, Numbers, batches, ends_soon, is_alive, samples, take, told


@pytest.fixture(params=WORKERS)
def workers(request):
    return request.param


def test_mingpt_draws_from_a_sampler_of_ten_billion_samples(workers):
    sampler = RandomSampler(Numbers(), replacement=True, num_samples=int(1e10))
    loader = DataLoader(Numbers(), batch_size=4, sampler=sampler, num_workers=workers)
    found = take(iter(loader), 3)
    assert [len(batch) for batch in found] == [4, 4, 4]
    assert len(loader) == int(1e10) // 4


def test_mingpt_begins_again_at_the_end_of_the_data(workers):
    loader = DataLoader(Numbers(4), batch_size=2, num_workers=workers)
    iterator, found = iter(loader), []
    while len(found) < 5:
        try:
            batch = next(iterator)
        except StopIteration:
            iterator = iter(loader)
            batch = next(iterator)
        found.append(batch.tolist())
    assert found == [[0, 1], [2, 3], [0, 1], [2, 3], [0, 1]]


def _cycled(loader):
    """Go on for ever as denoising-diffusion-pytorch, guided-diffusion and GAN scripts do."""
    while True:
        yield from loader


def test_diffusion_and_gan_scripts_cycle_over_a_loader(workers):
    cycle = _cycled(DataLoader(Numbers(4), batch_size=2, num_workers=workers))
    assert take(cycle, 5) == [[0, 1], [2, 3], [0, 1], [2, 3], [0, 1]]


def test_gan_scripts_zip_two_cycles_of_one_loader(workers):
    loader = DataLoader(Numbers(4), batch_size=2, num_workers=workers)
    pairs = zip(_cycled(loader), _cycled(loader), strict=True)
    assert [told(first) for first, _ in [next(pairs) for _ in range(3)]] == [[0, 1], [2, 3], [0, 1]]


class Repeating:
    """The sampler of timm and Ultralytics: another one, for ever."""

    def __init__(self, sampler):
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from iter(self.sampler)


class InfiniteDataLoader(DataLoader):
    """As in Ultralytics: one iterator for all epochs, made while the loader is constructed."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        object.__setattr__(self, "batch_sampler", Repeating(self.batch_sampler))
        self.iterator = super().__iter__()

    def __len__(self):
        return len(self.batch_sampler.sampler)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)

    def reset(self):
        self.iterator = self._get_iterator()

    def close(self):
        if hasattr(self.iterator, "_workers"):
            for worker in self.iterator._workers:
                if worker.is_alive():
                    worker.terminate()
            self.iterator._shutdown_workers()


def test_ultralytics_goes_over_one_endless_iterator(workers):
    loader = InfiniteDataLoader(Numbers(6), batch_size=4, num_workers=workers)
    assert len(loader) == 2
    assert [batches(loader), batches(loader)] == [[[0, 1, 2, 3], [4, 5]]] * 2


def test_ultralytics_resets_the_iterator_when_the_dataset_has_changed(workers):
    loader = InfiniteDataLoader(Numbers(6), batch_size=4, num_workers=workers)
    batches(loader)
    loader.collate_fn = sum
    loader.reset()
    assert list(loader) == [6, 9]


def test_ultralytics_terminates_the_workers_when_it_closes():
    loader = InfiniteDataLoader(Numbers(6), batch_size=4, num_workers=2)
    batches(loader)
    pids = [worker.pid for worker in loader.iterator._workers]
    loader.close()
    assert ends_soon(lambda: not any(map(is_alive, pids)))


class MultiEpochsDataLoader(DataLoader):
    """As in timm: the lock is opened, the batch sampler repeats."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._DataLoader__initialized = False
        if self.batch_sampler is None:
            self.sampler = Repeating(self.sampler)
        else:
            self.batch_sampler = Repeating(self.batch_sampler)
        self._DataLoader__initialized = True
        self.iterator = super().__iter__()

    def __len__(self):
        sampler = self.sampler if self.batch_sampler is None else self.batch_sampler
        return len(sampler.sampler)

    def __iter__(self):
        for _ in range(len(self)):
            yield next(self.iterator)


@pytest.mark.parametrize("batch_size", [2, None])
def test_timm_keeps_the_workers_over_epochs(workers, batch_size):
    loader = MultiEpochsDataLoader(Numbers(4), batch_size=batch_size, num_workers=workers)
    epoch = [[0, 1], [2, 3]] if batch_size else [0, 1, 2, 3]
    assert [batches(loader) for _ in range(3)] == [epoch] * 3


def test_netharn_opens_the_lock_for_another_batch_size_each_epoch(workers):
    loader = DataLoader(Numbers(4), batch_size=2, num_workers=workers)
    batches(loader)
    loader._DataLoader__initialized = False
    loader.batch_size = loader.batch_sampler.batch_size = 3
    loader.dataset = [5, 6, 7, 8]
    loader._DataLoader__initialized = True
    assert batches(loader) == [[5, 6, 7], [8]]


def test_detectron2_cuts_lists_from_an_endless_sampler(workers):
    loader = DataLoader(
        Numbers(3),
        batch_sampler=BatchSampler(Endless(3), 1, drop_last=False),
        collate_fn=lambda batch: batch,
        num_workers=workers,
        worker_init_fn=np.random.seed,
    )
    assert take(iter(loader), 5) == [[0], [1], [2], [0], [1]]


class Background(threading.Thread):
    """prefetch_generator's: a thread runs ahead of whoever takes."""

    def __init__(self, generator):
        super().__init__(daemon=True)
        self.generator, self.queue = generator, queue.Queue(1)
        self.start()

    def run(self):
        for item in self.generator:
            self.queue.put(item)
        self.queue.put(None)

    def __iter__(self):
        return self

    def __next__(self):
        item = self.queue.get()
        if item is None:
            self.join()
            raise StopIteration
        return item


class DataLoaderX(DataLoader):
    def __iter__(self):
        return Background(super().__iter__())


def test_prefetch_generator_iterates_in_a_thread(workers):
    loader = DataLoaderX(Numbers(5), batch_size=2, num_workers=workers)
    assert [batches(loader), batches(loader)] == [[[0, 1], [2, 3], [4]]] * 2


class Prefetcher:
    """apex's: one batch ahead of the loop."""

    def __init__(self, loader):
        self.loader = iter(loader)
        self.ahead = next(self.loader, None)

    def next(self):
        batch, self.ahead = self.ahead, next(self.loader, None)
        return batch


def test_apex_keeps_one_batch_ahead(workers):
    class Pictures(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return np.full((2, 2), index, np.uint8), index

    def fast_collate(batch):
        pictures = torch.zeros((len(batch), 2, 2), dtype=torch.uint8)
        for row, (picture, _) in enumerate(batch):
            pictures[row] += torch.from_numpy(picture)
        return pictures, torch.tensor([target for _, target in batch])

    loader = DataLoader(
        Pictures(),
        2,
        num_workers=workers,
        collate_fn=lambda batch: (*fast_collate(batch), len(batch)),
    )
    prefetcher, found = Prefetcher(loader), []
    while (batch := prefetcher.next()) is not None:
        assert batch[0][:, 0, 0].tolist() == batch[1].tolist()
        found += batch[1].tolist()
    assert found == [0, 1, 2, 3]


def _per_rank(loader_of, epoch):
    found = []
    for rank in range(2):
        sampler = DistributedSampler(Numbers(8), num_replicas=2, rank=rank, seed=3)
        loader = loader_of(sampler)
        inner = getattr(loader.batch_sampler.sampler, "sampler", loader.batch_sampler.sampler)
        inner.set_epoch(epoch)
        found.append(samples(loader))
    return found


def test_mae_and_torchvision_set_the_epoch_of_the_sampler(workers):
    def loader_of(sampler):
        return DataLoader(Numbers(8), batch_size=2, sampler=sampler, num_workers=workers)

    first, second = _per_rank(loader_of, 0), _per_rank(loader_of, 1)
    assert first != second
    assert sorted(first[0] + first[1]) == sorted(second[0] + second[1]) == list(range(8))


def test_the_epoch_of_a_nested_sampler_is_set_through_the_loader(workers):
    class Around:
        def __init__(self, sampler):
            self.sampler = sampler

        def __iter__(self):
            return iter(self.sampler)

    def loader_of(sampler):
        cut = BatchSampler(Around(sampler), 2, drop_last=False)
        return DataLoader(Numbers(8), batch_sampler=cut, num_workers=workers)

    first, second = _per_rank(loader_of, 0), _per_rank(loader_of, 1)
    assert first != second
    assert sorted(first[0] + first[1]) == list(range(8))


def test_open_clip_and_mae_set_the_epoch_with_persistent_workers():
    sampler = DistributedSampler(Numbers(8), num_replicas=1, rank=0, seed=3)
    loader = DataLoader(Numbers(8), sampler=sampler, num_workers=2, persistent_workers=True)
    found = []
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        found.append((samples(loader), list(sampler)))
    loader._iterator = None
    assert all(given == expected for given, expected in found)
    assert found[0] != found[1]


def test_fairseq_resumes_with_the_rest_of_a_list_of_batches(workers):
    lists = [[0, 1], [2], [3, 4, 5], [6]]
    timeout = 30 if workers else 0
    loader = DataLoader(Numbers(), batch_sampler=lists[1:], num_workers=workers, timeout=timeout)
    assert (len(loader), len(iter(loader))) == (3, 3)
    found = []
    thread = threading.Thread(target=lambda: found.extend(batches(loader)))
    thread.start()
    thread.join()
    assert found == lists[1:]


class SaveableDataLoader(DataLoader):
    """As in speechbrain: where the iterator is comes from torch's private names."""

    iterator = None

    def __iter__(self):
        self.iterator = super().__iter__()
        return self.iterator


def test_speechbrain_reads_where_the_iterator_is(workers):
    loader = SaveableDataLoader(Numbers(), batch_size=2, num_workers=workers)
    take(iter(loader), 3)
    assert loader.iterator._num_yielded == 3


def test_speechbrain_patches_torchs_iterators(workers, monkeypatch):
    init, begun = _BaseDataLoaderIter.__init__, []

    def patched(self, loader, *args, **kwargs):
        init(self, loader, *args, **kwargs)
        begun.append((self, self._sampler_iter is not None))

    monkeypatch.setattr(_BaseDataLoaderIter, "__init__", patched)
    iterator = iter(DataLoader(Numbers(4), batch_size=2, num_workers=workers))
    assert begun == [(iterator, True)]
    begun.clear()
    assert batches(iterator) == [[0, 1], [2, 3]]


class Doubling(_MultiProcessingDataLoaderIter):
    """Research code's and Lightning's: torch's iterator with another `_next_data`."""

    def _next_data(self):
        return super()._next_data() * 2


class FromHook(DataLoader):
    def _get_iterator(self):
        return Doubling(self)


class FromIter(DataLoader):
    def __iter__(self):
        return Doubling(self)


@pytest.mark.parametrize("loader_class", [FromHook, FromIter])
def test_a_subclass_of_torchs_iterator_takes_our_loader(loader_class):
    loader = loader_class(Numbers(4), batch_size=2, num_workers=2)
    assert [batches(loader), batches(loader)] == [[[0, 2], [4, 6]]] * 2


def test_a_subclass_of_torchs_iterator_is_reset_with_persistent_workers():
    loader = FromHook(Numbers(4), batch_size=2, num_workers=2, persistent_workers=True)
    first = iter(loader)
    found = batches(first)
    assert iter(loader) is first
    assert batches(first) == found == [[0, 2], [4, 6]]
    loader._iterator = None


class Caching(_MultiProcessingDataLoaderIter):
    """Lightning's cache loader: it looks at what comes from the workers."""

    def __init__(self, loader):
        self.seen = 0
        super().__init__(loader)

    def _get_data(self):
        self.seen += 1
        return super()._get_data()


def test_lightnings_cache_loader_looks_at_the_data_of_the_workers():
    iterator = Caching(DataLoader(Numbers(4), batch_size=2, num_workers=1))
    assert batches(iterator) == [[0, 1], [2, 3]]
    assert iterator.seen == 2


def test_a_loader_with_attributes_of_its_own_keeps_them_as_in_open_clip(workers):
    loader = DataLoader(Numbers(5), batch_size=2, num_workers=workers)
    loader.num_batches, loader.num_samples = len(loader), len(loader.dataset)
    batches(loader)
    assert (loader.num_batches, loader.num_samples) == (3, 5)
