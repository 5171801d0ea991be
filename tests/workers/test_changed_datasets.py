"""A dataset that its own samples change is named; one that only writes to its memory is not."""

import copy
import logging
import os
import random

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, Subset

from trueload import DataLoader
from trueload.errors import DatasetChangedError
from trueload.iterators import telling
from trueload.watching import pages as pages_module
from trueload.watching.pages import Exclusive, Protected

LENGTH, WIDTH = 64, 1024


@pytest.fixture(params=[0, 2])
def workers(request):
    return request.param


@pytest.fixture(autouse=True)
def _untold():
    telling._told.clear()


class Images(Dataset):
    """Rows of an array and of a tensor, one page each."""

    def __init__(self):
        self.array = np.arange(LENGTH * WIDTH, dtype=np.float32).reshape(LENGTH, WIDTH)
        self.tensor = torch.from_numpy(self.array.copy())
        self.bad = {37} if hasattr(self, "change") else set()

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        if index in self.bad:
            return self.change(index)
        return torch.tensor(self.array[index])


class InNumpy(Images):
    def change(self, index):
        row = self.array[index]
        row += 1
        return row.copy()


class Sorted(Images):
    def change(self, index):
        self.array[index] = np.roll(self.array[index], 1)
        return self.array[index]


class Out(Images):
    def change(self, index):
        return np.multiply(self.array[index], 2, out=self.array[index])


class InTorch(Images):
    def change(self, index):
        return self.tensor[index].mul_(2)


class ByData(Images):
    def change(self, index):
        row = self.tensor[index]
        row.data += 1
        return row


class ByNumpyView(Images):
    def change(self, index):
        row = self.tensor[index].numpy()
        row -= 1
        return row


class ByShallowCopy(Images):
    def change(self, index):
        row = copy.copy(self.tensor[index])
        row += 1
        return row


class ByDlpack(Images):
    def change(self, index):
        row = torch.from_dlpack(self.array[index])
        row += 1
        return row


class Shared(Images):
    def __init__(self):
        super().__init__()
        self.tensor = torch.ones(LENGTH, WIDTH).share_memory_()

    def change(self, index):
        return self.tensor[index].mul_(3).clone()


class AtRandom(Images):
    def change(self, index):
        row = self.array[index]
        row[random.randrange(WIDTH)] += 1
        return row


BUGS = [
    InNumpy,
    Sorted,
    Out,
    InTorch,
    ByData,
    ByNumpyView,
    ByShallowCopy,
    ByDlpack,
    Shared,
    AtRandom,
]
"""Each changes the dataset in the second line of `change`, or in its only one."""


def told(caplog):
    return [record.message for record in caplog.records if "[TL301]" in record.message]


def line_of(kind):
    """Give the number of the line that changes the dataset."""
    code = kind.change.__code__
    lines = sorted({line for *_, line in code.co_lines() if line})
    second = kind in {Sorted, Out, InTorch, Shared}
    return lines[1] if second else lines[2]


@pytest.mark.parametrize("kind", BUGS)
def test_a_sample_that_changes_the_dataset_is_named_with_array_row_and_line(kind, workers, caplog):
    for _ in DataLoader(kind(), 8, num_workers=workers):
        pass
    (message,) = told(caplog)
    name = "tensor" if "tensor" in kind.change.__code__.co_names else "array"
    assert message.startswith("dataset[37] changes the dataset in place [TL301]")
    assert f"array   dataset.{name}, float32 ({LENGTH}, {WIDTH})\n  row     37\n" in message
    assert f"at      test_changed_datasets.py:{line_of(kind)} in {kind.__name__}.change" in message


def test_looking_changes_nothing():
    quiet, watched = InNumpy(), InNumpy()
    batches = [
        list(DataLoader(one, 8, guard=guard)) for one, guard in ((quiet, "off"), (watched, "on"))
    ]
    assert all(torch.equal(one, other) for one, other in zip(*batches, strict=True))
    assert (quiet.array == watched.array).all()


def test_it_is_told_once(workers, caplog):
    dataset = InNumpy()
    dataset.bad = set(range(LENGTH))
    for _ in range(2):
        list(DataLoader(dataset, 8, num_workers=workers))
    assert len(told(caplog)) == 1


def test_the_guard_may_be_strict(workers):
    loader = DataLoader(InNumpy(), 8, num_workers=workers, guard="strict")
    with pytest.raises(DatasetChangedError, match=r"dataset\[37\] changes the dataset"):
        list(loader)


