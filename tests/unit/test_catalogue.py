"""Fifteen ways in which memory goes wrong in silence: with torch's loader it does, with ours not.

Each test shows with torch's loader what happens, and with ours that it does not, or that it is
named with the attribute and the line.
"""

from functools import partial
from itertools import cycle, islice

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Sampler

import trueload
from trueload.errors import ReadOnlyError
from trueload.iterators.telling import _told

LENGTH, WIDTH = 16, 1024
TORCH, OURS = torch.utils.data.DataLoader, trueload.DataLoader


@pytest.fixture(autouse=True)
def _untold():
    _told.clear()


def told(caplog):
    return [record.message for record in caplog.records if "[TL301]" in record.message]


def first(samples):
    return samples[0]


def same(samples):
    return samples


class Rows(Dataset):
    """Rows of ones, a page each."""

    def __init__(self):
        self.rows = torch.ones(LENGTH, WIDTH)

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return self.rows[index]


class Doubling(Rows):
    """Doubles what it gives, in place."""

    def __getitem__(self, index):
        return self.rows[index].mul_(2).clone()


def largest(loader, epochs=3):
    """Give the largest value of each epoch."""
    return [max(batch.max().item() for batch in loader) for _ in range(epochs)]


def assert_named(caplog, path="dataset.rows", line="self.rows[index].mul_(2)"):
    message, *more = told(caplog)
    assert not more
    assert f"  {path}, " in message
    assert f"  line    {line}" in message or f"  line    return {line}" in message


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": None},
        {"collate_fn": first},
        {"batch_size": 2, "collate_fn": same},
        {"batch_size": 4, "collate_fn": lambda samples: samples[::2]},
    ],
    ids=["no batch", "the first", "the list", "a slice"],
)
def test_1_what_is_handed_out_is_the_datasets_own(options):
    for loader_class, rest in ((TORCH, 0), (OURS, 1)):
        dataset = Rows()
        for batch in loader_class(dataset, **options):
            for sample in batch if isinstance(batch, list) else [batch]:
                sample.zero_()
        assert dataset.rows[0].max() == rest


def test_2_targets_are_handed_out_with_what_they_hold():
    class Targets(Rows):
        def __init__(self):
            self.targets = [{"boxes": [torch.ones(4)], "more": []} for _ in range(LENGTH)]

        def __getitem__(self, index):
            return self.targets[index]

    for loader_class, rest in ((TORCH, 0.25), (OURS, 1)):
        dataset = Targets()
        for _ in range(2):
            for target in loader_class(dataset, 1, collate_fn=first):
                target["boxes"][0].mul_(0.5)
                target["more"].append("seen")
        assert dataset.targets[3]["boxes"][0].max() == rest
        assert len(dataset.targets[3]["more"]) == (2 if rest < 1 else 0)


def test_3_a_cycle_gives_batches_again_that_have_been_changed():
    def used(batches):
        return [batch.mul_(2).max().item() for batch in islice(batches, 3 * LENGTH)][-1]

    assert used(cycle(TORCH(Rows(), 1))) == 8
    assert used(OURS(Rows(), 1).endless()) == 2


def test_4_batches_that_are_kept_change_with_the_memory_they_lie_in():
    class Filling:
        """A loader with two buffers, as those that recycle their output have."""

        def __init__(self):
            self.buffers = cycle([torch.zeros(2), torch.zeros(2)])

        def __iter__(self):
            return (next(self.buffers).fill_(number) for number in range(8))

    assert [batch[0].item() for batch in list(Filling())] == [6, 7] * 4
    numbers = [torch.full((1 << 18,), float(number)) for number in range(8)]
    for workers in (0, 1):
        kept = list(OURS(numbers, 1, num_workers=workers))
        assert [batch.max().item() for batch in kept] == list(range(8))


def test_5_a_transform_in_place_drifts_without_workers(caplog):
    assert largest(TORCH(Doubling(), 4)) == [2, 4, 8]
    assert largest(OURS(Doubling(), 4)) == [2, 4, 8]
    assert_named(caplog)
    assert largest(OURS(Doubling(), 4, copy="rollback")) == [2, 2, 2]


