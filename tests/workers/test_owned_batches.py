"""What a loader gives is the caller's: no dataset, cache, buffer or other batch shares it."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset

from trueload import DataLoader
from trueload.errors import ArgumentError

LENGTH = 12


@pytest.fixture(params=[0, 2])
def workers(request):
    return request.param


def first(samples):
    return samples[0]


def as_it_is(samples):
    return samples


class Kept(Dataset):
    """Gives what it keeps."""

    def __init__(self, kind):
        self.tensors = torch.arange(LENGTH * 3.0).reshape(LENGTH, 3) + 1
        self.arrays = self.tensors.numpy().copy()
        self.targets = [
            {"boxes": self.tensors[index], "more": [self.arrays[index]]} for index in range(LENGTH)
        ]
        self.give = getattr(self, kind)

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return self.give(index)

    def rows(self, index):
        return self.tensors[index]

    def array_rows(self, index):
        return self.arrays[index]

    def over_arrays(self, index):
        return torch.from_numpy(self.arrays[index])

    def nested(self, index):
        return self.targets[index]

    def images_and_targets(self, index):
        return self.tensors[index] * 1, self.targets[index]

    def content(self):
        rows = [self.targets[index]["boxes"] for index in range(LENGTH)]
        return torch.stack(
            [self.tensors.sum(), torch.from_numpy(self.arrays).sum(), sum(rows).sum()]
        )


def emptied(value):
    """Write to all that can be written to."""
    if isinstance(value, torch.Tensor | np.ndarray):
        value[...] = 0
    elif isinstance(value, dict):
        for item in value.values():
            emptied(item)
        value.clear()
    elif isinstance(value, list | tuple):
        for item in value:
            emptied(item)


KINDS = ["rows", "array_rows", "over_arrays", "nested", "images_and_targets"]
WAYS = {
    "no batching": {"batch_size": None},
    "the first sample": {"collate_fn": first},
    "the samples as they are": {"batch_size": 3, "collate_fn": as_it_is},
    "every other sample": {"batch_size": 4, "collate_fn": lambda samples: samples[::2]},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_who_writes_to_a_batch_writes_to_nothing_of_the_dataset(way, kind, workers):
    dataset = Kept(kind)
    before = dataset.content()
    for batch in DataLoader(dataset, num_workers=workers, **WAYS[way]):
        emptied(batch)
    assert torch.equal(dataset.content(), before)


def test_with_torch_who_writes_to_a_batch_writes_to_the_dataset():
    dataset = Kept("rows")
    for batch in torch.utils.data.DataLoader(dataset, batch_size=None):
        batch.zero_()
    assert not dataset.tensors.any()


def test_the_batches_of_two_epochs_share_nothing(workers):
    loader = DataLoader(Kept("nested"), batch_size=None, num_workers=workers)
    one, other = list(loader), list(loader)
    emptied(one)
    assert all(sample["boxes"].all() for sample in other)


def test_read_only_memory_comes_as_memory_that_can_be_written_to(workers):
    class Frozen(Kept):
        def rows(self, index):
            return np.frombuffer(bytes([index, 1]), np.uint8)

    for sample in DataLoader(Frozen("rows"), collate_fn=first, num_workers=workers):
        np.add(sample, 1, out=sample)
        assert sample[1] == 2


class Writing:
    """A transform that changes its argument in place."""

    def __call__(self, sample):
        if isinstance(sample, dict):
            sample["boxes"].mul_(2)
            sample["more"][0] *= 2
            return sample
        if isinstance(sample, tuple):
            return sample[0].mul_(2), self(sample[1])
        sample *= 2
        return sample


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("together", [False, True])
def test_a_transform_may_change_its_sample_in_place(kind, together, workers):
    dataset = Kept(kind)
    if together:
        type(dataset).__getitems__ = lambda self, indices: [self[index] for index in indices]
    try:
        keep = {"persistent_workers": workers > 0}
        loader = DataLoader(
            dataset, 4, transform=Writing(), collate_fn=as_it_is, num_workers=workers, **keep
        )
        epochs = [[str(batch) for batch in loader] for _ in range(3)]
        loader._iterator = None
    finally:
        if together:
            del type(dataset).__getitems__
    assert epochs[0] == epochs[1] == epochs[2]
    assert torch.equal(dataset.content(), Kept(kind).content())


def test_a_transform_of_a_stream_may_change_its_sample_in_place(workers):
    class Stream(IterableDataset):
        rows = torch.ones(6, 2)

        def __iter__(self):
            yield from self.rows

    stream = Stream()
    for size in (None, 2):
        loader = DataLoader(stream, size, transform=Writing(), num_workers=min(workers, 1))
        assert all((batch == 2).all() for batch in [*loader, *loader])
    assert (stream.rows == 1).all()


class Buffered(Dataset):
    """Fills one buffer again and again."""

    def __init__(self, kind):
        self.buffer = torch.zeros(3) if kind.startswith("tensor") else np.zeros(3, np.float32)
        self.kind = kind

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        self.buffer[...] = index
        sample = torch.from_numpy(self.buffer) if "over" in self.kind else self.buffer
        sample = sample[:2] if "part" in self.kind else sample
        return {"x": [sample, index]} if "nested" in self.kind else sample


BUFFERS = ["tensor", "array", "tensor, part", "array, part", "over array", "array, nested"]


def values(batch):
    return (batch["x"][0] if isinstance(batch, dict) else batch)[:, 0].tolist()


@pytest.mark.parametrize("kind", BUFFERS)
@pytest.mark.parametrize("transform", [None, lambda sample: sample])
def test_samples_in_a_buffer_that_is_used_again_make_the_right_batch(kind, transform, workers):
    loader = DataLoader(Buffered(kind), 4, transform=transform, num_workers=workers)
    expected = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert [values(batch) for batch in loader] == expected
    assert [values(batch) for batch in loader] == expected


def test_a_large_buffer_that_the_guard_watches_is_not_forgotten(workers):
    class Reading(Buffered):
        def __init__(self):
            super().__init__("array")
            self.buffer = np.zeros(4096)

        def __len__(self):
            return 64

    batches = [values(batch) for batch in DataLoader(Reading(), 8, num_workers=workers)]
    assert batches == [list(range(first, first + 8)) for first in range(0, 64, 8)]


def test_a_buffer_whose_first_samples_were_equal_by_chance_makes_the_right_batches(workers):
    class Late(Buffered):
        def __getitem__(self, index):
            return super().__getitem__(0 if index < 4 else index)

    batches = [values(batch) for batch in DataLoader(Late("tensor"), 4, num_workers=workers)]
    assert batches == [[0] * 4, [4, 5, 6, 7], [8, 9, 10, 11]]


def test_with_torch_they_make_the_wrong_one():
    (batch, *_) = torch.utils.data.DataLoader(Buffered("tensor"), 4)
    assert values(batch) == [3, 3, 3, 3]


def test_a_transform_with_a_buffer_of_its_own_makes_the_right_batch(workers):
    class Scratch:
        buffer = torch.zeros(1)

        def __call__(self, index):
            return self.buffer.fill_(index)

    loader = DataLoader(range(8), 4, transform=Scratch(), num_workers=workers)
    assert [batch[:, 0].tolist() for batch in loader] == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("size", [None, 1, 4])
def test_a_generator_with_a_buffer_makes_the_right_samples(size, workers):
    class Stream(IterableDataset):
        def __iter__(self):
            buffer = np.zeros(1)
            for index in range(8):
                buffer[0] = index
                yield buffer

    batches = list(DataLoader(Stream(), size, num_workers=min(workers, 1)))
    assert torch.cat([batch.flatten() for batch in batches]).tolist() == list(range(8))


def test_a_collate_function_with_a_buffer_gives_batches_of_their_own(workers):
    class Filling:
        buffer = torch.zeros(2, 3)

        def __call__(self, samples):
            for row, sample in enumerate(samples):
                self.buffer[row] = sample
            return self.buffer

    batches = list(DataLoader(Kept("rows"), 2, collate_fn=Filling(), num_workers=workers))
    assert torch.equal(torch.cat(batches), Kept("rows").tensors)


def test_a_sample_made_again_is_the_callers(workers):
    dataset = Kept("rows")
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, seed=1)
    loader.replay(3).zero_()
    assert dataset.tensors[3].all()


def test_nothing_is_copied_that_is_the_batchs_own():
    made = []

    def make(samples):
        batch = {"x": torch.stack(samples)}
        made.append(batch["x"].data_ptr())
        return batch

    loader = DataLoader(Kept("rows"), 4, collate_fn=make)
    given = [batch["x"].data_ptr() for batch in islice(loader, 3)]
    assert given == made


def test_who_says_so_gets_what_the_dataset_keeps():
    dataset = Kept("rows")
    next(iter(DataLoader(dataset, batch_size=None, copy="never"))).zero_()
    assert not dataset.tensors[0].any()


def test_who_says_so_gets_copies_of_all():
    made = []

    def make(samples):
        batch = torch.stack(samples)
        made.append((batch, batch.data_ptr()))
        return made[-1][0]

    batch = next(iter(DataLoader(Kept("rows"), 4, collate_fn=make, copy="always")))
    assert batch.data_ptr() != made[0][1]
    assert torch.equal(batch, made[0][0])


def test_another_word_is_refused():
    with pytest.raises(ArgumentError, match="`copy` must be one of 'auto', 'always', 'never' or "):
        DataLoader(range(3), copy="deep")