def test_the_guard_may_be_off(workers, caplog):
    list(DataLoader(InNumpy(), 8, num_workers=workers, guard="off"))
    assert not told(caplog)


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda dataset: Subset(dataset, range(30, 40)), "dataset.dataset.array"),
        (lambda dataset: ConcatDataset([dataset, Images()]), "dataset.datasets[0].array"),
    ],
)
def test_a_dataset_within_a_dataset_is_watched(wrap, path, workers, caplog):
    list(DataLoader(wrap(InNumpy()), 8, num_workers=workers))
    (message,) = told(caplog)
    assert f"array   {path}, " in message


def test_a_collate_function_that_writes_to_its_samples_is_named(workers, caplog):
    class Rows(Images):
        def __getitem__(self, index):
            return self.array[index]

    def centered(samples):
        rows = iter(samples)
        for row in rows:
            row.fill(row[0] + 1)
        return np.stack(samples)

    list(DataLoader(Rows(), 8, collate_fn=centered, num_workers=workers))
    (message,) = told(caplog)
    assert "`collate_fn` changes the dataset in place" in message
    assert "line    row.fill(row[0] + 1)" in message


def test_a_transform_that_writes_to_its_sample_changes_nothing(workers, caplog):
    class Rows(Images):
        def __getitem__(self, index):
            return self.tensor[index]

    list(DataLoader(Rows(), 8, transform=lambda sample: sample.mul_(2), num_workers=workers))
    assert not told(caplog)


class Cached(Images):
    """Computes what is asked for the first time, and keeps it."""

    def __init__(self):
        super().__init__()
        self.known = np.zeros((LENGTH, 512), bool)

    def __getitem__(self, index):
        if not self.known[index].all():
            self.array[index] /= 255
            self.known[index] = True
        return self.array[index].copy()


class Clipped(Images):
    def __getitem__(self, index):
        return np.clip(self.array[index], 0, 100, out=self.array[index])


class Counting(Images):
    def __init__(self):
        super().__init__()
        self.visits = np.zeros(LENGTH * 1024, np.int64)

    def __getitem__(self, index):
        self.visits[index] += 1
        return self.array[index]


class Scratch(Images):
    def __init__(self):
        super().__init__()
        self.scratch = np.zeros(8 * WIDTH, np.float32)

    def __getitem__(self, index):
        np.multiply(self.array[index], 2, out=self.scratch[:WIDTH])
        return self.scratch[:WIDTH]


class NoisyScratch(Scratch):
    """Fills its scratch memory with noise that no seed governs."""

    def __getitem__(self, index):
        noise = np.frombuffer(os.urandom(4 * WIDTH), np.uint32)
        self.scratch[:WIDTH] = self.array[index] + noise
        return self.scratch[:WIDTH].copy()


class Statistics(Images):
    def __init__(self):
        super().__init__()
        self.sums = np.zeros(4 * WIDTH)

    def __getitem__(self, index):
        self.sums[:WIDTH] += self.array[index]
        return self.array[index]


class Memo(Images):
    def __init__(self):
        super().__init__()
        self.memo = {}

    def __getitem__(self, index):
        if index not in self.memo:
            self.memo[index] = np.sqrt(self.array[index])
        return self.memo[index]


class OnACopy(Images):
    def __getitem__(self, index):
        row = self.array[index].copy()
        row -= row.mean()
        return row


class Augmented(Images):
    def __getitem__(self, index):
        row = self.tensor[index].clone()
        row += random.random()
        return row.mul_(np.random.rand())


class Preallocated(Images):
    """Reads what it gives into memory that it keeps."""

    def __init__(self):
        super().__init__()
        self.buffer = torch.zeros(4, WIDTH)

    def __getitem__(self, index):
        return self.buffer[0].copy_(self.tensor[index])


class Filled(Images):
    """Fills its array as samples are asked for."""

    def __init__(self):
        super().__init__()
        self.store = np.full((LENGTH, WIDTH), np.nan, np.float32)

    def __getitem__(self, index):
        if np.isnan(self.store[index, 0]):
            self.store[index] = np.cos(self.array[index])
        return self.store[index]


CLEAN = [
    Cached,
    Clipped,
    Counting,
    Scratch,
    NoisyScratch,
    Statistics,
    Memo,
    OnACopy,
    Augmented,
    Preallocated,
    Filled,
]