def test_6_fresh_workers_hide_it(caplog):
    assert largest(TORCH(Doubling(), 4, num_workers=1)) == [2, 2, 2]
    list(OURS(Doubling(), 4, num_workers=1))
    assert_named(caplog)


def test_7_with_persistent_workers_it_depends_on_who_makes_what(caplog):
    torch_loader = TORCH(Doubling(), 4, num_workers=1, persistent_workers=True)
    assert largest(torch_loader) == [2, 4, 8]
    torch_loader._iterator = None
    loader = OURS(Doubling(), 4, num_workers=1, persistent_workers=True)
    list(loader)
    loader._iterator = None
    assert_named(caplog)
    loader = OURS(Doubling(), 4, num_workers=1, persistent_workers=True, copy="rollback")
    assert largest(loader) == [2, 2, 2]
    loader._iterator = None


class Shared(Doubling):
    def __init__(self):
        super().__init__()
        self.rows.share_memory_()


def test_8_tensors_in_shared_memory_are_changed_for_all(caplog):
    dataset = Shared()
    list(TORCH(dataset, 4, num_workers=2))
    assert dataset.rows.max() == 2
    list(OURS(Shared(), 4, num_workers=2))
    assert_named(caplog)


@pytest.mark.slow
def test_8_workers_that_are_started_anew_share_all_tensors(caplog):
    theirs, ours = Doubling(), Doubling()
    list(TORCH(theirs, 4, num_workers=2, multiprocessing_context="spawn"))
    assert theirs.rows.max() == 2
    list(OURS(ours, 4, num_workers=2, multiprocessing_context="spawn"))
    assert ours.rows.max() == 1
    assert_named(caplog)


class Mapped(Rows):
    def __init__(self, path):
        self.rows = np.memmap(path, np.float32, "w+", shape=(LENGTH, WIDTH))
        self.rows[:] = 1

    def __getitem__(self, index):
        row = self.rows[index]
        row *= 2
        return row.copy()


@pytest.mark.parametrize("workers", [0, 1])
def test_9_a_mapped_file_is_rewritten_on_disk(workers, tmp_path, caplog):
    def on_disk(loader_class, **options):
        dataset = Mapped(tmp_path / "rows")
        list(loader_class(dataset, 4, num_workers=workers, **options))
        dataset.rows.flush()
        return np.fromfile(tmp_path / "rows", np.float32).max()

    assert on_disk(TORCH) == 2
    on_disk(OURS)
    assert_named(caplog, line="row *= 2")
    assert on_disk(OURS, copy="rollback") == 1
    with pytest.raises(ReadOnlyError):
        on_disk(OURS, guard="strict")
    assert np.fromfile(tmp_path / "rows", np.float32).max() == 1


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")
def test_10_bytes_that_never_change_are_changed():
    class Bytes(Rows):
        def __init__(self):
            self.data = [bytes([index, 1, 1]) for index in range(LENGTH)]

        def __getitem__(self, index):
            return torch.frombuffer(self.data[index], dtype=torch.uint8)

    for loader_class, rest in ((TORCH, 0), (OURS, 1)):
        dataset = Bytes()
        for sample in loader_class(dataset, batch_size=None):
            sample.zero_()
        assert dataset.data[3][1] == rest


class Viewed(Rows):
    def __init__(self):
        super().__init__()
        self.place = self.rows.data_ptr()

    def __getitem__(self, index):
        return index


@pytest.mark.slow
def test_11_a_tensor_is_moved_away_from_under_its_views():
    for loader_class, moves in ((TORCH, True), (OURS, False)):
        dataset = Viewed()
        list(loader_class(dataset, 4, num_workers=1, multiprocessing_context="spawn"))
        assert (dataset.rows.data_ptr() != dataset.place) is moves
        assert dataset.rows.is_shared() is moves


class Aliased(Rows):
    """One list, sixteen times."""

    def __init__(self):
        self.boxes = [[1.0, 2.0]] * LENGTH

    def __getitem__(self, index):
        boxes = self.boxes[index]
        boxes[0] *= 2
        return torch.tensor(boxes)