@pytest.mark.parametrize("kind", CLEAN)
@pytest.mark.parametrize(
    "keyed",
    [
        {},
        pytest.param({"seed": 1}, marks=pytest.mark.slow),
        pytest.param({"rng": "worker"}, marks=pytest.mark.slow),
    ],
)
def test_a_dataset_that_writes_to_its_memory_and_gives_the_same_is_left_alone(
    kind, keyed, workers, caplog
):
    dataset = kind()
    loader = DataLoader(
        dataset, 8, num_workers=workers, shuffle=True, persistent_workers=workers > 0, **keyed
    )
    for _ in range(3):
        list(loader)
    loader._iterator = None
    assert not told(caplog)


def test_who_writes_to_the_dataset_between_batches_is_left_alone(caplog):
    dataset = Images()
    for number, _ in enumerate(DataLoader(dataset, 8)):
        dataset.array[number] = 0
    assert not told(caplog)


def test_where_the_kernel_does_not_protect_pages_forked_workers_are_watched_otherwise(
    caplog, monkeypatch
):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(pages_module, "Protected", refuse)
    list(DataLoader(InNumpy(), 8, num_workers=2))
    (message,) = told(caplog)
    assert "row     37" in message


@pytest.mark.parametrize("kind", [Protected, Exclusive])
def test_pages_that_were_written_to_are_told_once(kind):
    array = np.ones(100_000)
    address = array.__array_interface__["data"][0]
    start = -(-address // 4096) * 4096
    if kind is Protected:
        pages = kind([(start, start + 50 * 4096)])
        assert pages.written() == []
        array[1000] = 5
        (span,) = pages.written()
        assert span[0] <= address + 8000 < span[1]
        assert pages.written() == []
        pages.close()
    else:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            pages = kind([(start, start + 50 * 4096)])
            array[1000] = 5
            (span,) = pages.written()
            os.write(writer, b"1" if span[0] <= address + 8000 < span[1] else b"0")
            os._exit(0)
        assert os.read(reader, 1) == b"1"
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)


def test_small_datasets_are_not_watched_and_cost_nothing(caplog):
    caplog.set_level(logging.DEBUG, "trueload")
    list(DataLoader(torch.utils.data.TensorDataset(torch.arange(4.0)), 2))
    assert not caplog.records


class Doubling(Dataset):
    """Multiplies what it keeps in place, in each of several ways."""

    def __init__(self):
        self.large = np.arange(40 * 3000.0).reshape(40, 3000)
        self.tensor = torch.arange(40 * 3000.0).reshape(40, 3000)
        self.small = np.arange(40.0)

    def __len__(self):
        return 40

    def __getitem__(self, index):
        large, tensor = self.large[index], self.tensor[index]
        large *= 2
        tensor.mul_(2)
        self.small[index] *= 2
        return large, tensor, self.small[index]


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("collate_fn", [None, lambda samples: samples])
def test_what_samples_write_can_be_undone_after_each_batch(workers, persistent, collate_fn):
    dataset = Doubling()
    loader = DataLoader(
        dataset,
        4,
        copy="rollback",
        num_workers=workers,
        collate_fn=collate_fn,
        persistent_workers=persistent and workers > 0,
    )
    epochs = [str(list(loader)) for _ in range(5)]
    loader._iterator = None
    assert len(set(epochs)) == 1
    assert (dataset.large == np.arange(40 * 3000.0).reshape(40, 3000)).all()
    (first, *_) = DataLoader(dataset, 4, copy="rollback")
    assert torch.equal(first[0], 2 * torch.from_numpy(dataset.large[:4]))


@pytest.mark.parametrize("workers", [0, 3])
def test_it_is_undone_without_help_of_the_kernel_too(workers, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(pages_module, "Protected", refuse)
    loader = DataLoader(Doubling(), 4, copy="rollback", num_workers=workers)
    assert len({str(list(loader)) for _ in range(3)}) == 1


def test_what_is_changed_between_epochs_stays_changed():
    dataset = Doubling()
    loader = DataLoader(dataset, 4, copy="rollback", num_workers=2, persistent_workers=True)
    list(loader)
    dataset.small = np.ones(40)
    for _ in range(2):
        assert all((batch[2] == 2).all() for batch in loader)
    loader._iterator = None


def test_it_is_undone_where_a_sample_raises():
    class Failing(Doubling):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            if index == 2:
                raise LookupError
            return sample

    dataset = Failing()
    batches = iter(DataLoader(dataset, 4, copy="rollback"))
    with pytest.raises(LookupError):
        next(batches)
    assert dataset.small.tolist() == list(range(40))