def test_12_one_object_stands_for_all_samples(caplog):
    assert largest(TORCH(Aliased(), 4), epochs=1) == [2**16]
    list(OURS(Aliased(), 4))
    assert_named(caplog, path="dataset.boxes[0]", line="boxes[0] *= 2")


class Buffered(Rows):
    def __init__(self):
        self.buffer = np.zeros(3)

    def __getitem__(self, index):
        self.buffer[:] = index
        return self.buffer


def test_13_a_buffer_that_is_used_again_is_all_samples():
    (theirs, *_), (ours, *_) = TORCH(Buffered(), 4), OURS(Buffered(), 4)
    assert theirs[:, 0].tolist() == [0, 0, 0, 0] or theirs[:, 0].tolist() == [3, 3, 3, 3]
    assert ours[:, 0].tolist() == [0, 1, 2, 3]


class Collate:
    """Puts batches together in one array."""

    def __init__(self):
        self.array = np.zeros(1 << 18)

    def __call__(self, samples):
        self.array[:] = samples[0]
        return self.array


def test_14_an_array_that_is_pickled_late_holds_what_comes_later():
    options = {"batch_size": 1, "num_workers": 1, "prefetch_factor": 8, "collate_fn": Collate()}
    numbers = range(40)
    theirs = [set(np.unique(batch)) for batch in TORCH(numbers, **options)]
    assert theirs != [{number} for number in numbers]
    ours = [set(np.unique(batch)) for batch in OURS(numbers, **options)]
    assert ours == [{number} for number in numbers]


class Refilling(Sampler):
    """Gives one list of indices, filled again each time."""

    def __init__(self):
        self.indices = []

    def __iter__(self):
        for start in range(0, 400, 4):
            self.indices.clear()
            self.indices += range(start, start + 4)
            yield self.indices


def test_15_a_list_of_indices_that_is_used_again_loses_samples():
    def given(loader_class, workers):
        loader = loader_class(range(400), batch_sampler=Refilling(), num_workers=workers)
        return torch.cat(list(loader)).tolist()

    assert sorted(given(TORCH, 2)) != list(range(400))
    for workers in (0, 2):
        assert given(OURS, workers) == list(range(400))


WRITES = {
    "data": lambda row: row.data.add_(1),
    "numpy": lambda row: np.add(row.numpy(), 1, out=row.numpy()),
    "dlpack": lambda row: np.from_dlpack(row).__iadd__(1),
    "out": lambda row: torch.add(row, 1, out=row),
    "storage": lambda row: torch.as_strided(row, (1,), (1,)).fill_(row[0].item() + 1),
    "inference": lambda row: torch.inference_mode()(lambda: row.add_(1))(),
    "index": lambda row: row.__setitem__(slice(None), row + 1),
    "copy": lambda row: np.copyto(row.numpy(), row.numpy() + 1),
    "buffer": lambda row: memoryview(row.numpy()).cast("B").cast("f").__setitem__(0, row[0] + 1),
}


class Written(Rows):
    def __init__(self, way):
        super().__init__()
        self.way = way

    def __getitem__(self, index):
        row = self.rows[index]
        if index == 5:
            WRITES[self.way](row)
        return row.clone()


@pytest.mark.parametrize("way", WRITES)
def test_each_way_to_write_to_a_tensor_is_named(way, caplog):
    list(OURS(Written(way), 4))
    (message,) = told(caplog)
    assert message.startswith("dataset[5] changes the dataset in place")
    assert f"array   dataset.rows, float32 ({LENGTH}, {WIDTH})\n  row     5\n" in message


@pytest.mark.slow
@pytest.mark.parametrize("way", WRITES)
@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_each_way_is_named_in_workers_too(way, context, caplog):
    make = partial(OURS, Written(way), 4, num_workers=1, multiprocessing_context=context)
    list(make())
    (message,) = told(caplog)
    assert message.startswith("dataset[5] changes the dataset in place")
